"""Which seconds were seen, and what is said of an average over others: against a model that looks at every price."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.examples import example_market, example_price
from models.features.fair import Fair
from models.features.history import FILL, HISTORY_S, Mean, SpotHistory
from models.features.settlement_average import Average, SettlementAverage
from models.features.strike import Estimates, Strike
from models.features.variance import SampledVariance
from models.timestamps import SECOND

BASE_S = 10_000
FILL_S = FILL / SECOND


class Price(NamedTuple):
    """A price ``ms`` milliseconds after the base; not ``ok``: a connection ended, or a check failed."""

    ms: int
    dollars: float
    ok: bool = True


class Second(NamedTuple):
    price: float
    seen: bool


def naive(prices: Sequence[Price], second: int) -> Second | None:
    """The rule as it is written: the last price at or before the second, which is seen if that came just then, or is
    at most two seconds old with nothing wrong until the next. ``second`` from the base."""
    found: Price | None = None
    broken = False
    for each in prices:
        if each.ms > second * 1000 and each.ok:
            break
        found, broken = (each, False) if each.ok else (found, True)
    if found is None:
        return None
    age = second * 1000 - found.ms
    return Second(found.dollars, age == 0 or (not broken and age <= FILL_S * 1000))


def fed(prices: Sequence[Price]) -> SpotHistory:
    history = SpotHistory()
    for each in prices:
        history.take(example_price(BASE_S + each.ms / 1000, each.dollars, each.ok))
    return history


@st.composite
def feeds(draw: st.DrawFn) -> list[Price]:
    """Prices many times a second, once a second, seldom, with outages and breaks; the last one is sound."""
    at, prices = draw(st.integers(0, 3_000)), []
    steps = st.one_of(st.integers(1, 900), st.integers(900, 2_500), st.integers(2_500, 90_000))
    for step, cents, ok in draw(
        st.lists(st.tuples(steps, st.integers(9_000, 11_000), st.sampled_from([True] * 6 + [False])), max_size=120)
    ):
        prices.append(Price(at, cents / 100, ok))
        at += step
    return [*prices, Price(at, 100.0)]


@settings(max_examples=200, deadline=None)
@given(prices=feeds(), length=st.integers(1, 70), back=st.integers(0, 20))
def test_averages_and_unseen_seconds_are_those_of_the_rule(prices: list[Price], length: int, back: int) -> None:
    history = fed(prices)
    last = prices[-1].ms // 1000 - back
    after = last - length
    known = [(second, naive(prices, second)) for second in range(after + 1, last + 1) if second >= 0]
    samples = [sample for _, sample in known if sample is not None]
    mean = history.mean(BASE_S + after, BASE_S + last)
    if not samples or known[-1][1] is None:
        assert mean is None
        return
    assert mean is not None
    assert mean.value == pytest.approx(math.fsum(sample.price for sample in samples) / len(samples), abs=1e-6)
    assert mean.seconds == length
    assert mean.unseen == length - len([sample for sample in samples if sample.seen])


@settings(max_examples=200, deadline=None)
@given(prices=feeds(), start=st.integers(1, 200), lookback=st.sampled_from([0, 30, 60]))
def test_a_strike_that_rests_on_an_unseen_second_never_says_that_it_is_exact(
    prices: list[Price], start: int, lookback: int
) -> None:
    market = example_market(BASE_S + start, lookback)
    history, strike = SpotHistory(), Estimates()
    strike.take(market, history)
    for each in prices:
        price = example_price(BASE_S + each.ms / 1000, each.dollars, each.ok)
        if history.take(price):
            strike.take(price, history)
    made = strike.value(market, 0, history, {})
    if made is None:
        return
    seconds = range(start - lookback + 1, start + 1) if lookback else [start]
    samples = [naive(prices, second) for second in seconds]
    unseen = len([sample for sample in samples if sample is None or not sample.seen])
    if lookback:
        assert made.gap_s == unseen
    else:
        exactly = any(each.ok and each.ms == start * 1000 for each in prices)
        assert (made.gap_s == 0.0) == (unseen == 0 or exactly)
    official = strike.value(example_market(BASE_S + start, lookback, strike=99.0), 0, history, {})
    assert official == (made if made.gap_s <= 2.0 else Strike(99.0, "official", 0.0))


@settings(max_examples=200, deadline=None)
@given(prices=feeds(), lookback=st.sampled_from([30, 60]), elapsed=st.integers(0, 70))
def test_an_average_under_way_counts_the_seconds_nobody_saw(prices: list[Price], lookback: int, elapsed: int) -> None:
    last = prices[-1].ms // 1000
    begin = last - elapsed  # the averaging began so long ago
    market = example_market(BASE_S + begin + lookback - 300, lookback)
    as_of = BASE_S * SECOND + prices[-1].ms * 10**6
    average = SettlementAverage().value(market, as_of, fed(prices), {})
    assert isinstance(average, Average)
    samples = [naive(prices, second) for second in range(begin + 1, begin + min(elapsed, lookback) + 1)]
    assert average.seconds == len(samples)
    assert average.gap_s == len([sample for sample in samples if sample is None or not sample.seen])
    assert average.known == (average.gap_s <= 2)


def test_a_quiet_feed_is_seen_and_an_outage_is_not() -> None:
    each_second = fed([Price(700 + 1000 * number, 100.0) for number in range(61)])
    assert each_second.mean(BASE_S + 1, BASE_S + 60) == Mean(100.0, 59, 0)
    each_minute = fed([Price(0, 100.0), Price(60_000, 100.0)]).mean(BASE_S, BASE_S + 60)
    assert each_minute is not None
    assert each_minute.unseen == 57, "two are filled, and one has its own price"


def test_a_break_ends_the_filling_at_once() -> None:
    whole = fed([Price(0, 100.0), Price(1_900, 101.0)])
    torn = fed([Price(0, 100.0), Price(100, 0.0, ok=False), Price(1_900, 101.0)])
    assert whole.mean(BASE_S, BASE_S + 1).unseen == 0
    assert torn.mean(BASE_S, BASE_S + 1).unseen == 1


def test_an_invalid_or_older_price_changes_nothing_but_that() -> None:
    history = fed([Price(0, 100.0), Price(1_000, 101.0)])
    before = (history.price, history.as_of, history.second)
    assert not history.take(example_price(BASE_S + 3, 900.0, ok=False))
    assert not history.take(example_price(BASE_S + 0.5, 900.0))
    assert (history.price, history.as_of, history.second) == before


def test_no_more_is_kept_than_is_needed() -> None:
    history = fed([Price(250 * number, 100.0) for number in range(8_000)])
    assert len(history.samples) == HISTORY_S + 1
    history.take(example_price(BASE_S + 50_000, 100.0))
    assert len(history.samples) <= HISTORY_S + 1


def test_an_outage_across_the_start_of_a_window_leaves_the_strike_to_the_exchange() -> None:
    """75 s of silence around the start, the price 0.25% lower: the official strike makes it nearly even, the average
    over seconds nobody saw would have made Up all but lost."""
    market = example_market(BASE_S, 60, strike=59_865.0)
    history, strike, variance = SpotHistory(), Estimates(), SampledVariance(half_life_s=900, sample_s=5)
    strike.take(market, history)
    seconds = [*range(-600, -40), *range(35, 41)]
    for second in seconds:
        price = example_price(BASE_S + second, (60_000.0 if second < 0 else 59_850.0) + 3.0 * (second % 2))
        assert history.take(price)
        strike.take(price, history)
        variance.take(price, history)
    values = {
        "spot_price": history.price / 1e6,
        "strike": strike.value(market, history.as_of, history, {}),
        "variance": variance.value(market, history.as_of, history, {}),
        "settlement_average": None,
    }
    assert values["strike"] == Strike(59_865.0, "official", 0.0)
    fair = Fair().value(market, history.as_of, history, values)
    own = strike.made[market.key]
    assert own is not None
    assert own.gap_s == 39.0, "60 less 19 that had a price and 2 that were filled"
    blind = values | {"strike": Strike(own.value, own.source, 0.0)}
    assert Fair().value(market, history.as_of, history, blind) < 0.1 < 0.35 < fair < 0.5
