"""The property: whatever goes wrong at the exchange, no order rests on what could not be relied on, every fault that
can be seen is told, and nothing is told that is not there. ``make soak`` tries 20,000 timelines; here it is 200."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bytewax.testing import TestingSink, TestingSource, run_main
from hypothesis import HealthCheck, example, given, settings

import flows.market
from connectors.simulator.faults.timeline import AnyFault, Timeline, make_fault, parse
from flows.engine import output_to
from models.message import Message
from models.topics import QUALITY
from tests.faults.harness import LATENCY_NS, play
from tests.faults.knowledge import limits_from, read
from tests.faults.oracle import SessionTruth, examine
from tests.faults.pipeline import EAGER, trade
from tests.faults.soak import soak, timeline_of
from tests.faults.timelines import SECONDS, Scene, as_toml, scene, timelines
from tests.faults.verdict import report, try_timeline

BY_LOT = 160
BY_HYPOTHESIS = 40


def one(kind: str, **keys: Any) -> Timeline:
    return Timeline(seed=1, fault=(make_fault(kind=kind, **{"at_s": 20.1, **keys}),))


def several(*faults: AnyFault) -> Timeline:
    return Timeline(seed=0, fault=faults)


@pytest.mark.slow
def test_no_order_on_what_cannot_be_relied_on_and_every_fault_is_reported() -> None:
    total = soak(0, BY_LOT, workers=2)
    assert not total.failures, "\n".join(total.failures.values())
    assert total.timelines == BY_LOT
    assert total.trading > BY_LOT * 3 // 4, "too few timelines trade for their silence to mean anything"
    assert total.exits > BY_LOT // 4
    assert min(total.by_strategy["updown_fair_value"], total.by_strategy["parity"]) > 0
    print("\n".join(total.lines()))


@pytest.mark.parametrize("seed", (20_328, 20_608, 20_943, 21_454, 21_769, 22_299, 31_751, 35_565))
def test_what_a_soak_has_found(seed: int) -> None:
    verdict = try_timeline(timeline_of(seed), scene(seed))
    assert not verdict.problems, report(timeline_of(seed), scene(seed), verdict)


@pytest.mark.takes(50)
@settings(max_examples=BY_HYPOTHESIS, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(timelines())
@example(one("parity_torn", by=0.2, for_s=20))
@example(one("empty_string", venue="coinbase", for_s=8))
@example(one("http_status", for_s=3))
@example(one("resolves_twice", at_s=1, for_s=30, by_s=5))
@example(one("clock_skew", venue="coinbase", skew_s=-54, for_s=7))
@example(one("clock_skew", venue="polymarket", at_s=9.3, skew_s=-7.35, for_s=24.85))  # REST is dated later than it
@example(
    several(
        make_fault(kind="as_numbers", venue="polymarket", at_s=5, count=1),
        make_fault(kind="truncated", venue="polymarket", at_s=5, count=1),
        make_fault(kind="delayed", venue="coinbase", at_s=5, for_s=21.45, delay_s=0.8),
        make_fault(kind="sequence_gap", at_s=8.85),  # its frame comes behind those that are held back
    )
)
def test_a_few_faults_in_any_combination(timeline: Timeline) -> None:
    place = Scene(timeline.seed)
    verdict = try_timeline(timeline, place)
    assert not verdict.problems, report(timeline, place, verdict)


@pytest.mark.parametrize("seed", range(12))
def test_without_faults_nothing_is_reported_but_what_the_market_shows(seed: int) -> None:
    place = scene(seed)
    verdict = try_timeline(Timeline(), place)
    assert not verdict.problems, report(Timeline(), place, verdict)
    assert verdict.findings.keys() <= {"one_sided_book", "empty_book", "spread_too_wide"}
    assert verdict.entries > 0


@pytest.mark.parametrize("seed", (3, 5, 16, 25))
def test_the_same_seed_gives_the_same_digest(seed: int) -> None:
    first, again = (try_timeline(timeline_of(seed), scene(seed)) for _ in range(2))
    assert first.digest == again.digest
    assert first.findings == again.findings


@pytest.mark.parametrize("seed", (1, 8, 12, 25))
def test_quality_rows_say_what_was_found(seed: int) -> None:
    """Through the flow itself: the rows of ``quality`` are the findings, but for the window that is still open."""
    played = play(timeline_of(seed), SECONDS, scene(seed).parameters(), start=scene(seed).start, seed=seed)
    out: list[Message] = []
    run_main(flows.market.build(TestingSource(played.records), output_to(lambda: TestingSink(out)), EAGER))
    rows = [json.loads(message.value) for message in out if message.topic == QUALITY]
    assert rows
    window = EAGER.checks.window_s * 1_000_000_000
    closed = played.end_ns // window * window
    counted: Counter[tuple[int, str, str, str]] = Counter()
    for t, feed, market, reason in trade(played.records).findings:
        if t < closed:
            counted[t // window * window, feed, market, reason] += 1
    reported = {(row["window_start"], row["feed"], row["market"], row["reason"]): row["count"] for row in rows}
    assert reported == dict(counted)
    assert len(rows) == len(reported)


def test_timelines_are_written_as_they_are_read() -> None:
    for seed in range(200):
        timeline = timeline_of(seed)
        assert parse(as_toml(timeline)) == timeline


# --- the oracle itself: it must object where there is something to object to ---


Change = Callable[[dict[str, Any], dict[str, Any]], None]


def first_order(fault: Timeline | None, spoil: Change | None = None, cut_ns: int | None = None) -> list[str]:
    """What the oracle says of a run of which one order (and its decision) was spoilt by ``spoil``, or of which every
    session was closed at ``cut_ns`` after the start."""
    played = play(fault, SECONDS, Scene(3).parameters(), start=Scene(3).start, seed=3)
    traded = trade(played.records)
    order = next(each for each in traded.orders if each["status"] == "submitted" and each["side"] == "buy")
    decision = next(each for each in traded.decisions if each["id"] == order["decision"])
    if spoil is not None:
        spoil(order, decision)
    sessions = [
        SessionTruth(each.conn, each.opened_ns, each.closed_ns if cut_ns is None else played.start_ns + cut_ns)
        for each in played.truth.sessions
    ]
    records = [read(each.topic, each.offset, each.value, each.envelope) for each in played.records]
    violations, _ = examine(
        records, traded.decisions, traded.orders, traded.fills, sessions, limits_from(EAGER.model_dump()), 15_000_000
    )
    return [each.why for each in violations]


def test_the_oracle_has_nothing_against_a_sound_run() -> None:
    assert first_order(None) == []


def test_the_oracle_objects_to_an_order_on_a_connection_that_ended() -> None:
    assert any("closed" in why for why in first_order(None, cut_ns=1_000_000_000))


def order_dearer(order: dict[str, Any], decision: dict[str, Any]) -> None:
    order["limit"] += 300


def decision_on_another_snapshot(order: dict[str, Any], decision: dict[str, Any]) -> None:
    next(each for each in decision["sources"] if each["name"] == "book_snapshot")["offset"] += 1


def decision_without_trigger(order: dict[str, Any], decision: dict[str, Any]) -> None:
    next(each for each in decision["sources"] if each["name"] == "trigger")["offset"] += 10**6


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (order_dearer, "buys up to"),
        (decision_on_another_snapshot, "rests on snapshot"),
        (decision_without_trigger, "no record of the feeds"),
    ],
)
def test_the_oracle_objects_to_what_a_decision_cannot_have_seen(spoil: Change, said: str) -> None:
    assert any(said in why for why in first_order(None, spoil))


def forged_pair(
    fault: Timeline | None, spoil: Callable[[list[dict[str, Any]]], object] = lambda orders: None, **bounds: Any
) -> list[str]:
    """What the oracle says of a pair that was really bought (on torn books, with ``fault``) or is made up of an order
    of the other strategy (without): its two orders, as ``spoil`` leaves them.
    ``bounds``: other limits than the settings'."""
    played = play(fault, SECONDS, Scene(3).parameters(), start=Scene(3).start, seed=3)
    traded = trade(played.records)
    strategy = "updown_fair_value" if fault is None else "parity"
    decision = next(each for each in traded.decisions if each["action"] == "enter" and each["strategy"] == strategy)
    orders = [each for each in traded.orders if each["id"] in decision["order_ids"] and each["status"] == "submitted"]
    if fault is None:
        market, index = played.core.by_token[orders[0]["token"]]
        orders.append(orders[0] | {"id": orders[0]["id"] + "-other", "token": market.tokens[1 - index]})
        traded.orders.append(orders[1])
        decision["strategy"] = "parity"
    spoil(orders)
    decision["order_ids"] = [each["id"] for each in orders]
    violations, _ = examine(
        [read(each.topic, each.offset, each.value, each.envelope) for each in played.records],
        traded.decisions,
        traded.orders,
        traded.fills,
        [SessionTruth(each.conn, each.opened_ns, each.closed_ns) for each in played.truth.sessions],
        replace(limits_from(EAGER.model_dump()), **bounds),
        LATENCY_NS,
    )
    named = {decision["id"], *(f"order {each}" for each in decision["order_ids"])}
    return [each.why for each in violations if each.what in named]


TORN = one("parity_torn", by=0.2, for_s=20)


def test_the_oracle_has_nothing_against_a_pair_for_less_than_it_pays() -> None:
    assert forged_pair(TORN) == []


def test_the_oracle_objects_to_a_pair_for_more_than_it_pays() -> None:
    assert any("that pays 1" in why for why in forged_pair(None))


def test_the_oracle_objects_to_half_a_pair_and_to_unequal_halves() -> None:
    assert any("both outcomes" in why for why in forged_pair(TORN, lambda orders: orders.pop()))
    assert any("as much" in why for why in forged_pair(TORN, lambda orders: orders[1].update(size=1)))


def test_the_oracle_objects_to_a_pair_of_two_moments() -> None:
    assert any("of one moment" in why for why in forged_pair(TORN, pair_skew=-1))


@pytest.mark.parametrize("name", ("oracle.py", "knowledge.py"))
def test_the_oracle_shares_no_code_with_what_it_judges(name: str) -> None:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    imported = [line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert not [each for each in imported if each.split(".")[0] in ("flows", "connectors", "models", "api")]
