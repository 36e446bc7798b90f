"""Router and barrier keep the journal's order; features follow the feed's own clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.trading_line.barrier import Barrier
from flows.trading_line.features import UnderlyingFeatures
from flows.trading_line.items import Judged
from flows.trading_line.route import Router
from models.journal import NO_SRC, AnyEvent, Clock, Feed, Market, Spot
from models.money import DOLLAR, SHARE
from models.settlement import Rule
from models.timestamps import SECOND

START_S = 1_795_000_200
START = START_S * SECOND
LANES = ["", "BTC", "ETH", "SOL"]


def event(seq: int, lane: str) -> AnyEvent:
    if lane == "clock":
        return Clock(seq, START + seq, NO_SRC, "", (), seq)
    return Feed(seq, START + seq, NO_SRC, lane, (), "f", "c", "w")


journals = st.lists(st.sampled_from([*LANES, "clock"]), max_size=40).map(
    lambda lanes: [event(seq, lane) for seq, lane in enumerate(lanes)]
)


@given(journal=journals)
def test_every_event_goes_somewhere_and_says_how_many_copies_there_are(journal: list[AnyEvent]) -> None:
    router = Router()
    seen: set[str] = set()
    for each in journal:
        routed = router.route(each)
        assert [copy.copies for copy in routed] == [len(routed)] * len(routed)
        if isinstance(each, Clock):
            assert [copy.lane for copy in routed] == (sorted(seen) or [""])
        else:
            assert [copy.lane for copy in routed] == [each.lane]
            seen |= {each.lane} - {""}


@given(journal=journals, data=st.data())
def test_an_event_that_comes_twice_is_dropped(journal: list[AnyEvent], data: st.DataObject) -> None:
    router, clean = Router(), Router()
    for at, each in enumerate(journal):
        assert router.route(each) == clean.route(each)
        again = data.draw(st.integers(0, at))
        assert router.route(journal[again]) == []


def test_a_gap_in_the_journal_is_an_error_and_not_a_guess() -> None:
    router = Router()
    router.route(event(0, "BTC"))
    with pytest.raises(ValueError, match="jumps from event 0 to 2"):
        router.route(event(2, "BTC"))


@settings(max_examples=60, deadline=None)
@given(journal=journals, dice=st.randoms(use_true_random=False))
def test_any_interleaving_of_the_lanes_comes_out_in_the_journals_order(journal: list[AnyEvent], dice: Any) -> None:
    router = Router()
    queues: dict[str, list[Judged]] = {}
    for each in journal:
        for routed in router.route(each):
            judged = Judged(routed.lane, each.seq, routed.copies, each, ())
            queues.setdefault(routed.lane, []).append(judged)
    barrier = Barrier()
    out: list[list[Judged]] = []
    while any(queues.values()):
        lane = dice.choice([lane for lane, queue in queues.items() if queue])
        out.extend(barrier.offer(queues[lane].pop(0)))
    assert [copies[0].seq for copies in out] == list(range(len(journal)))
    for copies in out:
        assert len(copies) == copies[0].copies
        assert [copy.lane for copy in copies] == sorted(copy.lane for copy in copies)


def test_the_barrier_holds_back_until_the_next_is_whole_and_drops_what_it_gave_out() -> None:
    barrier = Barrier()
    clock, later = event(0, "clock"), event(1, "BTC")
    assert barrier.offer(Judged("BTC", 1, 1, later, ())) == []
    assert barrier.offer(Judged("ETH", 0, 2, clock, ())) == []
    ready = barrier.offer(Judged("BTC", 0, 2, clock, ()))
    assert [[copy.lane for copy in copies] for copies in ready] == [["BTC", "ETH"], ["BTC"]]
    assert barrier.offer(Judged("BTC", 1, 1, later, ())) == []


# --- features ---------------------------------------------------------------------------------------------------------


def spot(x: int, price: float, ok: bool = True, delay: int = 0) -> Spot:
    micro = round(price * DOLLAR)
    return Spot(0, x + delay, NO_SRC, "BTC", (), "BTC-USD", micro, ((micro, SHARE),), (), x, ok)


def market(start_s: int = START_S, lookback: int = 60, strike: float | None = None) -> Market:
    return Market(
        0, START, NO_SRC, "BTC", (), f"m{start_s}", "0x", "BTC", "5m", start_s * SECOND, (start_s + 300) * SECOND, "u",
        "d", 100, 5 * SHARE, 70_000, 1, Rule("twap", lookback) if lookback else Rule("spot", 0),
        round(strike * DOLLAR) if strike else None,
    )  # fmt: skip


def fed(prices: list[tuple[float, float]]) -> UnderlyingFeatures:
    """Features after prices at seconds from the start."""
    features = UnderlyingFeatures(900, 1)
    for at, price in prices:
        features.on_spot(spot(START + round(at * SECOND), price))
    return features


def naive_sample(prices: list[tuple[float, float]], second: int) -> float | None:
    """The last price there was at a whole second."""
    before = [price for at, price in prices if round(at * SECOND) <= second * SECOND]
    return before[-1] if before else None


ticks = st.lists(st.tuples(st.floats(0.05, 3.0), st.integers(59_900, 60_100)), min_size=1, max_size=150)


@settings(max_examples=60, deadline=None)
@given(steps=ticks, lookback=st.sampled_from([30, 60]))
def test_strike_and_average_are_means_of_the_last_price_at_each_second(
    steps: list[tuple[float, int]], lookback: int
) -> None:
    prices: list[tuple[float, float]] = []
    at = -70.0
    for step, price in steps:
        at += step
        prices.append((at, float(price)))
    features = fed(prices)
    last = int((START + round(at * SECOND)) // SECOND - START_S)

    def mean(after: int, until: int) -> float | None:
        samples = [naive_sample(prices, second) for second in range(after + 1, until + 1)]
        if naive_sample(prices, after) is None or not samples:
            return None
        total = 0.0
        for sample in samples:
            total += sample or 0.0
        return total / len(samples)

    strike = features.strike(market(lookback=lookback), START + round(at * SECOND))
    expected = mean(-lookback, 0) if last >= 0 else None
    assert (strike.value if strike else None) == (pytest.approx(expected, abs=1e-6) if expected is not None else None)
    end = START_S + lookback // 2  # a market whose averaging time began half of it before the start
    running = features.average(market(end - 300, lookback))
    until = min(last, lookback // 2)
    expected = mean(lookback // 2 - lookback, until) if until > lookback // 2 - lookback else None
    assert running == (pytest.approx(expected, abs=1e-6) if expected is not None else None)


def test_time_is_the_feeds_own_and_not_that_of_receipt() -> None:
    features = UnderlyingFeatures(900, 1)
    features.on_spot(spot(START - SECOND, 60_000.0, delay=3 * SECOND))
    assert features.as_of == START - SECOND
    assert features.strike(market(lookback=0), START + 2 * SECOND) is None, "the feed has not come to the start"
    features.on_spot(spot(START, 60_010.0, delay=3 * SECOND))
    strike = features.strike(market(lookback=0), START + 3 * SECOND)
    assert strike is not None
    assert (strike.value, strike.source, strike.gap_s) == (60_010.0, "estimated_spot", 0.0)


def test_an_invalid_or_older_price_changes_no_feature() -> None:
    features = fed([(-10, 60_000.0), (-9, 60_001.0), (-8, 60_002.0)])
    before = (features.variance.value, features.variance.count, features.as_of)
    features.on_spot(spot(START - 7 * SECOND, 90_000.0, ok=False))
    features.on_spot(spot(START - 9 * SECOND, 90_000.0))
    assert (features.variance.value, features.variance.count, features.as_of) == before


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
    ],
)
def test_the_strike_of_a_spot_market(
    prices: list[tuple[float, float]], official: float | None, expected: tuple[float, str, float]
) -> None:
    features = fed(prices)
    strike = features.strike(market(lookback=0, strike=official), START + 60 * SECOND)
    assert strike is not None
    assert (strike.value, strike.source, strike.gap_s) == expected


def test_no_strike_from_further_than_a_minute_and_a_half() -> None:
    assert fed([(-100.0, 101.0), (91.0, 102.0)]).strike(market(lookback=0), START + 95 * SECOND) is None
    assert fed([(-100.0, 101.0), (90.0, 102.0)]).strike(market(lookback=0), START + 95 * SECOND) is not None


def test_a_strike_once_estimated_stays() -> None:
    features = fed([(0.0, 101.0), (3.0, 102.0)])
    first = features.strike(market(lookback=0), START + 3 * SECOND)
    features.on_spot(spot(START + 250 * SECOND, 200.0))
    assert features.strike(market(lookback=0), START + 250 * SECOND) is first


def test_a_gap_longer_than_what_is_kept_starts_afresh() -> None:
    features = fed([(-500.0, 100.0), (-499.0, 100.0), (0.0, 101.0), (1.0, 102.0)])
    assert features.strike(market(lookback=60), START + SECOND) is not None, "the price stood still meanwhile"
    assert features.average(market(lookback=60)) is None
    assert features.variance.count == 1, "a pause of eight minutes is no return"


def test_repeated_prices_within_an_interval_are_one_return() -> None:
    features = UnderlyingFeatures(900, 5)
    for tenth in range(200):
        features.on_spot(spot(START + tenth * SECOND // 10, 100.0 + (tenth // 50)))
    assert features.variance.count == 2


def test_silence_is_no_return_of_zero() -> None:
    features = UnderlyingFeatures(900, 5)
    features.on_spot(spot(START, 100.0))
    features.on_spot(spot(START + 6 * SECOND, 101.0))
    features.on_spot(spot(START + 60 * SECOND, 102.0))
    features.on_spot(spot(START + 66 * SECOND, 103.0))
    assert features.variance.count == 2
    assert features.variance.span < 66


def test_the_barrier_keeps_nothing_of_what_it_gave_out() -> None:
    barrier = Barrier()
    for _ in range(3):
        barrier.offer(Judged("BTC", 0, 1, event(0, "BTC"), ()))
    assert barrier._waiting == {}
