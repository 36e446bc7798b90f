"""Refusals: each reason is counted by itself, and a row tells of its own repeats."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from flows.trading_line.refusals import Refusals
from models.timestamps import SECOND

SUBJECT = ("parity", "m", "")


def test_a_row_tells_of_its_own_repeats_whatever_came_between() -> None:
    refusals = Refusals(1)
    assert refusals.due(SUBJECT, "cooldown", SECOND) == 0
    assert refusals.due(SUBJECT, "cooldown", SECOND + 1) is None
    assert refusals.due(SUBJECT, "no_cash", SECOND + 2) == 0
    assert refusals.due(SUBJECT, "no_cash", SECOND + 3) is None
    assert refusals.due(SUBJECT, "no_cash", SECOND + 4) is None
    assert refusals.due(SUBJECT, "cooldown", 2 * SECOND) == 1
    assert refusals.due(SUBJECT, "no_cash", 2 * SECOND + 2) == 2
    assert refusals.due(("parity", "other", ""), "cooldown", 2 * SECOND + 3) == 0


def test_a_forgotten_market_starts_afresh() -> None:
    refusals = Refusals(10)
    refusals.due(SUBJECT, "cooldown", 0)
    refusals.forget("other")
    assert refusals.due(SUBJECT, "cooldown", 1) is None
    refusals.forget("m")
    assert refusals.due(SUBJECT, "cooldown", 2) == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, SECOND)), max_size=60))
def test_rows_and_their_repeats_add_up_to_all_but_the_last_unsent(steps: list[tuple[str, int]]) -> None:
    refusals = Refusals(1)
    reported: Counter[str] = Counter()
    unsent: Counter[str] = Counter()
    t = 0
    for reason, pause in steps:
        t += pause
        repeats = refusals.due(SUBJECT, reason, t)
        if repeats is None:
            unsent[reason] += 1
        else:
            assert repeats == unsent.pop(reason, 0)
            reported[reason] += 1 + repeats
    assert reported + unsent == Counter(reason for reason, _ in steps)
