"""The multiplier: floor without a sample, hand-made figures, limits of its speed."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.portfolio.allocation import AllocationTerms, Performance, limited

TERMS = AllocationTerms(floor=0.2, cap=1.0, half_life=1e12, sample=30, full_fraction=0.05)
results = st.lists(st.floats(-1, 5), min_size=1, max_size=60)


def shown(values: list[float], terms: AllocationTerms = TERMS) -> Performance:
    performance = Performance()
    for each in values:
        performance.take(each, terms.half_life)
    return performance


@given(results)
def test_without_decay_the_moments_are_those_of_the_sample(values: list[float]) -> None:
    performance = shown(values)
    assert performance.n == pytest.approx(len(values), rel=1e-6)
    assert performance.mean == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert performance.variance == pytest.approx(statistics.pvariance(values), abs=1e-5)
    losses = [each * each for each in values if each < 0]
    assert performance.downside == pytest.approx(sum(losses) / len(values), abs=1e-6)


def test_the_formula_by_hand() -> None:
    """Thirty rounds: confidence a half; mean 0.02, variance 0.0404 - 0.0004 = 0.04, downside 0.0324 / 2."""
    performance = shown([0.22, -0.18] * 15)
    assert performance.confidence(30) == pytest.approx(0.5)
    expected = 0.2 + 0.8 * (0.5 * 0.02 / max(0.04, 2 * 0.0162) / 0.05 if 0.5 * 0.02 / 0.04 / 0.05 < 1 else 1.0)
    assert performance.target(TERMS) == pytest.approx(expected)


def test_the_larger_losses_count_more_than_the_variance() -> None:
    """Nineteen small gains and one large loss: twice the downside is above the variance."""
    performance = shown([0.1] * 19 + [-0.9])
    assert 2 * performance.downside > performance.variance
    share = 20 / 50 * performance.mean / (2 * performance.downside) / 0.05
    assert performance.target(TERMS) == pytest.approx(0.2 + 0.8 * min(share, 1))


@given(results)
def test_it_stays_between_floor_and_cap_and_moves_no_faster_than_allowed(values: list[float]) -> None:
    performance, multiplier = Performance(), TERMS.floor
    for each in values:
        performance.take(each, TERMS.half_life)
        before, target = multiplier, performance.target(TERMS)
        multiplier = limited(before, target, TERMS)
        assert TERMS.floor <= target <= TERMS.cap and TERMS.floor <= multiplier <= TERMS.cap
        assert -TERMS.fall - 1e-9 <= multiplier - before <= TERMS.rise + 1e-9
        assert (multiplier - before) * (target - before) >= 0


@given(results)
def test_who_lost_so_far_has_the_floor(values: list[float]) -> None:
    performance = shown(values)
    if performance.mean <= 0:
        assert performance.target(TERMS) == TERMS.floor


def test_a_larger_sample_of_the_same_is_worth_more() -> None:
    few, many = shown([0.32, -0.30] * 5), shown([0.32, -0.30] * 50)
    assert TERMS.floor < few.target(TERMS) < many.target(TERMS)
