"""Choosing among the worthless is a coin's toss, and PBO says so, as purgedcv does."""

from __future__ import annotations

import numpy as np
import purgedcv
import pytest

from models.statistics.overfitting import backtest_overfitting


@pytest.mark.parametrize("seed", range(4))
def test_it_is_that_of_purgedcv(seed: int) -> None:
    table = np.random.default_rng(seed).normal(size=(7, 163))
    table[seed] += 0.05 * seed
    theirs = purgedcv.probability_of_backtest_overfitting(table, n_splits=8).pbo
    assert backtest_overfitting(table, blocks=8) == pytest.approx(theirs)


def test_worthless_ones_are_a_coin_s_toss_and_a_good_one_is_found() -> None:
    noise = [backtest_overfitting(np.random.default_rng(seed).normal(size=(10, 160)), 8) for seed in range(40)]
    assert np.mean(noise) == pytest.approx(0.5, abs=0.12)
    table = np.random.default_rng(5).normal(size=(10, 160))
    table[3] += 0.6
    assert backtest_overfitting(table, 8) == 0.0


@pytest.mark.parametrize(("shape", "blocks"), [((1, 40), 4), ((3, 40), 5), ((3, 3), 4)])
def test_what_cannot_be_cut_is_refused(shape: tuple[int, int], blocks: int) -> None:
    with pytest.raises(ValueError, match=r"needed|cannot"):
        backtest_overfitting(np.zeros(shape), blocks)
