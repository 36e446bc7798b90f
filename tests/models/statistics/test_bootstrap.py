"""The stationary bootstrap: its interval covers the mean as often as it says, for dependent series too."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from models.statistics.bootstrap import block_length, mean_interval, stationary_indices


def autoregressive(count: int, memory: float, seed: int) -> list[float]:
    noise = np.random.default_rng(seed).normal(size=count + 50)
    values = np.zeros(count + 50)
    for place in range(1, count + 50):
        values[place] = memory * values[place - 1] + noise[place]
    return values[50:].tolist()


@pytest.mark.parametrize(("memory", "least"), [(0.0, 0.91), (0.3, 0.89)], ids=["independent", "dependent"])
def test_it_covers_the_mean_as_often_as_it_says(memory: float, least: float) -> None:
    """95% intended; of 300 samples the share has a standard error of 1.3%. Dependence costs a few per cent at this size
    (Politis and White 2004 report the same)."""
    covered = 0
    for seed in range(300):
        low, high = mean_interval(autoregressive(200, memory, seed), seed=seed, paths=300)
        covered += low <= 0.0 <= high
    assert least <= covered / 300 <= 0.99


def sample(kind: str, count: int, seed: int) -> list[float]:
    random = np.random.default_rng(seed)
    if kind == "normal":
        return random.normal(size=count).tolist()
    if kind == "skewed":
        return (random.exponential(size=count) - 1.0).tolist()
    return autoregressive(count, 0.2, seed)


@pytest.mark.parametrize("count", [28, 48])
@pytest.mark.parametrize(("kind", "least"), [("normal", 0.93), ("skewed", 0.93), ("dependent", 0.90)])
def test_it_does_so_for_few_values(kind: str, least: float, count: int) -> None:
    """95% intended; the standard error of the share is 1.1%. Nor does it lie above the mean much oftener than 2.5%:
    that is where an edge would be shown that is none."""
    covered = above = 0
    for seed in range(400):
        low, high = mean_interval(sample(kind, count, seed), seed=seed, paths=300)
        covered += low <= 0.0 <= high
        above += low > 0.0
    assert covered / 400 >= least and above / 400 <= 0.055


@given(st.lists(st.floats(-100, 100), min_size=8, max_size=60))
@settings(max_examples=60)
def test_it_is_never_surer_than_if_all_were_independent(values: list[float]) -> None:
    low, high = mean_interval(values, paths=100)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    if error < 1e-9:
        return
    theirs = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert low <= theirs.low + 1e-9 and high >= theirs.high - 1e-9


def test_swings_to_and_fro_are_no_certainty() -> None:
    """Losses and gains in turn: the mean's error is not smaller for it than that of so many independent values."""
    values = [-60.0, 40.0] * 14
    low, high = mean_interval(values)
    assert low < 0.0 < high


def test_rare_values_give_an_interval_that_can_be_read() -> None:
    """Many a draw has none of the two that differ: its error is zero but for rounding."""
    low, high = mean_interval([0.0] * 26 + [1.0] * 2)
    assert -1.0 < low < 2 / 28 < high < 3.0


def test_means_vary_as_those_of_arch() -> None:
    values = np.asarray(autoregressive(300, 0.5, 7))
    drawn = values[stationary_indices(300, 300, 7.0, 3_000, seed=1)].mean(axis=1)
    theirs = StationaryBootstrap(7, values, seed=1).apply(np.mean, 3_000)
    assert drawn.std() == pytest.approx(theirs.std(), rel=0.08)
    assert drawn.mean() == pytest.approx(theirs.mean(), abs=0.02)


def test_blocks_are_as_long_as_wanted_on_the_mean() -> None:
    places = stationary_indices(1_000, 1_000, 5.0, 200, seed=2)
    follows = (np.diff(places, axis=1) % 1_000 == 1).mean()
    assert follows == pytest.approx(1.0 - 1.0 / 5.0, abs=0.01)


@pytest.mark.parametrize(("count", "length"), [(1, 1), (8, 2), (9, 3), (1_000, 10), (1_001, 11)])
def test_the_rule_of_the_block_length(count: int, length: int) -> None:
    assert block_length(count) == length


def test_few_values_are_no_sample_and_equal_ones_no_doubt() -> None:
    assert mean_interval([1.0] * 7) == (-math.inf, math.inf)
    assert mean_interval([0.25] * 20) == (0.25, 0.25)
