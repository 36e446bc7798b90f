"""Kelly's fraction against a numerical optimum, and shares that a stake can pay."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.money import DOLLAR, SHARE, SIZE_STEP
from models.sizing import kelly_fraction, shares_for

probabilities = st.floats(0.01, 0.99)


def growth(fraction: float, worth: float, cost: float) -> float:
    win = 1.0 + fraction * (1.0 - cost) / cost
    return worth * math.log(win) + (1.0 - worth) * math.log(1.0 - fraction)


@given(worth=probabilities, cost=probabilities, other=st.floats(0.0, 0.98))
def test_no_other_fraction_grows_faster(worth: float, cost: float, other: float) -> None:
    best = kelly_fraction(worth, cost)
    assert 0.0 <= best < 1.0
    assert growth(best, worth, cost) >= growth(other, worth, cost) - 1e-12


@given(worth=probabilities, cost=probabilities)
def test_no_edge_no_stake(worth: float, cost: float) -> None:
    assert (kelly_fraction(worth, cost) > 0.0) == (worth > cost)


@pytest.mark.parametrize("cost", [0.0, -0.1, 1.0, 1.5])
def test_a_price_that_is_none_gets_no_stake(cost: float) -> None:
    assert kelly_fraction(0.9, cost) == 0.0


def test_by_hand() -> None:
    assert kelly_fraction(0.6, 0.5) == pytest.approx(0.2)
    assert shares_for(10 * DOLLAR, 0.5) == 20 * SHARE
    assert shares_for(DOLLAR, 0.3) == 333 * SIZE_STEP


@given(stake=st.integers(-DOLLAR, 10_000 * DOLLAR), cost=st.floats(0.01, 1.05))
def test_shares_are_whole_hundredths_that_the_stake_pays(stake: int, cost: float) -> None:
    shares = shares_for(stake, cost)
    assert shares % SIZE_STEP == 0
    assert shares >= 0
    assume(stake > 0)
    assert shares * cost <= stake * (1 + 1e-9)
    assert (shares + SIZE_STEP) * cost > stake * (1 - 1e-9)


@pytest.mark.parametrize(("stake", "cost"), [(0, 0.5), (-5, 0.5), (100, 0.0), (100, -1.0)])
def test_nothing_for_nothing(stake: int, cost: float) -> None:
    assert shares_for(stake, cost) == 0
