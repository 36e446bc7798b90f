"""``parity``: the score is what is left after both fees; the data gate has seen to the books."""

from __future__ import annotations

from typing import Any

import msgspec
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


# --- split and sell both ----------------------------------------------------------------------------------------------

SPLITTING = Parity(split=True)
DEAR = book(token("up", 5600, 5700), token("down", 5000, 5100))


def test_dear_bids_are_nothing_to_it_unless_it_is_asked_to_split() -> None:
    assert evaluate(view(book=DEAR), SETTINGS).verdict == Verdict.HOLD
    signal = evaluate(view(book=DEAR), SPLITTING)
    assert (signal.verdict, signal.reason) == (Verdict.PASS, Reason.EDGE)
    assert [(each.outcome, each.price, each.split) for each in signal.intents] == [
        ("Up", 5650, True),
        ("Down", 4350, True),
    ]


@given(up=st.integers(2, 98), down=st.integers(2, 98), rate=st.integers(0, 100_000))
def test_the_score_of_a_split_is_both_bids_less_a_dollar_and_both_fees(up: int, down: int, rate: int) -> None:
    pair = book(token("up", up * 100, 9_900), token("down", down * 100, 9_900))
    signal = evaluate(view(book=pair, market=market(fee_rate=rate)), SPLITTING)
    fees = fee_per_share(up / 100, rate / 1e6) + fee_per_share(down / 100, rate / 1e6)
    earned = (up + down) / 100 - 1.0 - fees
    bought = 1.0 - 2 * 0.99 - 2 * fee_per_share(0.99, rate / 1e6)
    assert signal.score == pytest.approx(max(earned, bought), abs=2e-6)
    assert (signal.verdict == Verdict.PASS) == (signal.score > SPLITTING.min_edge + SPLITTING.margin)
    if signal.intents:
        assert sum(each.price for each in signal.intents) == 10_000, "both halves are a dollar"
        assert sum(each.worth for each in signal.intents) == pytest.approx(1.0 + signal.score)


@given(bid=st.integers(100, 9_800), spread=st.integers(1, 100), rate=st.integers(0, 100_000))
def test_on_mirrored_books_splitting_finds_what_buying_finds(bid: int, spread: int, rate: int) -> None:
    """Down's bid is Up's ask seen from the other side, and the fee of p is that of 1 - p."""
    ask = bid + spread
    mirrored = book(token("up", bid, ask), token("down", 10_000 - ask, 10_000 - bid))
    definition = market(fee_rate=rate)
    both = evaluate(view(book=mirrored, market=definition), Parity(split=True, min_edge=0, margin=0))
    one = evaluate(view(book=mirrored, market=definition), Parity(min_edge=0, margin=0))
    assert both.verdict == one.verdict == Verdict.HOLD
    assert both.score == pytest.approx(one.score, abs=2e-6)


def pair_of(size: int, up: int, down: int, shown: int = 100_000_000) -> tuple[Holding, Holding]:
    """Both legs of a complete pair, with bids of so many pips and micro-shares."""
    books = {
        "up": msgspec.structs.replace(token("up", up, 9_900), bids=((up, shown),)),
        "down": msgspec.structs.replace(token("down", down, 9_900), bids=((down, 2 * shown),)),
    }
    common = {"t": NOW, "market": market(), "size": size, "basis": size // 2, "opened": NOW, "other_size": size}
    return (
        Holding(**common, token=books["up"], other=books["down"]),  # type: ignore[arg-type]
        Holding(**common, token=books["down"], other=books["up"]),  # type: ignore[arg-type]
    )


def test_both_legs_of_a_pair_are_sold_together_and_alike() -> None:
    one, other = (leave(each, SPLITTING) for each in pair_of(150_000_000, 5_600, 5_000))
    assert one is not None and other is not None
    assert (one.reason, one.size) == (other.reason, other.size) == (Reason.PAIR_SOLD, 100_000_000)


def test_a_pair_whose_bids_bring_no_more_than_its_dollar_is_held() -> None:
    for each in pair_of(10_000_000, 5_100, 5_000):  # a cent above a dollar, and the fees are more
        assert leave(each, SPLITTING) is None
    for each in pair_of(10_000_000, 5_600, 5_000):
        assert leave(each, SETTINGS) is None, "without split a pair is always held"
        assert leave(msgspec.structs.replace(each, other=None), SPLITTING) is None, "the other book is not fit"
