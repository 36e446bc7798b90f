from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.recorder.writer import FeedWriter, run_id
from models.markers import Notice
from models.topics import FEED_COINBASE, FEED_POLYMARKET
from tests.connectors.recorder.rig import Captured


class Hands:
    """A clock that shows what it is told to."""

    speed = 1.0

    def __init__(self, times: list[int]) -> None:
        self.times = times

    def now_ns(self) -> int:
        return self.times.pop(0) if len(self.times) > 1 else self.times[0]


@given(st.integers(1, 2**62), st.integers(1, 2**62))
def test_run_ids_sort_by_time(one: int, two: int) -> None:
    assert (run_id(one) < run_id(two)) == (one < two)
    assert run_id(one).startswith("r") and " " not in run_id(one)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_receipt_never_runs_backwards(times: list[int]) -> None:
    outlet = Captured()
    writer = FeedWriter("r1", "sim", Hands(list(times)), outlet)
    line = writer.line("x")
    for _ in times:
        line.publish(FEED_COINBASE, b"{}")
    stamps = [envelope.recv_ns for _, envelope in outlet.feed()]
    assert stamps == sorted(stamps)
    assert all(stamp >= time for stamp, time in zip(stamps, times, strict=True))


def test_each_connection_has_its_own_numbers_and_name() -> None:
    outlet = Captured()
    writer = FeedWriter("r1", "sim", Hands([5]), outlet)
    one, two = writer.line("polymarket"), writer.line("polymarket")
    for line in (one, two, one, one, two):
        line.publish(FEED_POLYMARKET, b"[]")
    writer.notice(FEED_POLYMARKET, Notice(one.conn, "disconnected", "gone", one.n))
    reported = [(envelope.seq, envelope.conn, envelope.n) for _, envelope in outlet.feed()]
    assert reported == [
        (0, "r1.polymarket0", 0),
        (1, "r1.polymarket1", 0),
        (2, "r1.polymarket0", 1),
        (3, "r1.polymarket0", 2),
        (4, "r1.polymarket1", 1),
        (5, "r1.notices-polymarket", 0),
    ]
    assert outlet.messages[0].key == "r1.polymarket0"
    assert outlet.messages[5].key == "r1.polymarket0"  # what the notice is about


@pytest.mark.parametrize("given_ns", [7, 3])
def test_time_read_before_is_kept_unless_it_is_older_than_the_last(given_ns: int) -> None:
    outlet = Captured()
    writer = FeedWriter("r1", "sim", Hands([5]), outlet)
    line = writer.line("x")
    line.publish(FEED_COINBASE, b"a")
    assert line.publish(FEED_COINBASE, b"b", recv_ns=given_ns).recv_ns == max(given_ns, 5)
