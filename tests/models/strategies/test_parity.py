"""``parity``: only two valid fresh books of one moment, only after both fees."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fees import fee_per_share
from models.reasons import Reason, Verdict
from models.settings import Parity
from models.strategies.parity import NAME, evaluate
from tests.models.strategies.views import START, book, market, token, view

SETTINGS = Parity()
CHEAP = book(token("up", 4500, 4600), token("down", 4500, 4600))


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"t": START - 1}, Verdict.HOLD, Reason.NOT_STARTED),
        ({"book": None}, Verdict.BLOCK, Reason.BOOK_MISSING),
        ({"book": book(None, token("down", 4500, 4600))}, Verdict.BLOCK, Reason.BOOK_MISSING),
        ({"book": book(token("up", 4500, 4600), None)}, Verdict.BLOCK, Reason.BOOK_MISSING),
        ({"book": CHEAP, "book_stale": True}, Verdict.BLOCK, Reason.STALE_BOOK),
        (
            {"book": book(token("up", 4500, 4600, ok=False), token("down", 4500, 4600))},
            Verdict.BLOCK,
            Reason.BOOK_INVALID,
        ),
        (
            {"book": book(token("up", 4500, 4600), token("down", 4500, 4600, ok=False))},
            Verdict.BLOCK,
            Reason.BOOK_INVALID,
        ),
        (
            {"book": book(token("up", 4500, 4600), token("down", 4500, 4600), pair_ok=False)},
            Verdict.BLOCK,
            Reason.PAIR_INCONSISTENT,
        ),
        ({}, Verdict.HOLD, Reason.BELOW_THRESHOLD),
        ({"book": CHEAP}, Verdict.PASS, Reason.EDGE),
    ],
)
def test_every_verdict_and_reason(changes: dict[str, Any], verdict: Verdict, reason: Reason) -> None:
    evaluation = evaluate(view(**changes), SETTINGS)
    assert (evaluation.verdict, evaluation.reason) == (verdict, reason)
    assert evaluation.steps[-1].module == f"strategy.{NAME}"
    assert [intent.outcome for intent in evaluation.intents] == (["Up", "Down"] if verdict is Verdict.PASS else [])


def test_spot_plays_no_part() -> None:
    assert evaluate(view(book=CHEAP, spot=None, strike=None), SETTINGS).verdict == Verdict.PASS


@given(up=st.integers(1, 99), down=st.integers(1, 99), rate=st.integers(0, 100_000))
def test_the_score_is_a_dollar_minus_both_asks_and_both_fees(up: int, down: int, rate: int) -> None:
    pair = book(token("up", 1, up * 100), token("down", 1, down * 100))
    evaluation = evaluate(view(book=pair, market=market(fee_rate=rate)), SETTINGS)
    fees = fee_per_share(up / 100, rate / 1e6) + fee_per_share(down / 100, rate / 1e6)
    assert evaluation.score == pytest.approx(1.0 - (up + down) / 100 - fees, abs=2e-6)
    assert (evaluation.verdict == Verdict.PASS) == (evaluation.score > SETTINGS.min_edge + SETTINGS.margin)


def test_even_odds_need_less_than_0_965_before_crypto_fees_are_earned() -> None:
    """The break-even of a pair at 50/50 with a rate of 0.07: 1 - 2 * 0.07 * 0.25."""
    free = Parity(min_edge=0.0, margin=0.0)
    for ask, passes in ((4820, True), (4830, False)):
        pair = book(token("up", 4800, ask), token("down", 4800, ask))
        assert (evaluate(view(book=pair), free).verdict == Verdict.PASS) is passes


def test_each_leg_is_worth_what_the_other_leaves() -> None:
    pair = book(token("up", 4000, 4100), token("down", 4900, 5000))
    up, down = evaluate(view(book=pair), SETTINGS).intents
    assert [up.worth, down.worth] == pytest.approx([0.50, 0.59])
