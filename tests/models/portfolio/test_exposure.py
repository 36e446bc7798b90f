"""The worst joint loss against brute force: every price, every unknown, every subset of stakes that is left."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from models.portfolio.exposure import Stake, room, worst_loss

STRIKES = (None, 100, 101, 102)
ENDS = (900, 1_800)


@st.composite
def stakes(draw: st.DrawFn, market: str | None = None) -> Stake:
    """Of a few markets, so that many are settled by one price."""
    end, strike = draw(st.sampled_from(ENDS)), draw(st.sampled_from(STRIKES))
    return Stake(
        market=market or f"{end}-{strike}",
        asset="BTC",
        end=end,
        rule="twap",
        strike=strike,
        outcome=draw(st.sampled_from(["Up", "Down"])),
        size=draw(st.integers(0, 50)),
        cost=draw(st.integers(0, 50)),
    )


def brute(held: list[Stake]) -> int:
    """By the rule of the exchange: each end has one price; a market without a known strike may go either way. Any of
    the stakes may be gone by then: orders that were not filled, positions that were sold."""
    unknown = sorted({each.market for each in held if each.strike is None})
    worst: int | None = None
    for prices in product((99, 100, 101, 102), repeat=len(ENDS)):
        price = dict(zip(ENDS, prices, strict=True))
        for ways in product((True, False), repeat=len(unknown)):
            way = dict(zip(unknown, ways, strict=True))
            for there in product((True, False), repeat=len(held)):
                loss = 0
                for each in (each for each, left in zip(held, there, strict=True) if left):
                    up = way[each.market] if each.strike is None else price[each.end] >= each.strike
                    loss += each.cost - (each.size if up == (each.outcome == "Up") else 0)
                worst = loss if worst is None else max(worst, loss)
    return worst or 0


@given(st.lists(stakes(), max_size=5))
def test_the_worst_loss_is_that_of_the_worst_joint_outcome(held: list[Stake]) -> None:
    assert worst_loss(held) == brute(held)


@given(st.lists(stakes(), max_size=4), stakes(), st.integers(0, 120))
def test_what_fits_keeps_the_worst_loss_within_the_cap(held: list[Stake], leg: Stake, cap: int) -> None:
    scale = 1_000  # so that a part of a leg is a whole number
    held = [Stake(*_scaled(each, scale)) for each in held]
    leg = Stake(*_scaled(leg, scale))
    if leg.cost == 0:
        return
    spent = min(room(held, cap * scale, [leg]), 50 * leg.cost)
    if spent == 0:
        return
    size = leg.size * spent // leg.cost
    added = Stake(leg.market, leg.asset, leg.end, leg.rule, leg.strike, leg.outcome, size, spent)
    assert worst_loss([*held, added]) <= max(cap * scale, worst_loss(held)) + 1


def _scaled(each: Stake, scale: int) -> tuple[object, ...]:
    return (
        each.market,
        each.asset,
        each.end,
        each.rule,
        each.strike,
        each.outcome,
        each.size * scale,
        each.cost * scale,
    )


def test_overlapping_windows_are_one_bet_and_not_the_sum_of_names() -> None:
    long = Stake("5m", "BTC", 900, "twap", 100, "Up", 10, 5)
    same = Stake("15m", "BTC", 900, "twap", 100, "Up", 10, 5)
    opposite = Stake("15m", "BTC", 900, "twap", 100, "Down", 10, 5)
    assert worst_loss([long, same]) == 10
    assert worst_loss([long, opposite]) == 5, "one of the two pays"
    later = Stake("15m", "BTC", 1_800, "twap", 100, "Down", 10, 5)
    assert worst_loss([long, later]) == 10, "both may go wrong"


def test_the_room_of_a_pair_is_bound_by_its_dearer_leg_alone() -> None:
    legs = [Stake("m", "BTC", 900, "twap", 100, side, 10, cost) for side, cost in (("Up", 6), ("Down", 3))]
    assert room([], 12, legs) == 12 * 9 // 6
