"""Single features: strikes of spot markets, returns of the variance, and fair values where something is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from models.fair_value import probability_up
from models.features.examples import example_market, example_price
from models.features.fair import Fair
from models.features.feature import plan_of
from models.features.history import SpotHistory
from models.features.registry import FEATURES
from models.features.settlement_average import Average
from models.features.strike import Estimates, Strike
from models.features.variance import SampledVariance, Variance
from models.timestamps import SECOND

BASE_S = 10_000


def strike_of(prices: list[tuple[float, float]], official: float | None = None) -> Strike | None:
    """The strike of a spot market that starts at the base, after prices at seconds from it."""
    history, estimates = SpotHistory(), Estimates()
    market = example_market(BASE_S, 0, official)
    estimates.take(market, history)
    for at, dollars in prices:
        price = example_price(BASE_S + at, dollars)
        if history.take(price):
            estimates.take(price, history)
    return estimates.value(market, 0, history, {})


@pytest.mark.parametrize(
    ("prices", "official", "expected"),
    [
        # a price at the start itself
        ([(-5.0, 100.0), (0.0, 101.0), (3.0, 102.0)], None, (101.0, "estimated_spot", 0.0)),
        # the last before it, half a second old, is as good
        ([(-0.5, 101.0), (3.0, 102.0)], 99.0, (101.0, "estimated_spot", 0.0)),
        # nothing near: the official one, where there is one
        ([(-40.0, 101.0), (30.0, 102.0)], 99.0, (99.0, "official", 0.0)),
        # else the nearer, with its distance
        ([(-40.0, 101.0), (30.0, 102.0)], None, (102.0, "estimated_spot", 30.0)),
        ([(-20.0, 101.0), (30.0, 102.0)], None, (101.0, "estimated_spot", 20.0)),
        # a third of a second after a start that nobody saw is near, and not exact
        ([(-20.0, 101.0), (0.25, 102.0)], 99.0, (102.0, "estimated_spot", 0.25)),
    ],
)
def test_the_strike_of_a_spot_market(
    prices: list[tuple[float, float]], official: float | None, expected: tuple[float, str, float]
) -> None:
    strike = strike_of(prices, official)
    assert strike is not None
    assert (strike.value, strike.source, strike.gap_s) == expected


def test_no_strike_from_further_than_a_minute_and_a_half() -> None:
    assert strike_of([(-100.0, 101.0), (91.0, 102.0)]) is None
    assert strike_of([(-100.0, 101.0), (90.0, 102.0)]) is not None


def test_a_strike_once_estimated_stays() -> None:
    early = [(0.0, 101.0), (3.0, 102.0)]
    assert strike_of([*early, (250.0, 200.0)]) == strike_of(early)


def test_time_is_the_feeds_own_and_not_that_of_receipt() -> None:
    assert strike_of([(-1.0, 100.0)]) is None, "the feed has not come to the start, whatever our clock says"
    assert strike_of([(-1.0, 100.0), (0.0, 101.0)]) == Strike(101.0, "estimated_spot", 0.0)


def test_a_definition_that_comes_late_finds_the_start_in_the_history() -> None:
    history, estimates = SpotHistory(), Estimates()
    for second in range(-5, 60):
        history.take(example_price(BASE_S + second, 100.0 + second))
    estimates.take(example_market(BASE_S, 0), history)
    assert estimates.value(example_market(BASE_S, 0), 0, history, {}) == Strike(100.0, "estimated_spot", 0.0)


def variance_of(prices: list[tuple[float, float]], sample_s: int) -> Variance:
    history, variance = SpotHistory(), SampledVariance(half_life_s=900, sample_s=sample_s)
    for at, dollars in prices:
        price = example_price(BASE_S + at, dollars)
        if history.take(price):
            variance.take(price, history)
    return variance.value(example_market(), 0, history, {})


def test_repeated_prices_within_an_interval_are_one_return() -> None:
    assert variance_of([(tenth / 10, 100.0 + tenth // 50) for tenth in range(200)], 5).returns == 2


def test_silence_is_no_return_of_zero() -> None:
    silent = variance_of([(0.0, 100.0), (6.0, 101.0), (60.0, 102.0), (66.0, 103.0)], 5)
    assert silent.returns == 2
    assert silent.history_s < 66


def test_a_pause_of_eight_minutes_is_no_return() -> None:
    assert variance_of([(-500.0, 100.0), (-499.0, 100.0), (0.0, 101.0), (1.0, 102.0)], 1).returns == 1


@pytest.mark.parametrize(
    ("left_s", "lookback_s", "average", "known"),
    [
        (30, 60, Average(100.0, 30, 2.0), True),
        (30, 60, Average(100.0, 30, 3.0), False),
        (30, 60, None, False),
        (60, 60, None, True),
        (30, 0, None, True),
    ],
)
def test_the_fair_value_is_unknown_where_the_average_under_way_is(
    left_s: int, lookback_s: int, average: Average | None, known: bool
) -> None:
    market = example_market(0, lookback_s)
    values: dict[str, Any] = {
        "spot_price": 100.1,
        "strike": Strike(100.0, "official", 0.0),
        "variance": Variance(1e-9, 50, 250.0),
        "settlement_average": average,
    }
    fair = Fair().value(market, market.end - left_s * SECOND, SpotHistory(), values)
    assert (fair is not None) is known
    if known and average is None:
        assert fair == probability_up(100.1, 100.0, 1e-9, float(left_s), float(lookback_s))
    for missing in ("spot_price", "strike"):
        assert Fair().value(market, market.end, SpotHistory(), values | {missing: None}) is None


def test_unseen_seconds_make_the_average_less_sure() -> None:
    market = example_market(0, 60)
    values = {"spot_price": 100.01, "strike": Strike(100.0, "official", 0.0), "variance": Variance(1e-9, 50, 250.0)}

    def fair(gap_s: float) -> float:
        past = {"settlement_average": Average(100.0, 50, gap_s)}
        value = Fair().value(market, market.end - 3 * SECOND, SpotHistory(), values | past)
        assert value is not None
        return value

    assert fair(0.0) > fair(1.0) > fair(2.0) > 0.5


def test_every_feature_says_what_it_is() -> None:
    for name, feature in FEATURES.items():
        assert name == feature.name
        assert feature.unit
        assert feature.meaning
        assert feature.version >= 1
        assert feature.events
        for each in feature.rests_on:
            assert each in FEATURES
            assert FEATURES[each].shared or not feature.shared
            assert list(FEATURES).index(each) < list(FEATURES).index(name)


def test_what_is_derived_differs_where_what_it_rests_on_has_other_parameters() -> None:
    slow, quick = (plan_of(("fair",), {"half_life_s": half_life}, FEATURES) for half_life in (900, 60))
    assert {key.name for key in slow} == {key.name for key in quick}
    same = {key.name for key in set(slow) & set(quick)}
    assert same == {"spot_price", "strike", "settlement_average"}
