"""What would have to change: the number that binds and its bound, from spans as the gates leave them."""

from __future__ import annotations

import pytest

from flows.trading_line.data_gate import check
from models.journal import Book
from models.reasons import Reason
from models.remedies import remedy
from models.settings import Settings
from models.strategies.instance import all_instances
from models.timestamps import SECOND
from tests.models.strategies.views import END, NOW, START, book, token, view

LIMITS = all_instances(Settings())["updown_fair_value"].limits


def both(**changes: object) -> Book:
    return book(token("up", 4900, 5000, **changes), token("down", 5000, 5100, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"t": NOW + 7 * SECOND}, "spot is 7.0 s old, needs at most 5 s"),
        ({"book": both(t=NOW - 9 * SECOND)}, "book is 9.0 s old, needs at most 5 s"),
        ({"book": both(asks=((5800, 100_000_000),))}, "spread 0.0900, needs at most 0.0500 ($ a share)"),
        ({"book": both(asks=((5000, 2_000_000),))}, "2 shares on offer, needs at least 5"),
        ({"strike_gap_s": 20.0}, "strike is 20 s off, needs at most 5 s"),
        ({"returns": 3, "history_s": 17.0}, "17 s and 3 returns of spot, needs 60 s and 10 returns"),
        ({"t": START - 30 * SECOND}, "opens in 30 s"),
        ({"t": END}, "nothing: the window is over"),
    ],
)
def test_the_data_gate_says_number_and_bound(changes: dict[str, object], said: str) -> None:
    step = check(view(**changes), LIMITS).step
    assert remedy(step.reason, step.numbers) == said


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_sentence_without_numbers_too(reason: Reason) -> None:
    assert "{" not in remedy(reason, {}) and remedy(reason, {})
