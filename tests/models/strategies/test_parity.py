"""``parity``: the score is what is left after both fees; the data gate has seen to the books."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fees import fee_per_share
from models.reasons import Reason, Verdict
from models.settings import Parity
from models.strategies.holding import Holding
from models.strategies.parity import evaluate, leave
from tests.models.strategies.views import NOW, book, market, token, view

SETTINGS = Parity()
CHEAP = book(token("up", 4500, 4600), token("down", 4500, 4600))


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [({}, Verdict.HOLD, Reason.BELOW_THRESHOLD), ({"book": CHEAP}, Verdict.PASS, Reason.EDGE)],
)
def test_every_verdict_and_reason(changes: dict[str, Any], verdict: Verdict, reason: Reason) -> None:
    evaluation = evaluate(view(**changes), SETTINGS)
    assert (evaluation.verdict, evaluation.reason) == (verdict, reason)
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


def test_each_leg_may_cost_half_of_the_edge_more() -> None:
    pair = book(token("up", 4000, 4100), token("down", 4900, 5000))
    evaluation = evaluate(view(book=pair), SETTINGS)
    up, down = evaluation.intents
    assert up.worth == pytest.approx(0.41 + fee_per_share(0.41, 0.07) + evaluation.score / 2)
    assert down.worth == pytest.approx(0.50 + fee_per_share(0.50, 0.07) + evaluation.score / 2)
    assert up.worth + down.worth == pytest.approx(1.0, abs=1e-6)


def leg(size: int, other_size: int) -> Holding:
    return Holding(
        t=NOW,
        market=market(),
        token=token("up", 4000, 4100),
        size=size,
        basis=size // 2,
        opened=NOW,
        other_size=other_size,
        fair=0.01,  # what another rule would sell at once
    )


@given(size=st.integers(1, 10**9), other_size=st.integers(0, 10**9))
def test_only_shares_without_a_partner_are_sold_and_at_once(size: int, other_size: int) -> None:
    decided = leave(leg(size, other_size), SETTINGS)
    excess = (size - other_size) // 10_000 * 10_000
    if excess <= 0:
        assert decided is None, "a complete pair pays a dollar, whatever its bids are"
    else:
        assert decided is not None
        assert (decided.reason, decided.size) == (Reason.LEG_BROKEN, excess)
        mirrored = leave(leg(other_size, size), SETTINGS) if other_size else None
        assert mirrored is None, "one leg is sold, never both"
