"""The test by betting keeps its error rate over all looks, and finds what is there."""

from __future__ import annotations

import random

import pytest

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
