"""The bad side of a record, against plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.statistics.tails import expected_shortfall, losing_run, maximum_drawdown, profit_factor, under_water

results = st.lists(st.integers(-100, 100).map(float), min_size=1, max_size=60)


@given(results)
def test_drawdown_and_time_under_water_by_all_pairs(values: list[float]) -> None:
    sums = [0.0, *np.cumsum(values).tolist()]
    falls = [sums[high] - sums[low] for high in range(len(sums)) for low in range(high, len(sums))]
    assert maximum_drawdown(values) == max(falls)
    wet = [sums[place] < max(sums[: place + 1]) for place in range(len(sums))]
    runs = "".join("w" if each else " " for each in wet).split()
    assert under_water(values) == max((len(each) for each in runs), default=0)


@given(results)
def test_losing_runs_and_profit_factor(values: list[float]) -> None:
    assert losing_run(values) == max(len(run) for run in "".join("l" if v < 0 else " " for v in values).split(" "))
    won, lost = sum(v for v in values if v > 0), -sum(v for v in values if v < 0)
    expected = won / lost if lost else (math.inf if won else 0.0)
    assert profit_factor(values) == pytest.approx(expected)


def test_the_shortfall_of_a_normal_law() -> None:
    """E[x | x below its 5% quantile] = -phi(1.645) / 0.05 = -2.0627."""
    values = np.random.default_rng(1).normal(size=200_000).tolist()
    assert expected_shortfall(values) == pytest.approx(-2.0627, abs=0.03)
    assert (expected_shortfall([]), expected_shortfall([-3.0, 1.0])) == (0.0, -3.0)
