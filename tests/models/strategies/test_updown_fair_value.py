"""``updown_fair_value``: every refusal is reached and named, and the edge is after all costs."""

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
from tests.models.strategies.views import END, NOW, START, VARIANCE, book, market, spot, token, view

SETTINGS = FairValue()


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"t": START - 1}, Verdict.HOLD, Reason.NOT_STARTED),
        ({"market": market(rule=None)}, Verdict.BLOCK, Reason.RULE_UNKNOWN),
        ({"spot": None}, Verdict.BLOCK, Reason.SPOT_MISSING),
        ({"spot": spot(ok=False)}, Verdict.BLOCK, Reason.SPOT_INVALID),
        ({"spot_stale": True}, Verdict.BLOCK, Reason.STALE_SPOT),
        ({"book": None}, Verdict.BLOCK, Reason.BOOK_MISSING),
        ({"book_stale": True}, Verdict.BLOCK, Reason.STALE_BOOK),
        ({"strike": None}, Verdict.BLOCK, Reason.STRIKE_MISSING),
        ({"returns": 9}, Verdict.BLOCK, Reason.WARMING_UP),
        ({"history_s": 59.9}, Verdict.BLOCK, Reason.WARMING_UP),
        (
            {"book": book(token("up", 4900, 5000, ok=False, checks=("crossed_book",)), None)},
            Verdict.BLOCK,
            Reason.BOOK_INVALID,
        ),
        ({"book": book(token("up", 4900, 5000, asks=()), None)}, Verdict.BLOCK, Reason.BOOK_INVALID),
        ({}, Verdict.HOLD, Reason.BELOW_THRESHOLD),
        ({"spot": spot(60_100.0)}, Verdict.PASS, Reason.EDGE),
    ],
)
def test_every_verdict_and_reason(changes: dict[str, Any], verdict: Verdict, reason: Reason) -> None:
    evaluation = evaluate(view(**changes), SETTINGS)
    assert (evaluation.verdict, evaluation.reason) == (verdict, reason)
    assert evaluation.steps[-1].module == f"strategy.{NAME}"
    assert (evaluation.steps[-1].verdict, evaluation.steps[-1].reason) == (verdict, reason)
    assert bool(evaluation.intents) == (verdict is Verdict.PASS)


def test_the_reasons_of_an_invalid_book_are_told() -> None:
    spoilt = token("up", 4900, 5000, ok=False, checks=("crossed_book", "off_tick"))
    step = evaluate(view(book=book(spoilt, None)), SETTINGS).steps[-1]
    assert step.numbers == {"up": "crossed_book,off_tick", "down": "no book"}


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
def test_a_token_without_valid_book_is_never_bought(outcome: str, price: float) -> None:
    up, down = token("up", 4900, 5000, ok=outcome != "Up"), token("down", 5000, 5100, ok=outcome != "Down")
    evaluation = evaluate(view(book=book(up, down), spot=spot(price)), SETTINGS)
    assert outcome not in [intent.outcome for intent in evaluation.intents]
    assert evaluation.verdict == Verdict.HOLD


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
