"""The fair value against simulated prices, and the shape it must have."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fair_value import normal_cdf, probability_up, variance_interval
from models.volatility import EwmaVariance, effective_returns

VARIANCE = (0.5**2) / 31_536_000  # 50% a year
PATHS = 40_000
STEP_S = 0.5

spots = st.floats(1_000.0, 200_000.0)
moves = st.floats(-0.004, 0.004)
taus = st.floats(0.0, 900.0)
lookbacks = st.sampled_from([0.0, 30.0, 60.0])


def simulate(
    spot: float, strike: float, tau: float, lookback: float, known: float | None, seed: int
) -> tuple[float, float]:
    """(share of paths that end Up, its standard error): log-Brownian, the average by the trapezoidal rule."""
    rng = np.random.default_rng(seed)
    inside = min(tau, lookback)
    start = np.log(spot) + rng.normal(0.0, math.sqrt(VARIANCE * (tau - inside)), PATHS)  # where the average begins
    if lookback == 0.0:
        end = np.exp(start)
    else:
        steps = round(inside / STEP_S)
        walk = np.cumsum(rng.normal(0.0, math.sqrt(VARIANCE * STEP_S), (PATHS, steps)), axis=1)
        prices = np.exp(np.concatenate([np.zeros((PATHS, 1)), walk], axis=1) + start[:, None])
        ahead = (prices[:, 1:] + prices[:, :-1]).mean(axis=1) / 2
        past = spot if known is None else known
        end = ((lookback - inside) * past + inside * ahead) / lookback
    p = float((end >= strike).mean())
    return p, math.sqrt(max(p * (1 - p), 0.01) / PATHS)


@pytest.mark.parametrize(
    ("spot", "tau", "lookback", "known"),
    [
        (100.0, 240.0, 0.0, None),
        (100.05, 60.0, 0.0, None),
        (99.9, 300.0, 60.0, None),
        (100.04, 200.0, 60.0, None),
        (100.02, 100.0, 30.0, None),
        (100.03, 60.0, 60.0, None),
        (100.02, 40.0, 60.0, 99.99),
        (99.97, 20.0, 30.0, 100.01),
        (99.98, 30.0, 60.0, 100.01),
    ],
)
def test_agrees_with_simulation_within_four_standard_errors(
    spot: float, tau: float, lookback: float, known: float | None
) -> None:
    strike = 100.0
    expected, error = simulate(spot, strike, tau, lookback, known, seed=round(spot * 100 + tau + lookback))
    stated = probability_up(spot, strike, VARIANCE, tau, lookback, known)
    assert 0.02 < expected < 0.98, "a case that says nothing"
    assert abs(stated - expected) < 4 * error


@given(strike=spots, low=moves, high=moves, tau=taus, lookback=lookbacks)
def test_a_higher_spot_is_never_less_likely_up(
    strike: float, low: float, high: float, tau: float, lookback: float
) -> None:
    low, high = sorted((low, high))
    first = probability_up(strike * (1 + low), strike, VARIANCE, tau, lookback)
    second = probability_up(strike * (1 + high), strike, VARIANCE, tau, lookback)
    assert first <= second


@given(strike=spots, move=moves, tau=taus, lookback=lookbacks, variance=st.floats(0.0, 1e-6))
def test_it_stays_within_its_bounds(strike: float, move: float, tau: float, lookback: float, variance: float) -> None:
    assert 0.0005 <= probability_up(strike * (1 + move), strike, variance, tau, lookback) <= 0.9995


@given(move=moves, tau=st.floats(60.0, 900.0), lookback=lookbacks)
def test_up_and_down_moves_of_the_same_size_are_symmetric(move: float, tau: float, lookback: float) -> None:
    up = probability_up(100.0 * math.exp(move), 100.0, VARIANCE, tau, lookback)
    down = probability_up(100.0 * math.exp(-move), 100.0, VARIANCE, tau, lookback)
    assert up + down == pytest.approx(1.0, abs=1.1e-9)  # both are rounded to 1e-9


@given(tau=st.floats(0.001, 900.0), lookback=lookbacks)
def test_at_the_strike_it_is_even(tau: float, lookback: float) -> None:
    stated = probability_up(100.0, 100.0, VARIANCE, tau, lookback)
    assert stated == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("lookback", [0.0, 30.0, 60.0])
def test_at_the_end_the_side_decides_and_a_tie_is_up(lookback: float) -> None:
    assert probability_up(100.01, 100.0, VARIANCE, 0.0, lookback) == 0.9995
    assert probability_up(99.99, 100.0, VARIANCE, 0.0, lookback) == 0.0005
    assert probability_up(100.0, 100.0, VARIANCE, 0.0, lookback) == 0.9995


def test_at_the_end_of_an_average_only_the_average_counts() -> None:
    assert probability_up(99.0, 100.0, VARIANCE, 0.0, 60.0, average_so_far=100.01) == 0.9995
    assert probability_up(101.0, 100.0, VARIANCE, 0.0, 60.0, average_so_far=99.99) == 0.0005


@pytest.mark.parametrize("lookback", [30.0, 60.0])
def test_both_branches_of_the_average_meet_where_they_join(lookback: float) -> None:
    before = probability_up(100.02, 100.0, VARIANCE, lookback, lookback)
    after = probability_up(100.02, 100.0, VARIANCE, lookback - 1e-6, lookback, 100.02)
    assert before == pytest.approx(after, abs=1e-4)


@given(move=st.floats(1e-5, 0.004), early=taus, late=taus)
def test_a_lead_is_worth_more_with_less_time(move: float, early: float, late: float) -> None:
    late, early = sorted((early, late))
    ahead = 100.0 * (1 + move)
    assert probability_up(ahead, 100.0, VARIANCE, late) >= probability_up(ahead, 100.0, VARIANCE, early)


def test_an_average_is_surer_than_the_end_price_and_a_doubtful_strike_less_sure() -> None:
    spot = probability_up(100.02, 100.0, VARIANCE, 120.0)
    assert probability_up(100.02, 100.0, VARIANCE, 120.0, 60.0) > spot
    assert 0.5 < probability_up(100.02, 100.0, VARIANCE, 120.0, strike_variance=VARIANCE * 30) < spot


def test_variance_of_the_average_by_hand() -> None:
    tau, lookback = 120.0, 60.0
    sd = math.sqrt(VARIANCE * (tau - lookback + lookback / 3))
    expected = normal_cdf(math.log(100.02 / 100.0) / sd)
    assert probability_up(100.02, 100.0, VARIANCE, tau, lookback) == pytest.approx(expected, abs=6e-10)


@pytest.mark.parametrize("x", [-3.0, -1.96, -0.5, 0.0, 0.5, 1.96, 3.0])
def test_normal_distribution(x: float) -> None:
    grid = np.linspace(-12.0, x, 200_001)
    density = np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    area = float(np.sum((density[1:] + density[:-1]) / 2) * (grid[1] - grid[0]))
    assert normal_cdf(x) == pytest.approx(area, abs=1e-7)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0.0, 100.0, VARIANCE, 1.0), "spot"),
        ((100.0, -1.0, VARIANCE, 1.0), "strike"),
        ((100.0, 100.0, -1e-9, 1.0), "variance"),
        ((100.0, 100.0, VARIANCE, -1.0), "time left"),
        ((100.0, 100.0, VARIANCE, 1.0, -60.0), "lookback"),
    ],
)
def test_impossible_arguments_are_refused(arguments: tuple[float, ...], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        probability_up(*arguments)


@pytest.mark.parametrize("count", [60, 270, 2_000])
def test_the_interval_has_the_true_probability_in_19_of_20_estimates(count: int) -> None:
    """By simulation: Gaussian returns of a known variance, estimated as the feature does."""
    half_life, sample, tries = 900.0, 5.0, 400
    rng = np.random.default_rng(count)
    move, left = 0.0008, 120.0
    true = probability_up(100.0 * math.exp(move), 100.0, VARIANCE, left)
    covered = 0
    for returns in rng.normal(0.0, math.sqrt(VARIANCE * sample), (tries, count)):
        ewma = EwmaVariance(half_life)
        for number, price in enumerate(np.exp(np.concatenate([[0.0], np.cumsum(returns)]))):
            ewma.update(number * sample + 1.0, float(price))
        guess = probability_up(100.0 * math.exp(move), 100.0, ewma.value, left)
        low, high = variance_interval(guess, effective_returns(count, half_life, sample))
        covered += low <= true <= high
    assert abs(covered / tries - 0.95) < 4 * math.sqrt(0.95 * 0.05 / tries)


@given(p=st.floats(0.0005, 0.9995), returns=st.floats(1.0, 1e6))
def test_the_interval_holds_its_value_is_symmetric_and_has_no_width_in_the_middle(p: float, returns: float) -> None:
    low, high = variance_interval(p, returns)
    assert 0.0005 <= low <= p + 1e-6 and p - 1e-6 <= high <= 0.9995
    assert variance_interval(1.0 - p, returns) == pytest.approx((1.0 - high, 1.0 - low), abs=2e-6)
    assert variance_interval(0.5, returns) == (0.5, 0.5)
