"""The test by betting keeps its error rate over all looks, and finds what is there."""

from __future__ import annotations

import random

import numpy as np
import pytest
from mapie.exchangeability_testing.bounds import conjugate_mixture_empirical_bernstein_bound

from models.statistics.betting import NegativeMean, PositiveMean

ROUNDS = 400


def ever_reaches(mean: float, bar: float, chance: random.Random, price: float = 0.5) -> int | None:
    """Round at which the evidence reaches the bar: a share bought at ``price`` that pays with price + mean."""
    test = NegativeMean()
    for number in range(ROUNDS):
        test.take((1.0 if chance.random() < price + mean else 0.0) - price)
        if test.capital >= bar:
            return number
    return None


@pytest.mark.parametrize("price", [0.1, 0.5, 0.9])
def test_a_fair_game_is_accused_no_more_often_than_stated(price: float) -> None:
    """Ville's inequality: at most alpha, over all 400 looks. 600 games: the bound is four standard errors above."""
    chance, alpha, games = random.Random(5), 0.1, 600
    alarms = sum(ever_reaches(0.0, 1 / alpha, chance, price) is not None for _ in range(games))
    assert alarms / games <= alpha + 4 * (alpha * (1 - alpha) / games) ** 0.5


def test_a_losing_game_is_found() -> None:
    chance = random.Random(6)
    found = [ever_reaches(-0.15, 100.0, chance) for _ in range(100)]
    assert sum(each is not None for each in found) >= 95


def test_a_winning_game_leaves_no_evidence() -> None:
    chance = random.Random(7)
    assert sum(ever_reaches(0.1, 10.0, chance) is not None for _ in range(100)) <= 2


def test_more_than_a_dollar_a_share_cannot_be_won() -> None:
    with pytest.raises(ValueError, match="above 1"):
        NegativeMean().take(1.01)


@pytest.mark.parametrize("price", [0.1, 0.5, 0.9])
def test_a_fair_game_is_praised_no_more_often_than_stated(price: float) -> None:
    chance, alpha, games = random.Random(8), 0.1, 600
    praised = 0
    for _ in range(games):
        test, best = PositiveMean(), 0.0
        for _ in range(ROUNDS):
            test.take((1.0 if chance.random() < price else 0.0) - price)
            best = max(best, test.capital)
        praised += best >= 1 / alpha
    assert praised / games <= alpha + 4 * (alpha * (1 - alpha) / games) ** 0.5


def test_both_are_each_other_s_mirror() -> None:
    chance, good, bad = random.Random(9), PositiveMean(), NegativeMean()
    for _ in range(500):
        outcome = chance.uniform(-0.9, 1.0)
        good.take(outcome)
        bad.take(-outcome)
        assert good.capital == bad.capital
    with pytest.raises(ValueError, match="below -1"):
        good.take(-1.01)


def test_it_finds_a_gain_about_as_soon_as_the_time_uniform_bound_of_mapie() -> None:
    """Both hold at every moment at once at the same level, so both may be looked at after each round. MAPIE's lower
    bound of the mean (empirical Bernstein, tuned for 100 rounds) accuses when it is above the price; its level is
    halved inside, so it is given twice ours."""
    chance, alpha, price, mean, rounds, games = random.Random(9), 0.01, 0.5, 0.2, 250, 24
    ours, theirs, sooner = [], [], 0
    for _ in range(games):
        paid = [1.0 if chance.random() < price + mean else 0.0 for _ in range(rounds)]
        bound = conjugate_mixture_empirical_bernstein_bound(
            paid, v_opt=25.0, alpha=2 * alpha, bound_side="lower", running_intersection=True
        )
        crossed = np.flatnonzero(bound > price)
        test, found = PositiveMean(), rounds
        for number, outcome in enumerate(paid):
            test.take(outcome - price)
            if test.capital >= 1 / alpha:
                found = number
                break
        theirs.append(int(crossed[0]) if len(crossed) else rounds)
        ours.append(found)
        sooner += found <= theirs[-1]
    assert np.mean([each < rounds for each in ours]) >= 0.9
    assert np.mean([each < rounds for each in theirs]) >= 0.9, "the oracle sees it too"
    assert np.median(ours) <= np.median(theirs), "betting is the sharper of the two: its growth is optimal"
    assert sooner >= games // 2


def test_a_fair_game_leaves_the_bound_of_mapie_and_the_capital_alike() -> None:
    chance, alpha, price, games = random.Random(10), 0.1, 0.3, 60
    accused = [0, 0]
    for _ in range(games):
        paid = [1.0 if chance.random() < price else 0.0 for _ in range(100)]
        bound = conjugate_mixture_empirical_bernstein_bound(paid, v_opt=25.0, alpha=2 * alpha, bound_side="lower")
        accused[0] += bool((bound > price).any())
        test, most = PositiveMean(), 0.0
        for outcome in paid:
            test.take(outcome - price)
            most = max(most, test.capital)
        accused[1] += most >= 1 / alpha
    for each in accused:
        assert each / games <= alpha + 4 * (alpha * (1 - alpha) / games) ** 0.5
