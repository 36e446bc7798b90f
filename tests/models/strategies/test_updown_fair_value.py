"""``updown_fair_value``: the edge is after all costs, and only what the data gate lets through is bought."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fair_value import probability_up
from models.fees import fee_per_share
from models.reasons import Reason, Verdict
from models.settings import FairValue
from models.settlement import Rule
from models.strategies.updown_fair_value import NAME, evaluate
from models.trace import Step
from tests.models.strategies.views import END, NOW, VARIANCE, market, spot, view

SETTINGS = FairValue()


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, Verdict.HOLD, Reason.BELOW_THRESHOLD),
        ({"spot": spot(60_100.0)}, Verdict.PASS, Reason.EDGE),
    ],
)
def test_every_verdict_and_reason(changes: dict[str, Any], verdict: Verdict, reason: Reason) -> None:
    gate = Step("data_gate.updown_fair_value", Verdict.PASS, Reason.OK)
    evaluation = evaluate(view(**changes), SETTINGS, before=(gate,))
    assert (evaluation.verdict, evaluation.reason) == (verdict, reason)
    assert [step.module for step in evaluation.steps] == [gate.module, "features", f"strategy.{NAME}"]
    assert (evaluation.steps[-1].verdict, evaluation.steps[-1].reason) == (verdict, reason)
    assert bool(evaluation.intents) == (verdict is Verdict.PASS)
    assert bool(evaluation.steps[-1].numbers) == bool(evaluation.intents), "numbers where they will be shown"


def test_the_score_is_worth_minus_ask_minus_fee_by_hand() -> None:
    evaluation = evaluate(view(spot=spot(60_020.0)), SETTINGS)
    fair = probability_up(60_020.0, 60_000.0, VARIANCE, (END - NOW) / 1e9)
    assert evaluation.fair == fair
    assert evaluation.score == round(fair - 0.50 - fee_per_share(0.50, 0.07), 6)
    (intent,) = evaluation.intents
    assert (intent.outcome, intent.ask, intent.worth) == ("Up", 5000, fair)


def test_the_better_outcome_is_bought_and_down_is_worth_the_rest() -> None:
    evaluation = evaluate(view(spot=spot(59_900.0)), SETTINGS)
    (intent,) = evaluation.intents
    assert (intent.outcome, intent.ask) == ("Down", 5100)
    assert intent.worth == pytest.approx(1.0 - evaluation.fair)


@pytest.mark.parametrize(("outcome", "price"), [("Up", 60_100.0), ("Down", 59_900.0)])
def test_only_an_outcome_whose_book_is_fit_is_bought(outcome: str, price: float) -> None:
    both = evaluate(view(spot=spot(price)), SETTINGS)
    assert [intent.outcome for intent in both.intents] == [outcome]
    other = evaluate(view(spot=spot(price)), SETTINGS, ("Down",) if outcome == "Up" else ("Up",))
    assert other.verdict == Verdict.HOLD
    assert other.fair == both.fair


@given(price=st.floats(59_500.0, 60_500.0), rate=st.integers(0, 200_000), more=st.integers(1, 200_000))
def test_the_edge_falls_as_the_fee_rises(price: float, rate: int, more: int) -> None:
    cheap = evaluate(view(spot=spot(price), market=market(fee_rate=rate)), SETTINGS)
    dear = evaluate(view(spot=spot(price), market=market(fee_rate=rate + more)), SETTINGS)
    assert dear.score <= cheap.score
    assert dear.fair == cheap.fair


@given(price=st.floats(59_000.0, 61_000.0), min_edge=st.floats(0.0, 0.5), margin=st.floats(0.0, 0.5))
def test_it_passes_exactly_above_its_threshold(price: float, min_edge: float, margin: float) -> None:
    settings = FairValue(min_edge=min_edge, margin=margin)
    evaluation = evaluate(view(spot=spot(price)), settings)
    assert evaluation.threshold == min_edge + margin
    assert (evaluation.verdict == Verdict.PASS) == (evaluation.score > evaluation.threshold)


def test_the_average_so_far_counts_in_a_twap_market() -> None:
    late = {"as_of": END - 20_000_000_000, "market": market(rule=Rule("twap", 60))}
    low = evaluate(view(**late, average=59_950.0), SETTINGS).fair
    high = evaluate(view(**late, average=60_050.0), SETTINGS).fair
    assert low < 0.1 < 0.9 < high


def test_a_strike_taken_far_from_the_start_makes_it_less_sure() -> None:
    exact = evaluate(view(spot=spot(60_020.0)), SETTINGS).fair
    vague = evaluate(view(spot=spot(60_020.0), strike_gap_s=60.0), SETTINGS).fair
    assert 0.5 < vague < exact
