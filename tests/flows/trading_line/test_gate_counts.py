"""What the data gates say, counted by strategy, market and reason in windows of event time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.testing import TestingSink, TestingSource

from flows.beat import Beat
from flows.engine import prepare_recovery, run
from flows.quality import QualityRows, Tally
from flows.trading import build
from flows.trading_line.lane import Lane
from flows.trading_line.route import Router
from models.contracts import CONTRACTS, Quality, Scan
from models.journal import AnyEvent, encode_event
from models.message import Message, Stored
from models.settings import Settings
from models.telemetry import totals_of
from models.timestamps import SECOND
from models.topics import JOURNAL, QUALITY, SCANS, TELEMETRY
from tests.flows.trading_line.desk import END, KEY, START, Scene, settings

FAIR = "updown_fair_value"
WINDOW = 10 * SECOND


class Noting(Scene):
    """A scene that keeps its events."""

    def __init__(self, chosen: Settings | None = None) -> None:
        super().__init__(chosen)
        self.events: list[AnyEvent] = []

    def put(self, event: AnyEvent) -> list[Any]:
        self.events.append(event)
        return super().put(event)


@pytest.fixture(scope="module")
def scene() -> Noting:
    """Everything that can be wrong, each now and then, up to beyond the window's end."""
    scene = Noting(settings(fair_value={"warm_up_s": 5}))
    scene.now = START - 3 * SECOND
    scene.market()
    scene.quote(49, 51)
    scene.quote(49, 51)
    scene.now = START
    for step in range(120):
        scene.later(0.3)
        scene.spot(60_000.0 + step % 3, ok=step % 11 != 0)
        scene.quote(49, 51 if step % 5 else 60, size=1_000 if step % 7 else 2, ok=step % 13 != 0)
        if step % 2:
            scene.clock(
                stale_books=("up", "down") if step % 9 == 0 else (),
                stale_feeds=("feed.coinbase",) if step % 15 == 0 else (),
            )
    scene.now = END + SECOND
    scene.quote(49, 51)
    scene.later(20)
    scene.clock()
    scene.later(20)
    scene.clock()
    scene.note("end of run")
    return scene


def records_of(events: list[AnyEvent]) -> list[Stored]:
    return [Stored(JOURNAL, 0, event.seq, "main", encode_event(event), event.t) for event in events]


def flow_over(events: list[AnyEvent], batch: int) -> list[Message]:
    out: list[Message] = []
    chosen = settings(fair_value={"warm_up_s": 5})
    flow = build(
        TestingSource(records_of(events), batch), lambda name, up: op.output(name, up, TestingSink(out)), chosen
    )
    run(flow)
    return out


@pytest.fixture(scope="module")
def messages(scene: Noting) -> list[Message]:
    return flow_over(scene.events, 7)


def of(messages: list[Message], topic: str) -> list[Any]:
    return [CONTRACTS[topic].read(each.value) for each in messages if each.topic == topic]


def test_rows_add_up_to_the_gates_own_counters(messages: list[Message]) -> None:
    """Every window is closed: two ticks came after the last evaluation."""
    pulse = {name: each.counts for name, each in totals_of(m for m in messages if m.topic == TELEMETRY).items()}
    rows: list[Quality] = of(messages, QUALITY)
    for strategy in (FAIR, "parity"):
        refused: Counter[str] = Counter()
        for row in rows:
            if row.strategy == strategy:
                assert (row.feed, row.market) == (f"data_gate.{strategy}", KEY)
                refused[str(row.reason)] += row.count
        counted = {
            name.partition(":")[2]: count
            for name, count in pulse[f"data_gate.{strategy}"].items()
            if not name.startswith("pass:")
        }
        assert dict(refused) == counted
        assert {"not_started", "expired", "stale_book", "book_invalid", "depth_too_thin"} <= refused.keys()
    assert {"warming_up", "spot_invalid", "stale_feed"} <= {row.reason for row in rows if row.strategy == FAIR}


def test_every_evaluation_was_passed_held_or_refused_in_every_window(scene: Noting, messages: list[Message]) -> None:
    """Counted anew from what the lanes made of each event, and from the scans."""
    evaluations: Counter[tuple[str, int]] = Counter()
    passed: Counter[tuple[str, int]] = Counter()
    router = Router()
    lanes: dict[str, Lane] = {}
    for event in scene.events:
        for routed in router.route(event):
            lane = lanes.setdefault(routed.lane, Lane(settings(fair_value={"warm_up_s": 5})))
            for evaluation in lane.judge(routed).evaluations:
                window = event.t // WINDOW
                evaluations[evaluation.instance, window] += 1
                verdicts = [step.verdict for step in evaluation.steps if step.module != "features"]
                assert verdicts[0] == "pass" or len(evaluation.steps) == 1, "not evaluated where the gate blocks"
                passed[evaluation.instance, window] += verdicts[0] == "pass"
    refused: Counter[tuple[str, int]] = Counter()
    reported: dict[tuple[str, int], int] = {}
    for row in of(messages, QUALITY):
        where = (row.strategy, row.window_start // WINDOW)
        refused[where] += row.count
        assert reported.setdefault(where, row.evaluations) == row.evaluations
        assert 0 < row.count <= row.evaluations
    for where, number in reported.items():
        assert number == evaluations[where]
    for where, number in evaluations.items():
        assert number == passed[where] + refused[where]
    scanned: Counter[str] = Counter()
    for scan in of(messages, SCANS):
        assert isinstance(scan, Scan)
        scanned[scan.strategy] += scan.evaluations
    for strategy in (FAIR, "parity"):
        everything = 0
        for (name, _), number in evaluations.items():
            everything += number if name == strategy else 0
        assert 0 <= everything - scanned[strategy] < 10


def test_the_rows_are_the_same_for_every_batch_size(scene: Noting, messages: list[Message]) -> None:
    rows = [(each.value, each.producer, each.ordinal) for each in messages if each.topic == QUALITY]
    assert rows
    assert [ordinal for _, _, ordinal in rows] == list(range(len(rows)))
    assert {producer for _, producer, _ in rows} == {"data_gate"}
    for batch in (1, 1_000):
        again = flow_over(scene.events, batch)
        assert [(each.value, each.producer, each.ordinal) for each in again if each.topic == QUALITY] == rows


def test_ids_differ_from_each_other_and_from_the_market_flows() -> None:
    where = ("feed.polymarket", "m")
    market = QualityRows(10, "quality").rows((7, {(*where, "", "stale_book"): 3}))
    gate_counts = {
        ("data_gate.parity", "m", "parity", ""): 9,
        ("data_gate.parity", "m", "parity", "stale_book"): 3,
        (f"data_gate.{FAIR}", "m", FAIR, ""): 9,
        (f"data_gate.{FAIR}", "m", FAIR, "stale_book"): 2,
    }
    gates = QualityRows(10, "data_gate").rows((7, gate_counts))
    rows = [Quality.read(each.value) for each in market + gates]
    assert len({row.id for row in rows}) == len(rows) == 3
    assert [(row.strategy, row.count, row.evaluations) for row in rows] == [
        ("", 3, 0),
        ("parity", 3, 9),
        (FAIR, 2, 9),
    ]


def test_a_tally_never_lies_in_two_windows(scene: Noting) -> None:
    """They come in order, and each is of the evaluations since the one before, all in the window of its time."""
    last = -1
    tallies = 0
    for item in scene.line.counted:
        assert item.t >= last
        if isinstance(item, Tally):
            tallies += 1
            windows = {event.t // WINDOW for event in scene.events if last < event.t <= item.t and event.lane}
            assert windows == {item.t // WINDOW}
            last = item.t
        else:
            assert isinstance(item, Beat)
    judged = {event.t // WINDOW for event in scene.events if event.lane}
    assert len(judged) - 2 <= tallies <= len(judged) and tallies > 5


def test_a_resumed_flow_numbers_on(scene: Noting, messages: list[Message], tmp_path: Path) -> None:
    """State of the windows and the numbering survive a stop in the middle."""
    prepare_recovery(tmp_path / "store")
    chosen = settings(fair_value={"warm_up_s": 5})
    records = records_of(scene.events)
    half = len(records) // 2
    out: list[Message] = []
    source = TestingSource([*records[:half], TestingSource.ABORT(), *records[half:]], 3)
    for _ in range(2):
        flow = build(source, lambda name, up: op.output(name, up, TestingSink(out)), chosen)
        run(flow, tmp_path / "store", snapshot_s=0)
    rows = [(each.ordinal, each.value) for each in out if each.topic == QUALITY]
    expected = {each.ordinal: each.value for each in messages if each.topic == QUALITY}
    assert dict(rows) == expected
    assert all(expected[ordinal] == value for ordinal, value in rows)
