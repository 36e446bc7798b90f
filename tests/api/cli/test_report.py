"""`profit report` as a user meets it: which run, whether it is whole, and files where they belong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from api.runs import LOCK, is_running, locked
from connectors.archive.writer import ArchiveWriter
from connectors.simulator.exchange import ExchangeParameters
from flows.replay.plan import ReplayPlan
from flows.replay.summary import RunSummary
from flows.report.fair_value import fair_value_report
from models.failures import Failure
from models.message import Stored
from models.settings import Settings
from models.topics import FEED_COINBASE
from tests.commands import assert_explained, profit
from tests.once import once
from tests.recordings import simulate


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = ExchangeParameters(frames_per_s=4.0)
    return once(tmp_path_factory, "a-minute", lambda folder: simulate(folder / "archive", 60, given)) / "archive"


@pytest.fixture(scope="module")
def replayed(minute: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ``first`` is a finished replay of ``recording``."""

    def make(folder: Path) -> None:
        shutil.copytree(minute, folder / "recording")
        done = profit(folder, "replay", "recording", "--run", "first")
        assert done.returncode == 0, done.stderr

    return once(tmp_path_factory, "replayed-minute", make)


@pytest.fixture
def folder(replayed: Path, tmp_path: Path) -> Path:
    shutil.copytree(replayed, tmp_path / "place")
    return tmp_path / "place"


@pytest.mark.takes(10)
def test_the_newest_run_is_reported_and_every_file_it_names_is_there(folder: Path) -> None:
    done = profit(folder, "report")
    assert done.returncode == 0, done.stderr
    assert "run first, the newest" in done.stderr
    assert "run first: 2026-" in done.stdout and "unfinished" not in done.stdout
    places = next(line for line in done.stdout.splitlines() if line.startswith("in "))
    assert places.partition(": ")[2].split(", ") == ["archive/", "audit.duckdb", "summary.json"]
    page = folder / Path(done.stdout.rstrip().splitlines()[-1].partition(": ")[2])
    assert page.read_text().startswith("<!doctype html>")
    summary = msgspec.json.decode(profit(folder, "report", "--json").stdout, type=RunSummary)
    assert summary.first_ns < summary.last_ns
    assert summary.seconds_in_all > summary.seconds > 0


@pytest.mark.takes(10)
def test_a_replay_that_was_killed_is_called_unfinished(folder: Path, replayed: Path) -> None:
    run = folder / "data" / "runs" / "first"
    for name in ("summary.json", "audit.duckdb"):
        (run / name).unlink()
    done = profit(folder, "report", "first")
    assert done.returncode == 0, done.stderr
    assert "unfinished: the replay was ended before its end" in done.stdout
    assert any(line.endswith("first: archive/") for line in done.stdout.splitlines())
    assert json.loads(profit(folder, "report", "--json").stdout)["feed_events"] > 0
    assert "is unfinished" in profit(folder, "sql", "SELECT 1").stderr
    again = profit(folder, "replay", str(replayed / "recording"), "--run", "first")
    assert again.returncode == 0, again.stderr
    assert "unfinished" not in profit(folder, "report").stdout


@pytest.mark.takes(10)
@pytest.mark.parametrize("damage", ["{", "[]", '{"feed_events": 1}', "\0"])
def test_figures_that_are_damaged_are_made_anew(folder: Path, damage: str) -> None:
    before = json.loads(profit(folder, "report", "--json").stdout)
    (folder / "data" / "runs" / "first" / "summary.json").write_text(damage)
    done = profit(folder, "report", "--json")
    assert "made anew" in done.stderr
    after = json.loads(done.stdout)
    assert {name for name in after if after[name] != before[name]} <= {"seconds", "seconds_in_all", "events_per_second"}


@pytest.mark.parametrize("damage", ["{", "[]", "{}", "\0"])
def test_a_damaged_plan_is_named(folder: Path, damage: str) -> None:
    run = folder / "data" / "runs" / "first"
    (run / "plan.json").write_text(damage)
    (run / "summary.json").unlink()
    for words in (["report", "first"], ["replay", "first", "--verify"], ["why", "d1", "--run", "first"]):
        assert_explained(profit(folder, *words), "plan.json")


def test_what_a_finished_run_is_for(folder: Path, replayed: Path) -> None:
    again = profit(folder, "replay", str(replayed / "recording"), "--run", "first")
    assert_explained(again, "first is finished", "profit report first", "give another --run NAME")
    assert_explained(profit(folder, "report", "recording"), "is an archive, no run", "profit replay recording")
    assert_explained(profit(folder, "report", "fisrt"), "Did you mean first?")
    own = profit(folder, "replay", "first", "--verify", "--config", "x.toml")
    assert_explained(own, "x.toml")


@pytest.mark.takes(10)
def test_a_verification_takes_the_run_by_name_and_from_where_it_is_told(folder: Path) -> None:
    for words in ([], ["--from", "journal"]):
        done = profit(folder, "replay", "first", "--verify", *words)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("identical: first (")
        assert "states of orders " in done.stdout and ", orders " not in done.stdout, "the report counts those"
        assert ("journal" in done.stdout) == (not words)
    (folder / "profit.toml").write_text("")
    refused = profit(folder, "replay", "first", "--verify", "--config", "profit.toml")
    assert_explained(refused, "settings of its own", "--config")


def test_one_process_makes_a_run(folder: Path) -> None:
    run = folder / "data" / "runs" / "first"
    (run / "summary.json").unlink()
    assert not is_running(run)
    with locked(run):
        assert is_running(run)
        assert_explained(profit(folder, "replay", "recording", "--run", "first"), "by another process")
        assert "still under way" in profit(folder, "report").stdout
    assert not is_running(run)
    assert (run / LOCK).exists()


def test_a_plan_knows_when_it_is_finished(folder: Path) -> None:
    plan = ReplayPlan(
        archive=folder,
        run=folder / "data" / "runs" / "first",
        start="feeds",
        workers=1,
        batch_size=1,
        snapshot_s=1.0,
        settings=Settings(),
    )
    assert plan.summary.is_file()


# --- fair value ---------------------------------------------------------------------------------------------------


@pytest.mark.takes(20)
def test_the_plot_lies_beside_the_archive_and_never_where_one_stands(folder: Path, tmp_path: Path) -> None:
    given = ExchangeParameters(frames_per_s=2.0)
    simulate(folder / "long" / "archive", 700, given)
    before = sorted(entry.name for entry in folder.iterdir())
    done = profit(folder, "report", "--fair-value", "long")
    assert done.returncode == 0, done.stderr
    assert (folder / "long" / "fair-value-reliability.svg").read_text().startswith("<svg")
    done = profit(folder, "report", "--fair-value", "long/archive", "--plot", str(tmp_path / "mine.svg"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["resolved"] > 0
    assert (tmp_path / "mine.svg").is_file()
    assert sorted(entry.name for entry in folder.iterdir()) == before
    assert_explained(profit(folder, "report", "--fair-value", "long", "--plot", "nowhere/mine.svg"), "nowhere")


def test_why_nothing_could_be_scored_is_reported(minute: Path, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"none of \d markets resolved"):
        fair_value_report(minute, Settings())
    with ArchiveWriter(tmp_path / "empty") as writer:
        writer.append(Stored(FEED_COINBASE, 0, 0, "c", b"{}", 1))
    with pytest.raises(Failure, match="no market definition"):
        fair_value_report(tmp_path / "empty", Settings())


@pytest.mark.takes(15)
def test_a_spot_price_a_minute_is_the_cause_where_it_is(recordings: Path, tmp_path: Path) -> None:
    """The one recording with quotes, spot and outcomes has a row a minute: too few for a forecast at a second."""
    source = next((recordings / "polymarket_hourly_minute").glob("**/*.parquet"))
    done = profit(tmp_path, "import", "hourly-minute", str(source), "--archive", "archive")
    assert done.returncode == 0, done.stderr
    assert_explained(profit(tmp_path, "report", "--fair-value", "archive"), "gap in the feed", "at least every 2 s")


def test_a_run_may_be_named_by_an_option_too(folder: Path) -> None:
    named, option = profit(folder, "report", "first", "--json"), profit(folder, "report", "--run", "first", "--json")
    assert option.returncode == 0 and option.stdout == named.stdout
    both = profit(folder, "report", "first", "--run", "second")
    assert_explained(both, "--run second were both given", "Name the run once")
