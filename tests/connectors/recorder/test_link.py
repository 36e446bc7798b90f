from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.clock import ScaledClock, patience, real_seconds
from connectors.recorder.link import Backoff


@given(st.integers(0, 60), st.floats(0, 1))
def test_backoff_is_a_part_of_a_growing_bounded_wait(failures: int, part: float) -> None:
    backoff = Backoff(0.5, 30.0, uniform=lambda low, high: low + part * (high - low))
    waits = [backoff.next() for _ in range(failures + 1)]
    assert waits[-1] == part * min(30.0, 0.5 * 2.0**failures)
    backoff.reset()
    assert backoff.next() == part * 0.5


def test_backoff_spreads_its_waits() -> None:
    backoff = Backoff(1.0, 1.0)
    waits = [backoff.next() for _ in range(200)]
    assert min(waits) < 0.2 and max(waits) > 0.8


def test_durations_of_a_fast_clock() -> None:
    fast = ScaledClock(0, 0, 60.0)
    assert real_seconds(fast, 60.0) == 1.0
    assert patience(fast, 30.0) == 2.0  # sockets do not get faster
    assert patience(fast, 0.5) == 0.5
    assert patience(fast, 300.0) == 5.0
    assert patience(ScaledClock(0, 0, 1.0), 30.0) == 30.0
