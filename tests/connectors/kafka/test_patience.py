"""The wait of a fetch grows where it starves, and shrinks again by trying."""

from __future__ import annotations

from connectors.kafka.patience import HOLD_S, MOST_HOLD_S, MOST_MS, Patience


def test_it_grows_to_the_longest_and_no_further() -> None:
    patience = Patience(5)
    waits = []
    while patience.starved(0.0):
        waits.append(patience.wait_ms)
    assert waits == [20, 80, 320, MOST_MS]
    assert not patience.starved(1.0)


def test_a_shorter_wait_is_tried_after_a_while_and_less_often_where_it_starves() -> None:
    patience = Patience(5)
    now, hold = 0.0, HOLD_S
    assert patience.starved(now)
    for _ in range(6):
        assert not patience.fed(now + hold - 1)
        now += hold
        assert patience.fed(now)
        assert patience.wait_ms == 5
        assert not patience.fed(now + 1_000_000)  # there is no shorter one
        now += 1
        assert patience.starved(now)
        assert patience.wait_ms == 20
        hold = min(hold * 2, MOST_HOLD_S)


def test_a_wait_that_was_too_long_for_nothing_is_left_step_by_step() -> None:
    patience = Patience(5)
    while patience.starved(0.0):
        pass
    waits = []
    for step in range(1, 6):
        if patience.fed(step * HOLD_S):
            waits.append(patience.wait_ms)
    assert waits == [125, 31, 7, 5]
