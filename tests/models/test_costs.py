"""The cost model: expected costs are the exchange's fee and what is configured beyond it; a split adds up exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.costs import NO_EXTRAS, PARTS, CostModel, FillLeg, split
from models.features.examples import example_market
from models.fees import taker_fee
from models.money import DOLLAR, PIP, SHARE

prices = st.integers(1, PIP - 1)
mids = st.one_of(st.just(-1), prices)


@st.composite
def legs(draw: st.DrawFn) -> FillLeg:
    price, size = draw(prices), draw(st.integers(1, 10**9))
    return FillLeg(
        side=draw(st.sampled_from(["buy", "sell"])),
        price=price,
        size=size,
        gross=price * size // PIP,
        fee=draw(st.integers(0, 10**7)),
        is_taker=draw(st.booleans()),
        decision_mid=draw(mids),
        mid=draw(mids),
        touch=draw(mids),
        later_mid=draw(mids),
    )


@given(st.lists(legs(), max_size=6), st.integers(0, 10**9), st.integers(0, 10**6))
def test_parts_add_up_and_the_ledger_is_not_touched(trades: list[FillLeg], payout: int, rebates: int) -> None:
    parts = split(trades, payout, rebates)
    cash = payout + rebates
    for leg in trades:
        cash += (leg.gross if leg.side == "sell" else -leg.gross) - leg.fee
    assert parts.booked == cash
    assert parts.gross - parts.booked == sum(getattr(parts, name) for name in PARTS) == parts.total


@given(st.lists(legs(), max_size=6), st.integers(0, 10**9))
def test_gross_is_what_the_shares_made_from_mid_to_mid(trades: list[FillLeg], payout: int) -> None:
    """Of takers whose mids are known: the payout, and each share at the mid its order was decided on."""
    known = [each for each in trades if each.is_taker and each.decision_mid >= 0]
    expected = payout
    for leg in known:
        expected += (1 if leg.side == "sell" else -1) * (leg.decision_mid * leg.size // PIP)
    assert split(known, payout).gross == expected


def test_a_taker_that_walks_the_book() -> None:
    """Mid 0.50 when decided, 0.51 and touch 0.52 when met; 10 shares at 0.53: one cent each of latency, spread,
    slippage a share."""
    fee = taker_fee(5_300, 10 * SHARE, 70_000)
    leg = FillLeg(
        side="buy", price=5_300, size=10 * SHARE, gross=5_300_000, fee=fee, is_taker=True,
        decision_mid=5_000, mid=5_100, touch=5_200,
    )  # fmt: skip
    parts = split([leg], payout=10 * DOLLAR)
    assert (parts.latency, parts.spread, parts.slippage, parts.fees) == (100_000, 100_000, 100_000, fee)
    assert parts.gross == 5 * DOLLAR
    assert parts.booked == 10 * DOLLAR - 5_300_000 - fee


def test_a_quote_that_is_picked_off_captures_spread_and_loses_more() -> None:
    """Bid at 0.48 with the mid at 0.49; half a minute later the mid is 0.45."""
    leg = FillLeg(
        side="buy", price=4_800, size=10 * SHARE, gross=4_800_000, fee=0, is_taker=False,
        decision_mid=4_900, later_mid=4_500,
    )  # fmt: skip
    parts = split([leg], payout=0)
    assert (parts.spread, parts.adverse) == (-100_000, 400_000)
    assert parts.gross == -4_500_000  # what the shares lost from the mid after the fill on


@given(prices, st.integers(0, 10_000))
def test_without_extras_taking_costs_the_fee_alone(price: int, rate: int) -> None:
    market = example_market()
    p = price / PIP
    fee = market.fee_rate / 1_000_000 * p * (1 - p)
    assert NO_EXTRAS.taking(market, p) == pytest.approx(fee, abs=1e-12)
    assert NO_EXTRAS.entering(market, p, market.start) == NO_EXTRAS.taking(market, p)
    assert NO_EXTRAS.entering(market, p, market.start, post_only=True) == 0.0


def test_interest_is_of_the_money_and_the_time() -> None:
    year = 365 * 24 * 3600 * 10**9
    assert CostModel(capital_rate=0.05).capital(100 * DOLLAR, year) == 5 * DOLLAR
    assert CostModel(capital_rate=0.05).capital(100 * DOLLAR, year // 2) == 5 * DOLLAR // 2
    assert NO_EXTRAS.capital(100 * DOLLAR, year) == 0


def test_a_tier_gives_back_its_share_of_the_fee() -> None:
    market = example_market()
    assert CostModel(taker_rebate=0.5).taking(market, 0.5) == pytest.approx(NO_EXTRAS.taking(market, 0.5) / 2)
