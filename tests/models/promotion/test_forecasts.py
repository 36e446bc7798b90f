"""Knowing better than the market is noticed, and not knowing better is not."""

from __future__ import annotations

import numpy as np
import pytest

from models.promotion.forecasts import ForecastBook
from models.promotion.observations import HOUR_NS


def play(knows: float, seed: int, hours: int = 60) -> float:
    """The highest e-value of a model where the truth is ``knows`` of the way from the market's mid to what it says."""
    random, book, best = np.random.default_rng(seed), ForecastBook(), 1.0
    for hour in range(hours):
        for place in range(12):
            mid = float(random.uniform(0.2, 0.8))
            stated = min(max(mid + float(random.choice([-0.1, 0.1])), 0.01), 0.99)
            truth = mid + knows * (stated - mid)
            book.state(hour * HOUR_NS + place, f"{hour}-{place}", "BTC", stated, mid)
            book.resolve(f"{hour}-{place}", float(random.random() < truth))
        book.advance((hour + 1) * HOUR_NS)
        best = max(best, book.value)
    return best


def test_a_market_that_is_right_is_not_accused() -> None:
    assert sum(play(0.0, seed) >= 20.0 for seed in range(100)) <= 12


def test_half_the_way_is_knowing_no_better() -> None:
    """At half the way both Brier scores have one mean: the border of the hypothesis."""
    assert sum(play(0.5, seed) >= 20.0 for seed in range(100)) <= 12


def test_a_model_that_knows_is_found() -> None:
    """mu^2 / (2 sigma^2) is 0.06 an hour here: 150 hours should show e^9 before what finding the bet costs."""
    assert sum(play(1.0, seed, 150) >= 10.0 for seed in range(20)) >= 18


@pytest.mark.parametrize(("stated", "mid", "up"), [(0.7, 0.6, 0.0), (0.6, 0.7, 1.0), (0.9, 0.2, 0.5), (0.4, 0.6, 0.0)])
def test_no_outcome_costs_more_than_was_known(stated: float, mid: float, up: float) -> None:
    book = ForecastBook()
    for hour in range(2):
        book.state(hour * HOUR_NS, f"m{hour}", "BTC", stated, mid)
        book.resolve(f"m{hour}", up)
    (seen,) = book.advance(2 * HOUR_NS)
    least = min((mid - y) ** 2 - (stated - y) ** 2 for y in (0.0, 1.0))
    assert seen.x == pytest.approx(((mid - up) ** 2 - (stated - up) ** 2) / -least, abs=1e-4)
    assert seen.x >= -1.0


def test_a_window_counts_once_by_its_first_word() -> None:
    book = ForecastBook()
    book.state(0, "m", "BTC", 0.7, 0.5)
    book.state(1, "m", "BTC", 0.1, 0.5)
    book.state(2, "odd", "BTC", float("nan"), 0.5)
    book.resolve("m", 1.0)
    book.resolve("m", 0.0)
    assert (book.windows, book.said) == (1, {})
    assert book.gain == pytest.approx(0.25 - 0.09)
