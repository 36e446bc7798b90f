"""The power formula against tests by betting that are carried out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.statistics.betting import PositiveMean
from models.statistics.power import growth, observations_needed

THRESHOLD = 400.0


def needed_by(mean: float, deviation: float, seed: int, most: int) -> int:
    test, random = PositiveMean(), np.random.default_rng(seed)
    for count, each in enumerate(random.choice([deviation, -deviation], most), 1):
        test.take(mean + float(each))
        if test.capital >= THRESHOLD:
            return count
    return most


@pytest.mark.parametrize(("mean", "deviation"), [(0.08, 0.45), (0.1, 0.3), (0.15, 0.5)])
def test_half_the_tests_pass_within_what_it_says(mean: float, deviation: float) -> None:
    """The median of 120 tests has a standard error near 8% of the median here; the formula is a first-order one."""
    said = observations_needed(THRESHOLD, mean, deviation, most=0.5)
    late = observations_needed(THRESHOLD, mean, deviation, power=0.9, most=0.5)
    assert said is not None and late is not None
    found = [needed_by(mean, deviation, seed, 5 * late) for seed in range(120)]
    assert np.median(found) == pytest.approx(said, rel=0.2)
    assert np.mean([each <= late for each in found]) >= 0.82  # 0.9 said; standard error 2.7%


def test_a_small_edge_needs_the_known_many() -> None:
    """mu^2 / (2 sigma^2) at 2 cents and sigma 0.45, and a threshold of 1 over 0.5%: ln 200 / g without learning."""
    assert growth(0.02, 0.45) == pytest.approx(0.02**2 / (2 * 0.45**2), rel=0.01)
    assert growth(0.02, 0.02, most=0.5) == pytest.approx(0.5 * 0.02 - 0.125 * 0.0008)
    assert (growth(0.0, 0.1), growth(-0.1, 0.1)) == (0.0, 0.0)
    said = observations_needed(200.0, 0.02, 0.45)
    assert said is not None and said > math.log(200) / growth(0.02, 0.45)


def test_what_is_there_is_there_and_what_never_comes_never_comes() -> None:
    assert observations_needed(10.0, -0.1, 0.3, so_far=10.0) == 0
    assert observations_needed(10.0, -0.1, 0.3) is None
    assert observations_needed(10.0, 0.1, 0.0) is not None
