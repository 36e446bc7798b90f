"""``updown_fair_value``: the edge is after all costs, and only what the data gate lets through is bought."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fair_value import probability_up
from models.fees import fee_per_share
from models.reasons import Reason, Verdict
from models.settings import FairValue
from models.settlement import Rule
from models.strategies.holding import Holding
from models.strategies.updown_fair_value import evaluate, leave, threshold
from models.timestamps import SECOND
from tests.models.strategies.views import END, NOW, START, VARIANCE, book, market, spot, token, view

SETTINGS = FairValue()


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, Verdict.HOLD, Reason.BELOW_THRESHOLD),
        ({"spot": spot(60_100.0)}, Verdict.PASS, Reason.EDGE),
        ({"spot": spot(60_100.0), "fair": None}, Verdict.HOLD, Reason.AVERAGE_UNKNOWN),
    ],
)
def test_every_verdict_and_reason(changes: dict[str, Any], verdict: Verdict, reason: Reason) -> None:
    signal = evaluate(view(**changes), SETTINGS)
    assert (signal.verdict, signal.reason) == (verdict, reason)
    assert bool(signal.intents) == (verdict is Verdict.PASS)
    assert bool(signal.detail) == bool(signal.intents), "numbers where they will be shown"


def test_the_score_is_worth_minus_ask_minus_fee_by_hand() -> None:
    evaluation = evaluate(view(spot=spot(60_020.0)), SETTINGS)
    fair = probability_up(60_020.0, 60_000.0, VARIANCE, (END - NOW) / 1e9)
    assert evaluation.fair == fair
    assert evaluation.score == round(fair - 0.50 - fee_per_share(0.50, 0.07), 6)
    (intent,) = evaluation.intents
    assert (intent.outcome, intent.price, intent.worth) == ("Up", 5000, fair)


def test_the_better_outcome_is_bought_and_down_is_worth_the_rest() -> None:
    evaluation = evaluate(view(spot=spot(59_900.0)), SETTINGS)
    (intent,) = evaluation.intents
    assert (intent.outcome, intent.price) == ("Down", 5100)
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
    assert threshold(settings) == min_edge + margin
    assert (evaluation.verdict == Verdict.PASS) == (evaluation.score > threshold(settings))


def test_the_average_so_far_counts_in_a_twap_market() -> None:
    late = {"as_of": END - 20_000_000_000, "market": market(rule=Rule("twap", 60))}
    low = evaluate(view(**late, average=59_950.0), SETTINGS).fair
    high = evaluate(view(**late, average=60_050.0), SETTINGS).fair
    assert low < 0.1 < 0.9 < high


def test_a_strike_taken_far_from_the_start_makes_it_less_sure() -> None:
    exact = evaluate(view(spot=spot(60_020.0)), SETTINGS).fair
    vague = evaluate(view(spot=spot(60_020.0), strike_gap_s=60.0), SETTINGS).fair
    assert 0.5 < vague < exact


def test_where_the_average_so_far_is_not_known_it_holds_and_says_why() -> None:
    late = {"as_of": END - 20_000_000_000, "market": market(rule=Rule("twap", 60)), "spot": spot(60_100.0)}
    assert evaluate(view(**late, average=60_050.0, average_gap_s=2.0), SETTINGS).verdict == Verdict.PASS
    for unknown in ({"average": 60_050.0, "average_gap_s": 3.0}, {"average": None}):
        signal = evaluate(view(**late, **unknown), SETTINGS)
        assert (signal.verdict, signal.reason) == (Verdict.HOLD, Reason.AVERAGE_UNKNOWN)
        assert (signal.fair, signal.intents) == (-1.0, ())


# --- exits ------------------------------------------------------------------------------------------------------------


def holding(bid: int, paid: float, fair: float = -1.0, left_s: float = 180.0) -> Holding:
    """Ten shares and a bit of Up, bought at ``paid`` dollars."""
    size = 10_001_000
    return Holding(
        t=END - round(left_s * SECOND),
        market=market(),
        token=token("up", bid, bid + 100),
        size=size,
        basis=round(paid * size),
        opened=START,
        fair=fair,
    )


@pytest.mark.parametrize(
    ("case", "changes", "reason"),
    [
        (holding(5000, 0.50, fair=0.50), {}, None),
        # a gain is taken where it would not buy at that price
        (holding(7000, 0.50, fair=0.70), {}, Reason.TAKE_PROFIT),
        (holding(7000, 0.50, fair=0.70 + 0.0147 + 0.02), {}, Reason.TAKE_PROFIT),
        # and not where it would, or where it does not know
        (holding(7000, 0.50, fair=0.70 + 0.0147 + 0.02 + 1e-5), {}, None),
        (holding(7000, 0.50, fair=0.90), {}, None),
        (holding(7000, 0.50), {}, None),
        # risk asks for no value
        (holding(3000, 0.50), {}, Reason.STOP_LOSS),
        (holding(3000, 0.50, fair=0.90), {}, Reason.STOP_LOSS),
        (holding(5000, 0.50, fair=0.90, left_s=30), {"time_exit_s": 30}, Reason.TIME_EXIT),
        (holding(5000, 0.50, fair=0.50, left_s=31), {"time_exit_s": 30}, None),
        # the bid after its fee beats the value
        (holding(5000, 0.50, fair=0.50 - 0.0175 - 0.0201), {}, Reason.EDGE_DECAY),
        (holding(5000, 0.50, fair=0.50 - 0.0175 - 0.0199), {}, None),
    ],
)
def test_exit_rules(case: Holding, changes: dict[str, Any], reason: Reason | None) -> None:
    decided = leave(case, FairValue(**changes))
    assert (decided.reason if decided else None) == reason
    if decided:
        assert decided.size == 10_000_000, "what can be ordered of it"


@given(
    bid=st.integers(1, 98).map(lambda cents: cents * 100),
    paid=st.floats(0.01, 0.99),
    fair=st.floats(0.0005, 0.9995),
    rate=st.sampled_from([0, 35_000, 70_000, 100_000]),
    edge=st.floats(0.0, 0.1),
)
def test_it_never_sells_by_value_what_it_would_buy_at_that_price(
    bid: int, paid: float, fair: float, rate: int, edge: float
) -> None:
    """The entry rule itself is the judge: the same share on offer at the bid."""
    parameters = FairValue(min_edge=edge, margin=0.0)
    case = msgspec.structs.replace(holding(bid, paid, fair), market=market(fee_rate=rate))
    decided = leave(case, parameters)
    offered = book(token("up", max(bid - 100, 100), bid), token("down", 100, 200))
    entry = evaluate(view(book=offered, market=market(fee_rate=rate), fair=fair), parameters, ("Up",))
    if decided is not None and decided.reason in (Reason.TAKE_PROFIT, Reason.EDGE_DECAY):
        assert entry.verdict == Verdict.HOLD
    if entry.verdict == Verdict.PASS:
        assert decided is None or decided.reason in (Reason.STOP_LOSS, Reason.TIME_EXIT)
