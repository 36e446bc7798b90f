"""Windows of event time, and the traps of the engine that the flows rely on being gone round.

Each trap is named as in the list of measured traps: an upgrade of Bytewax must not bring one back unseen."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as windowing
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, FixedPartitionedSource, StatefulSourcePartition, StatelessSourcePartition
from bytewax.testing import TestingSink
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.engine import prepare_recovery, run, stateful
from flows.market import build
from flows.market_line.findings import Finding
from flows.state import OwnedState, Schema
from flows.trading_line.barrier import Barrier
from flows.trading_line.items import Judged
from flows.windows import EPOCH, JournalClock, LastingWindower, to_datetime
from models.contracts import Quality
from models.journal import NO_SRC, Feed
from models.message import Message, Stored
from models.reasons import Reason
from models.settings import Checks, Settings
from models.timestamps import SECOND
from models.topics import FEED_POLYMARKET, QUALITY
from tests.flows.market_line.feeds import POLY, START, Rig

WINDOW_S = 10
START_DT = to_datetime(START)


class _Batches(StatefulSourcePartition[Any, int]):
    """Gives its batches one by one, each after its pause; resumes at a batch; stops before ``stop_at``."""

    def __init__(self, batches: list[tuple[float, list[Any]]], at: int, stop_at: int | None) -> None:
        self._batches, self._at, self._stop_at = batches, at, stop_at
        self._due: datetime | None = None

    def next_batch(self) -> list[Any]:
        if self._at >= len(self._batches) or self._at == self._stop_at:
            raise StopIteration
        pause, items = self._batches[self._at]
        self._at += 1
        self._due = datetime.now(UTC) + timedelta(seconds=pause) if pause else None
        return items

    def next_awake(self) -> datetime | None:
        return self._due

    def snapshot(self) -> int:
        return self._at


class Batches(FixedPartitionedSource[Any, int]):
    def __init__(self, batches: list[tuple[float, list[Any]]], stop_at: int | None = None) -> None:
        self._batches, self._stop_at = batches, stop_at

    def list_parts(self) -> list[str]:
        return ["one"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _Batches:
        return _Batches(self._batches, resume_state or 0, self._stop_at)


def cut(items: list[Any], size: int, pauses: Iterable[float] = ()) -> list[tuple[float, list[Any]]]:
    waits = iter(pauses)
    return [(next(waits, 0.0), items[at : at + size]) for at in range(0, len(items), size)]


def finding(seconds: float, reason: str = Reason.STALE_BOOK) -> Finding:
    return Finding(START + round(seconds * SECOND), "feed", "market", reason)


def closed_windows(batches: list[tuple[float, list[Any]]], **more: Any) -> list[tuple[int, list[int]]]:
    """(window number from the start, event times in it) of every window that was closed, as the market flow counts."""
    out: list[tuple[str, tuple[int, list[Finding]]]] = []
    flow = Dataflow("windows")
    keyed = op.key_on("key", op.input("in", flow, Batches(batches, more.pop("stop_at", None))), lambda _: "all")
    closed = windowing.collect_window(
        "count", keyed, JournalClock(), LastingWindower(timedelta(seconds=WINDOW_S), EPOCH)
    )
    op.output("out", closed.down, TestingSink(out))
    run(flow, **more)
    first = START // SECOND // WINDOW_S
    return [(number - first, [(each.t - START) // SECOND for each in items]) for _, (number, items) in out]


TIMES = [0, 3, 9, 10, 12, 31, 32, 40, 59, 60, 61]
EXPECTED = [(0, [0, 3, 9]), (1, [10, 12]), (3, [31, 32]), (4, [40]), (5, [59])]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_windows_close_alike_whatever_the_batch_size(size: int) -> None:
    assert closed_windows(cut([finding(t) for t in TIMES], size)) == EXPECTED


def test_windows_close_alike_whatever_the_pause_between_batches() -> None:
    """Trap 5: the engine's own clock would run on during a pause, and close a window twice."""
    assert closed_windows(cut([finding(t) for t in TIMES], 2, [0.0, 0.6, 0.0, 0.6])) == EXPECTED


def test_the_end_of_input_closes_no_window() -> None:
    """Trap 6: a stop would tell partial windows, and tell them again after it is resumed."""
    assert closed_windows(cut([finding(1), finding(5)], 1)) == []
    assert closed_windows(cut([finding(1), finding(9.999), finding(10)], 1)) == [(0, [1, 9])]


def test_a_stop_and_a_resume_tell_each_window_once(tmp_path: Path) -> None:
    batches = cut([finding(t) for t in TIMES], 1)
    for stop_at in range(1, len(batches)):
        store = tmp_path / str(stop_at)
        prepare_recovery(store)
        first = closed_windows(batches, stop_at=stop_at, recovery=store, snapshot_s=0)
        rest = closed_windows(batches, recovery=store, snapshot_s=0)
        assert first + rest == EXPECTED


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.integers(0, 25), min_size=1, max_size=20), size=st.integers(1, 7))
def test_each_event_is_in_the_window_of_its_time_once(steps: list[int], size: int) -> None:
    times, at = [], 0
    for step in steps:
        at += step
        times.append(at)
    windows = closed_windows(cut([finding(t) for t in times], size))
    expected: dict[int, list[int]] = {}
    for t in times:
        expected.setdefault(t // WINDOW_S, []).append(t)
    last = times[-1] // WINDOW_S
    assert windows == [(number, inside) for number, inside in sorted(expected.items()) if number < last]


class _Counting(StatelessSourcePartition[Any]):
    """One item, then silence for a second, with a count of how often the engine asked."""

    def __init__(self, item: Any, asked: list[int]) -> None:
        self._items, self._asked = [[item]], asked
        self._end = datetime.now(UTC) + timedelta(seconds=1)

    def next_batch(self) -> list[Any]:
        if self._items:
            return self._items.pop()
        if datetime.now(UTC) >= self._end:
            raise StopIteration
        self._asked[0] += 1
        return []

    def next_awake(self) -> datetime:
        return datetime.now(UTC) + timedelta(milliseconds=100)


class Counting(DynamicSource[Any]):
    def __init__(self, item: Any, asked: list[int]) -> None:
        self._item, self._asked = item, asked

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Counting:
        return _Counting(self._item, self._asked)


def test_open_windows_do_not_wake_the_flow_while_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 4: the engine's own clock would wake its step without end while a window waits."""
    from flows.windows import _JournalClockLogic

    asked, woken = [0], [0]
    honest: Callable[[Any], datetime] = _JournalClockLogic.on_notify

    def counted(self: Any) -> datetime:
        woken[0] += 1
        return honest(self)

    monkeypatch.setattr(_JournalClockLogic, "on_notify", counted)
    out: list[Any] = []
    flow = Dataflow("idle")
    keyed = op.key_on("key", op.input("in", flow, Counting(finding(1), asked)), lambda _: "all")
    closed = windowing.collect_window(
        "count", keyed, JournalClock(), LastingWindower(timedelta(seconds=WINDOW_S), EPOCH)
    )
    op.output("out", closed.down, TestingSink(out))
    run(flow)
    assert out == []
    assert 1 <= asked[0] <= 30
    assert woken[0] <= 30


def test_the_watermark_is_the_greatest_event_time_and_survives_a_snapshot() -> None:
    logic = JournalClock().build(None)
    assert logic.on_eof() == logic.on_notify() == EPOCH
    for seconds, expected in ((5, 5), (3, 5), (8, 8)):
        at, watermark = logic.on_item(finding(seconds))
        assert (at, watermark) == (START_DT + timedelta(seconds=seconds), START_DT + timedelta(seconds=expected))
    resumed = JournalClock().build(logic.snapshot())
    assert resumed.on_eof() == START_DT + timedelta(seconds=8)
    assert resumed.to_system_utc(START_DT) is None


# --- the market flow's quality rows -----------------------------------------------------------------------------------


def records(seconds: int) -> list[Stored]:
    """A feed with a fault of its own in some seconds and a tick in each."""
    taken: list[Stored] = []

    class Recording(Rig):
        def take(self, record: Any) -> list[Any]:
            taken.append(record)
            return []

    rig = Recording()
    rig.now = START
    rig.define()
    for second in range(seconds):
        rig.pass_time(1)
        rig.both()
        if second % 3 == 0:
            rig.record(FEED_POLYMARKET, b'[{"event_type":', POLY)
        if second % 7 == 0:
            rig.poly({"event_type": "of tomorrow"})
        rig.tick()
    return taken


def quality_of(batches: list[tuple[float, list[Any]]]) -> list[Quality]:
    out: list[Message] = []
    flow = build(
        Batches(batches), lambda name, up: op.output(name, up, TestingSink(out)), Settings(checks=Checks(window_s=10))
    )
    run(flow)
    return [Quality.read(each.value) for each in out if each.topic == QUALITY]


def test_quality_rows_are_the_same_for_every_batch_size_and_count_what_was_found() -> None:
    everything = records(45)
    rows = quality_of(cut(everything, 1))
    assert rows == quality_of(cut(everything, 7)) == quality_of(cut(everything, 1_000, [0.3]))
    assert len({row.id for row in rows}) == len(rows)
    assert {(row.window_end - row.window_start) // SECOND for row in rows} == {10}
    assert all(row.window_start % (10 * SECOND) == 0 for row in rows)
    junk = [row.count for row in rows if row.reason == Reason.DECODE_ERROR]
    # faults in seconds 1, 4, 7 … 43 after the start; windows of 10 s; the last is still open
    assert junk == [3, 4, 3, 3]


# --- order and state --------------------------------------------------------------------------------------------------


def schema_of(name: str, make: Callable[[], Any]) -> Schema[Any]:
    return Schema(name, 1, lambda _: make(), rooms=("flows", "models", "tests"))


def _take(owned: OwnedState[Any], item: Any) -> Any:
    return owned.state.take(item)


def _add(owned: OwnedState[Any], number: int) -> list[int]:
    added: list[int] = owned.state.add(number)
    return added


class Keep:
    def take(self, item: Judged) -> list[Judged]:
        return [item]


class Ordered:
    def __init__(self) -> None:
        self.barrier = Barrier()

    def take(self, item: Judged) -> list[int]:
        return [copies[0].seq for copies in self.barrier.offer(item)]


def test_order_across_keys_is_lost_in_a_batch_and_the_barrier_restores_it() -> None:
    """Trap 8: within a batch a stateful step handles items by key."""
    dice = random.Random(5)
    lanes = [dice.choice(["ETH", "BTC", "", "SOL"]) for _ in range(200)]
    items = [
        Judged(lane, seq, 1, Feed(seq, START, NO_SRC, lane, (), "f", "c", "w"), ()) for seq, lane in enumerate(lanes)
    ]
    seen: list[int] = []

    def note(item: Judged) -> Judged:
        seen.append(item.seq)
        return item

    out: list[tuple[str, int]] = []
    flow = Dataflow("order")
    by_lane = op.key_on("by_lane", op.input("in", flow, Batches(cut(items, 50))), lambda item: item.lane)
    judged = op.map(
        "note", op.key_rm("free", stateful("lanes", by_lane, schema_of("lanes", Keep), Settings(), _take)), note
    )
    at_desk = op.key_on("desk", judged, lambda _: "one")
    op.output("out", stateful("ordered", at_desk, schema_of("ordered", Ordered), Settings(), _take), TestingSink(out))
    run(flow)
    restored = [seq for _, seq in out]
    assert seen != sorted(seen), "the trap is gone: the barrier could go too"
    assert restored == list(range(200))


class Sum:
    def __init__(self) -> None:
        self.total = 0

    def add(self, number: int) -> list[int]:
        self.total += number
        return [self.total]


def totals(batches: list[tuple[float, list[int]]], store: Path, stop_at: int | None = None) -> list[int]:
    out: list[tuple[str, int]] = []
    flow = Dataflow("sum")
    keyed = op.key_on("key", op.input("in", flow, Batches(batches, stop_at)), lambda _: "one")
    op.output("out", stateful("sum", keyed, schema_of("sum", Sum), Settings(), _add), TestingSink(out))
    run(flow, store, 0)
    return [total for _, total in out]


def test_a_stop_at_the_source_keeps_the_state_of_every_step(tmp_path: Path) -> None:
    """Trap 10: the way round is a source that ends; the run resumes at the next item, with its state."""
    batches = cut([1, 2, 3, 4, 5, 6], 1)
    prepare_recovery(tmp_path / "store")
    assert totals(batches, tmp_path / "store", stop_at=4) == [1, 3, 6, 10]
    assert totals(batches, tmp_path / "store") == [15, 21]


def test_a_store_that_is_there_is_not_made_anew(tmp_path: Path) -> None:
    store = tmp_path / "store"
    prepare_recovery(store)
    before = sorted(path.name for path in store.iterdir())
    totals(cut([1, 2], 1), store, stop_at=1)
    prepare_recovery(store)
    assert sorted(path.name for path in store.iterdir()) == before
    assert totals(cut([1, 2], 1), store) == [3]


class Breaks(Exception):
    pass


class Fragile(Sum):
    def add(self, number: int) -> list[int]:
        if number < 0:
            raise Breaks
        return super().add(number)


def test_a_crash_emits_again_what_came_since_the_last_snapshot(tmp_path: Path) -> None:
    """Trap 11: hence numbered outputs and readers that drop what they have."""
    store = tmp_path / "store"
    prepare_recovery(store)

    out: list[tuple[str, int]] = []
    flow = Dataflow("sum")
    keyed = op.key_on("key", op.input("in", flow, Batches(cut([1, 2, 3, -1], 1))), lambda _: "one")
    op.output("out", stateful("sum", keyed, schema_of("sum", Fragile), Settings(), _add), TestingSink(out))
    with pytest.raises(BaseException, match=r".*"):
        run(flow, store, snapshot_s=3_600)
    assert [total for _, total in out] == [1, 3, 6]
    assert totals(cut([1, 2, 3, 4], 1), store) == [1, 3, 6, 10], "all of it once more, with the same totals"


def test_renaming_a_step_forgets_its_state_without_a_word(tmp_path: Path) -> None:
    """Trap 12: why the step ids are held to a committed list."""
    store = tmp_path / "store"
    prepare_recovery(store)
    batches = cut([1, 2, 3], 1)
    assert totals(batches, store, stop_at=2) == [1, 3]
    out: list[tuple[str, int]] = []
    flow = Dataflow("sum")
    keyed = op.key_on("key", op.input("in", flow, Batches(batches)), lambda _: "one")
    op.output("out", stateful("renamed", keyed, schema_of("renamed", Sum), Settings(), _add), TestingSink(out))
    run(flow, store, 0)
    assert [total for _, total in out] == [3], "the sum begins at nothing: 3 and not 6"


def test_a_failure_of_a_step_ends_the_flow() -> None:
    """Trap 13: hence every step's body yields a value or a dead letter."""

    def refuse(_: int) -> int:
        raise Breaks

    flow = Dataflow("fails")
    op.output("out", op.map("map", op.input("in", flow, Batches(cut([1], 1))), refuse), TestingSink([]))
    with pytest.raises(RuntimeError):
        run(flow)
