"""The Sharpe family against other people's packages."""

from __future__ import annotations

import math

import jsharpe
import numpy as np
import purgedcv
import pytest

from models.statistics.sharpe import (
    Moments,
    deflated_sharpe,
    expected_maximum,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
    sharpe_variance,
    sortino,
)

SAMPLES = {
    "normal": np.random.default_rng(1).normal(0.05, 1.0, 300),
    "fat tails": np.random.default_rng(2).standard_t(5, 300) + 0.1,
    "skewed": np.random.default_rng(3).exponential(1.0, 300) - 0.9,
    "binary": np.random.default_rng(4).choice([0.45, -0.55], 300, p=[0.6, 0.4]),
}


@pytest.mark.parametrize("values", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("benchmark", [0.0, 0.05, -0.1])
def test_the_probabilistic_ratio_is_that_of_jsharpe_and_near_purgedcv(values: np.ndarray, benchmark: float) -> None:
    """purgedcv estimates the moments a little otherwise (division by n, unbiased skewness)."""
    sample = moments(values.tolist())
    ours = probabilistic_sharpe(sample, benchmark)
    variance = jsharpe.sharpe_ratio_variance(sample.sharpe, 299, gamma3=sample.skew, gamma4=sample.kurtosis)
    assert ours == pytest.approx(jsharpe.probabilistic_sharpe_ratio(sample.sharpe, benchmark, variance=variance))
    assert ours == pytest.approx(purgedcv.probabilistic_sharpe_ratio(values, benchmark), abs=5e-3)


@pytest.mark.parametrize("values", SAMPLES.values(), ids=SAMPLES)
def test_the_ratio_s_variance_is_that_of_jsharpe(values: np.ndarray) -> None:
    sample = moments(values.tolist())
    theirs = jsharpe.sharpe_ratio_variance(sample.sharpe, 1, gamma3=sample.skew, gamma4=sample.kurtosis)
    assert sharpe_variance(sample) == pytest.approx(theirs)


@pytest.mark.parametrize("trials", [2, 10, 1_000])
def test_the_expected_maximum_is_that_of_jsharpe_and_of_a_simulation(trials: int) -> None:
    ours = expected_maximum(trials, 0.04)
    assert ours == pytest.approx(jsharpe.expected_maximum_sharpe_ratio(trials, 0.04))
    draws = np.random.default_rng(trials).normal(0.0, 0.2, (4_000, trials)).max(axis=1)
    assert ours == pytest.approx(draws.mean(), abs=0.02)  # the approximation itself is 8% off for two


def test_the_deflated_ratio_is_that_of_purgedcv() -> None:
    values = SAMPLES["skewed"]
    ours = deflated_sharpe(moments(values.tolist()), trials=20, variance=0.01)
    assert ours == pytest.approx(purgedcv.deflated_sharpe_ratio(values, n_trials=20, var_sharpe=0.01), abs=5e-3)


def test_a_track_record_of_the_minimum_length_is_just_sure_enough() -> None:
    sample = moments((SAMPLES["fat tails"] + 0.3).tolist())
    least = minimum_track_record(sample, 0.0, 0.95)
    theirs = purgedcv.min_track_record_length(sample.sharpe, 0.0, 0.05, sample.skew, sample.kurtosis)
    assert least == pytest.approx(theirs, abs=1.0)
    as_long = Moments(math.ceil(least), sample.mean, sample.deviation, sample.skew, sample.kurtosis)
    shorter = Moments(math.ceil(least) - 1, sample.mean, sample.deviation, sample.skew, sample.kurtosis)
    assert probabilistic_sharpe(shorter) < 0.95 <= probabilistic_sharpe(as_long)
    assert minimum_track_record(sample, 1.0) == math.inf


def test_what_never_varies_has_no_ratio() -> None:
    flat = moments([0.1] * 5)
    assert (flat.sharpe, probabilistic_sharpe(flat), minimum_track_record(flat)) == (0.0, 0.5, math.inf)
    assert (sortino([0.1, 0.2]), sortino([])) == (0.0, 0.0)
    with pytest.raises(ValueError, match="too few"):
        moments([1.0])
