"""``parity``: the score is what is left after both fees; the data gate has seen to the books."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fees import fee_per_share
from models.reasons import Reason, Verdict
from models.settings import Parity
from models.strategies.parity import NAME, evaluate
from models.trace import Step
from tests.models.strategies.views import book, market, token, view

SETTINGS = Parity()
CHEAP = book(token("up", 4500, 4600), token("down", 4500, 4600))


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [({}, Verdict.HOLD, Reason.BELOW_THRESHOLD), ({"book": CHEAP}, Verdict.PASS, Reason.EDGE)],
)
def test_every_verdict_and_reason(changes: dict[str, Any], verdict: Verdict, reason: Reason) -> None:
    evaluation = evaluate(view(**changes), SETTINGS)
    assert (evaluation.verdict, evaluation.reason) == (verdict, reason)
    assert [step.module for step in evaluation.steps] == [f"strategy.{NAME}"]
    assert (evaluation.steps[-1].verdict, evaluation.steps[-1].reason) == (verdict, reason)
    assert [intent.outcome for intent in evaluation.intents] == (["Up", "Down"] if verdict is Verdict.PASS else [])


@pytest.mark.parametrize("quotes", [None, CHEAP])
def test_the_trace_so_far_comes_first(quotes: Any) -> None:
    gate = Step("data_gate.parity", Verdict.PASS, Reason.OK)
    changes = {} if quotes is None else {"book": quotes}
    assert evaluate(view(**changes), SETTINGS, before=(gate,)).steps[0] is gate


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
