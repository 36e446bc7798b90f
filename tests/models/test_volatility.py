"""The EWMA variance on simulated Brownian returns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.volatility import EwmaVariance

TRUE = (0.6**2) / 31_536_000


def brownian(seconds: int, step_s: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    steps = round(seconds / step_s)
    times = np.arange(steps + 1) * step_s
    moves = rng.normal(0.0, math.sqrt(TRUE * step_s), steps)
    return times, 60_000.0 * np.exp(np.concatenate(([0.0], np.cumsum(moves))))


def estimate(times: np.ndarray, prices: np.ndarray, half_life: float) -> EwmaVariance:
    variance = EwmaVariance(half_life)
    for t, price in zip(times, prices, strict=True):
        variance.update(float(t), float(price))
    return variance


def test_converges_on_the_true_variance() -> None:
    variance = estimate(*brownian(40_000, 1.0, seed=1), half_life=5_000.0)
    # a half-life of 5,000 s averages some 14,000 returns: a standard error of about 1.2%
    assert variance.value == pytest.approx(TRUE, rel=0.05)


@pytest.mark.parametrize("every", [2, 5, 20])
def test_does_not_depend_on_the_sampling_rate(every: int) -> None:
    times, prices = brownian(60_000, 1.0, seed=2)
    fine = estimate(times, prices, half_life=10_000.0).value
    coarse = estimate(times[::every], prices[::every], half_life=10_000.0).value
    assert coarse == pytest.approx(fine, rel=0.1)


def test_irregular_times_do_not_bias_it() -> None:
    times, prices = brownian(60_000, 1.0, seed=3)
    stored = np.sort(np.random.default_rng(4).choice(len(times), len(times) // 3, replace=False))
    assert estimate(times[stored], prices[stored], 10_000.0).value == pytest.approx(TRUE, rel=0.1)


def test_a_first_return_already_gives_an_unbiased_value() -> None:
    variance = EwmaVariance(900.0)
    variance.update(0.0, 100.0)
    assert (variance.value, variance.count) == (0.0, 0)
    variance.update(4.0, 100.0 * math.exp(0.001))
    assert variance.value == pytest.approx(0.001**2 / 4.0)
    assert (variance.count, variance.span) == (1, 4.0)


def test_the_weight_of_a_return_halves_each_half_life() -> None:
    variance = EwmaVariance(100.0)
    prices = [100.0, 100.0 * math.exp(0.01), 100.0 * math.exp(0.01)]
    for t, price in zip((0.0, 100.0, 200.0), prices, strict=True):
        variance.update(t, price)
    assert variance.value == pytest.approx((0.01**2 * 0.5) / (100.0 * 0.5 + 100.0))


def test_a_long_pause_is_no_return() -> None:
    variance = EwmaVariance(900.0)
    for t, price in ((0.0, 100.0), (5.0, 100.1), (306.0, 200.0), (311.0, 200.2)):
        variance.update(t, price)
    assert variance.count == 2
    assert variance.span == 10.0
    assert math.sqrt(variance.value * 5.0) < 0.0011


@given(back=st.floats(0.0, 1_000.0))
def test_a_time_that_does_not_rise_is_no_return(back: float) -> None:
    variance = EwmaVariance(900.0)
    variance.update(1_000.0, 100.0)
    variance.update(1_000.0 - back, 200.0)
    assert (variance.count, variance.value) == (0, 0.0)


@given(prices=st.lists(st.floats(1.0, 1e6), min_size=2, max_size=30), scale=st.floats(0.001, 1_000.0))
def test_it_knows_no_unit_of_money(prices: list[float], scale: float) -> None:
    one, other = EwmaVariance(900.0), EwmaVariance(900.0)
    for t, price in enumerate(prices):
        one.update(float(t), price)
        other.update(float(t), price * scale)
    assert other.value == pytest.approx(one.value, rel=1e-6, abs=1e-18)
