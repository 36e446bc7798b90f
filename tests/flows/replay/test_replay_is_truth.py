"""Law 2: the same archived input gives the same decisions, byte for byte."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connectors.archive.reader import ArchiveReader
from connectors.simulator.exchange import ExchangeParameters
from flows.replay.plan import ReplayPlan, load_plan
from flows.replay.range import ReplayRange, range_of
from flows.replay.runner import begin, run_stages
from flows.replay.summary import digest, summarise
from flows.replay.verify import compare
from flows.report.round_trips import round_trips
from flows.report.trades import read_trades
from models.contracts import Fill, Outcome
from models.failures import Failure
from models.journal import decode_event
from models.settings import Settings
from models.topics import FEED_CLOCK, FEEDS, FILLS, JOURNAL, OUTCOMES
from tests.once import once
from tests.recordings import simulate

SECONDS = 345
KILLS = 20


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six minutes of an exchange with a known edge: a lagging, erring maker."""
    given = ExchangeParameters(lag_s=3.0, maker_error=0.05, frames_per_s=10.0)
    return once(tmp_path_factory, "recording", lambda folder: simulate(folder / "archive", SECONDS, given)) / "archive"


def _plan(archive: Path, run: Path, **changes: object) -> ReplayPlan:
    given: dict[str, object] = {"start": "feeds", "workers": 1, "batch_size": 1_000, "snapshot_s": 1.0}
    return ReplayPlan.model_validate({"archive": archive, "run": run, "settings": Settings(), **given, **changes})


def _replay(plan: ReplayPlan) -> str:
    begin(plan)
    run_stages(plan, lambda stage: None)
    return digest(plan.output)


@pytest.fixture(scope="module")
def reference(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> ReplayPlan:
    folder = once(tmp_path_factory, "reference", lambda folder: _replay(_plan(archive, folder / "run")))
    return _plan(archive, folder / "run")


def test_the_recording_leads_to_trades_and_they_balance(reference: ReplayPlan) -> None:
    summary = summarise(reference.archive, reference.journal, reference.output, 1.0, True)
    assert summary.fills > 20
    assert summary.markets_settled >= 1
    assert summary.ledger_imbalance == 0
    assert summary.journal_events >= summary.feed_events


def test_the_money_of_a_summary_adds_up(reference: ReplayPlan) -> None:
    """By three ways: ledger balances, round trips out of fills and outcomes, and what the outcomes say was made."""
    summary = summarise(reference.archive, reference.journal, reference.output, 1.0, True)
    reader = ArchiveReader(reference.output)
    outcomes = [Outcome.read(record.value) for record in reader.read(OUTCOMES)]
    fills = [Fill.read(record.value) for record in reader.read(FILLS)]
    closed, standing = round_trips(fills, outcomes)
    settled = {outcome.market_key for outcome in outcomes}
    made, reported = 0, 0
    for trip in closed:
        made += trip.net if trip.market in settled else 0
    for outcome in outcomes:
        for pnl in outcome.pnl.values():
            reported += pnl
    assert made == reported
    account = summary.account
    cost = math.fsum(each.cost for each in summary.open_positions)
    net = math.fsum(each.net for each in summary.strategies.values())
    assert account.capital == 10_000
    assert account.at_cost == pytest.approx(account.cash + account.reserved + cost, abs=1e-6)
    assert account.at_cost == pytest.approx(account.capital + net, abs=1e-6)
    assert account.equity is not None and account.equity_ns == summary.last_ns
    assert sum(each.round_trips for each in summary.strategies.values()) == len(closed) > 0
    assert len(summary.open_positions) == len(standing)
    assert all(each.won <= each.round_trips for each in summary.strategies.values())
    assert 0 < summary.first_ns < summary.last_ns


def test_the_trades_of_a_report_are_those_of_the_ledger(reference: ReplayPlan) -> None:
    """What is booked of all trades is what the ledger has, with what was made already of positions still open."""
    summary = summarise(reference.archive, reference.journal, reference.output, 1.0, True)
    book = read_trades(reference.output, reference.journal, reference.settings)
    booked: dict[str, int] = {}
    for trade in book.trades:
        booked[trade.instance] = booked.get(trade.instance, 0) + trade.costs.booked
        assert trade.costs.gross - trade.costs.booked == trade.costs.total
        assert trade.capital == 0 and trade.net == trade.costs.booked
        assert (trade.asset, trade.horizon) == ("BTC", trade.market.split("-")[2])
        assert trade.family == "edge_after_costs"
        assert trade.exit != "unknown" and trade.regime != "unknown"
        assert trade.predicted is not None
    reader = ArchiveReader(reference.output)
    fills = [Fill.read(record.value) for record in reader.read(FILLS)]
    _, standing = round_trips(fills, [Outcome.read(record.value) for record in reader.read(OUTCOMES)])
    for each in standing:  # what was sold of it is booked already
        booked[each.strategy] = booked.get(each.strategy, 0) + each.received - each.paid + each.basis - each.fees
    for name, result in summary.strategies.items():
        assert booked.get(name, 0) / 1_000_000 == pytest.approx(result.net, abs=1e-6)
    assert book.open == len(standing)
    assert len(book.trades) > 5


@pytest.mark.takes(10)
def test_a_range_of_time_is_replayed_as_if_the_recorder_had_begun_there(archive: Path, tmp_path: Path) -> None:
    """Every feed record of the range becomes an event, in the range and without a loss; no other does."""
    reader = ArchiveReader(archive)
    ticks = [record.t_ns for record in reader.read(FEED_CLOCK)]
    since, until = ticks[len(ticks) // 3], ticks[2 * len(ticks) // 3]
    chosen = range_of(archive, since, until)
    plan = _plan(archive, tmp_path / "part", since=chosen.since, until=chosen.until)
    _replay(plan)
    events = [decode_event(record.value) for record in ArchiveReader(plan.output).read(JOURNAL)]
    wanted = {
        (topic, record.offset) for topic in FEEDS for record in reader.read(topic) if since <= record.t_ns < until
    }
    assert {(event.src[0], event.src[2]) for event in events if event.src[0] in FEEDS} == wanted
    assert all(since <= event.t < until for event in events)
    assert not [event for event in events if "recorder_gap" in event.checks]


def test_a_range_without_a_record_is_refused(archive: Path) -> None:
    assert range_of(archive) == ReplayRange()
    with pytest.raises(Failure, match="no feed has a record in that time"):
        range_of(archive, 1, 2)


def test_a_run_that_was_moved_is_found_where_it_is(reference: ReplayPlan, tmp_path: Path) -> None:
    shutil.copytree(reference.run, tmp_path / "moved")
    assert load_plan(tmp_path / "moved").output == tmp_path / "moved" / "archive"


def test_a_run_with_other_parameters_says_which(reference: ReplayPlan) -> None:
    with pytest.raises(Failure, match=r"\(--workers, --batch-size\)"):
        begin(reference.model_copy(update={"workers": 2, "batch_size": 7}))


@pytest.mark.takes(15)
@pytest.mark.parametrize(("workers", "batch_size"), [(2, 1_000), (4, 100), (1, 1), (1, 10_000)])
def test_workers_and_batches_change_nothing(
    archive: Path, reference: ReplayPlan, tmp_path: Path, workers: int, batch_size: int
) -> None:
    plan = _plan(archive, tmp_path / "run", workers=workers, batch_size=batch_size)
    assert _replay(plan) == digest(reference.output)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_journal_gives_the_same_as_the_feeds(reference: ReplayPlan, tmp_path: Path, workers: int) -> None:
    plan = _plan(reference.output, tmp_path / "run", start="journal", workers=workers)
    assert _replay(plan) == digest(reference.output)


@pytest.mark.takes(50)
def test_killed_twenty_times_and_resumed(archive: Path, reference: ReplayPlan, tmp_path: Path) -> None:
    """kill -9 of the worker process at random moments; each resume goes on from the last snapshot."""
    plan = _plan(archive, tmp_path / "run", snapshot_s=0.05)
    rng = random.Random(11)
    kills = 0
    deadline = time.monotonic() + 900
    while kills < KILLS:
        assert time.monotonic() < deadline, f"only {kills} kills"
        child = subprocess.Popen(
            [sys.executable, "-c", _RUNNER, str(plan.run), plan.model_dump_json()],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        try:
            child.wait(timeout=1.6 + rng.random() * 1.5)
            assert child.returncode == 0
            # it came to its end between two kills: begin anew, what was killed so far counts
            assert digest(plan.output) == digest(reference.output)
            shutil.rmtree(plan.run)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            kills += 1
    subprocess.run(
        [sys.executable, "-c", _RUNNER, str(plan.run), plan.model_dump_json()],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        check=True,
        timeout=900,
    )
    assert compare(reference.output, plan.output, with_journal=True).divergence is None
    assert digest(plan.output) == digest(reference.output)


_RUNNER = """
import sys
from flows.replay.plan import ReplayPlan, load_plan
from flows.replay.runner import begin, run_stages
plan = ReplayPlan.model_validate_json(sys.argv[2])
if not all(plan.done(stage).is_file() for stage in plan.stages):
    begin(plan)
    run_stages(plan, lambda stage: None)
"""


def test_a_changed_record_is_found_and_named(archive: Path, reference: ReplayPlan, tmp_path: Path) -> None:
    other = _plan(archive, tmp_path / "run", settings=Settings.model_validate({"portfolio": {"capital": 5_000}}))
    _replay(other)
    result = compare(reference.output, other.output, with_journal=True)
    assert not result.identical
    assert result.divergence is not None
    assert result.divergence.recorded != result.divergence.replayed
    assert result.divergence.differences
    for each in result.divergence.differences:
        recorded: object = json.loads(result.divergence.recorded)
        for step in each.field.split("."):
            recorded = recorded[int(step)] if isinstance(recorded, list) else recorded[step]  # type: ignore[index]
        assert json.dumps(recorded) == each.recorded != each.replayed
    assert result.compared[JOURNAL] == ArchiveReader(reference.output).count(JOURNAL)


def test_nothing_of_the_feeds_is_left_out(reference: ReplayPlan) -> None:
    """Every feed record stands behind at least one journal event."""
    from models.journal import decode_event

    seen = {decode_event(record.value).src for record in ArchiveReader(reference.output).read(JOURNAL)}
    reader = ArchiveReader(reference.archive)
    for topic in FEEDS:
        for record in reader.read(topic):
            assert (topic, record.partition, record.offset) in seen


@pytest.mark.takes(10)
def test_other_python_gives_the_same(archive: Path, reference: ReplayPlan, tmp_path: Path) -> None:
    """Floats are summed and printed alike on 3.11 and 3.12."""
    other = os.environ.get("PROFIT_TEST_OTHER_PYTHON")
    if not other:
        pytest.skip("set PROFIT_TEST_OTHER_PYTHON to the python of an environment with the project's packages")
    plan = _plan(archive, tmp_path / "run")
    subprocess.run(
        [other, "-c", _RUNNER, str(plan.run), plan.model_dump_json()],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        check=True,
        timeout=900,
    )
    assert digest(plan.output) == digest(reference.output)
    assert ArchiveReader(plan.output).count(FILLS) > 0
