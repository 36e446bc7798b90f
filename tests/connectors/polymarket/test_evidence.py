"""Frozen is told from quiet: nothing without evidence, each kind of evidence within its bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.polymarket.evidence import Evidence, Suspicion
from connectors.polymarket.wire import decode_frame
from connectors.simulator.emission import Emission
from connectors.simulator.exchange import Exchange, ExchangeParameters
from models.money import PIPS
from models.reasons import Reason
from models.settings import Checks
from models.timestamps import MILLISECOND, SECOND

T = 1_795_000_500 * SECOND
START, END = T - 100 * SECOND, T + 200 * SECOND
UP, DOWN, CONN, COIN = "up", "down", "poly", "coin"
DOLLAR = 1_000_000
CHECKS = Checks(
    frozen_after_s=3, frozen_spot_bp=3, frozen_complement_changes=3, frozen_other_changes=10, rest_grace_ms=1_000
)


class Watch:
    """Evidence with two books of one market at 0.49 / 0.50 that were sent at ``T``, and spot at 60,000 $."""

    def __init__(self, checks: Checks = CHECKS) -> None:
        self.evidence = Evidence(checks)
        self.now = T
        self.evidence.market("BTC", UP, DOWN, START, END)
        self.evidence.market("BTC", "up2", "down2", START, END)
        self.evidence.spot("BTC", 60_000 * DOLLAR, T, COIN)
        for token in (UP, DOWN, "up2", "down2"):
            self.change(token)
        self.judge()

    def change(self, token: str, bid: int | None = 4900, ask: int | None = 5000, x: int = 0) -> None:
        self.evidence.changed(token, CONN, self.now, bid, ask, x or self.now)

    def spot(self, dollars: float, asset: str = "BTC") -> None:
        self.evidence.spot(asset, round(dollars * DOLLAR), self.now, COIN)

    def judge(self) -> list[Suspicion]:
        return self.evidence.judge(self.now)

    def go(self, seconds: float, each: Callable[[], None] = lambda: None) -> list[Suspicion]:
        """Let time pass in ticks of 250 ms; what the last judgement found."""
        found: list[Suspicion] = []
        for _ in range(round(seconds * 4)):
            self.now += SECOND // 4
            each()
            found = self.judge()
        return found


@pytest.fixture
def watch() -> Watch:
    return Watch()


def reasons(found: list[Suspicion]) -> set[tuple[Reason, tuple[str, ...]]]:
    return {(each.reason, each.tokens) for each in found}


def test_silence_alone_is_no_evidence(watch: Watch) -> None:
    assert watch.go(190, lambda: watch.spot(60_000)) == []
    assert Watch().go(190) == []


def test_a_book_that_does_not_follow_spot_is_frozen_after_the_bound(watch: Watch) -> None:
    watch.spot(60_018.5)

    def others() -> None:
        watch.spot(60_018.5)
        watch.change("up2")
        watch.change("down2")

    assert watch.go(3, others) == [], "the exchange has three seconds to follow"
    found = watch.go(0.25, others)
    assert reasons(found) == {(Reason.FROZEN_BOOK, (UP,)), (Reason.FROZEN_BOOK, (DOWN,))}
    assert found[0].conn == CONN
    assert found[0].numbers["spot_millionths"] == 308
    watch.change(UP)
    watch.change(DOWN)
    assert watch.judge() == [], "it moved"


def test_a_small_move_of_spot_is_none(watch: Watch) -> None:
    assert watch.go(20, lambda: watch.spot(60_008)) == []


def test_a_move_that_went_back_is_none(watch: Watch) -> None:
    assert watch.go(2, lambda: watch.spot(60_100)) == []
    assert watch.go(20, lambda: watch.spot(60_000)) == []


@pytest.mark.parametrize(("bid", "ask"), [(800, 900), (9200, 9300), (None, 5000), (4900, None)])
def test_a_book_near_the_ends_or_of_one_side_need_not_follow(bid: int | None, ask: int | None) -> None:
    watch = Watch()
    for token in (UP, DOWN, "up2", "down2"):
        watch.change(token, bid, ask)
    watch.judge()
    assert watch.go(20, lambda: watch.spot(61_000)) == []


def test_a_book_whose_window_is_not_open_need_not_follow() -> None:
    watch = Watch()
    watch.evidence.market("BTC", UP, DOWN, END, END + 300 * SECOND)
    watch.evidence.market("BTC", "up2", "down2", START, T + SECOND)
    assert watch.go(20, lambda: watch.spot(61_000)) == []


def test_a_token_that_stands_while_its_complement_changes_is_frozen(watch: Watch) -> None:
    assert watch.go(2.75, lambda: watch.change(DOWN)) == []
    (found,) = [each for each in watch.go(0.25, lambda: watch.change(DOWN)) if each.feed == "feed.polymarket"]
    assert (found.reason, found.tokens, found.numbers["complement_changes"]) == (Reason.FROZEN_BOOK, (UP,), 12)


def test_a_complement_that_changed_less_often_than_the_bound_is_no_evidence(watch: Watch) -> None:
    for _ in range(2):
        watch.now += SECOND
        watch.change(DOWN)
    assert watch.go(20) == []


def test_half_a_move_and_others_that_follow_are_evidence(watch: Watch) -> None:
    def others() -> None:
        watch.spot(60_010)
        watch.change("up2")
        watch.change("down2")

    assert watch.go(3, others) == []
    found = watch.go(0.25, others)
    assert reasons(found) == {(Reason.FROZEN_BOOK, (UP,)), (Reason.FROZEN_BOOK, (DOWN,))}
    assert found[0].numbers["other_changes"] == 26


def test_a_connection_that_says_nothing_while_spot_moves_is_frozen_as_a_whole(watch: Watch) -> None:
    found = watch.go(3.25, lambda: watch.spot(60_100))
    assert reasons(found) == {(Reason.FROZEN_FEED, (UP, DOWN, "up2", "down2"))}
    assert found[0].conn == CONN


def test_a_connection_that_speaks_of_something_else_is_not_frozen_but_its_books_are(watch: Watch) -> None:
    def speak() -> None:
        watch.spot(60_100)
        watch.evidence.frame(CONN, watch.now)

    assert {each.reason for each in watch.go(3.25, speak)} == {Reason.FROZEN_BOOK}


def test_spot_that_is_silent_while_books_change_is_frozen(watch: Watch) -> None:
    def books() -> None:
        watch.change(UP)
        watch.change(DOWN)

    assert watch.go(2.75, books) == []
    (found,) = [each for each in watch.go(0.25, books) if each.feed == "feed.coinbase"]
    assert (found.reason, found.conn, found.asset, found.tokens) == (Reason.FROZEN_FEED, COIN, "", ())
    watch.spot(60_000)
    assert watch.judge() == []


def test_one_product_is_frozen_when_its_own_books_moved_far(watch: Watch) -> None:
    mid = [4950]

    def books() -> None:
        mid[0] += 30
        watch.change(UP, mid[0] - 50, mid[0] + 50)
        watch.change(DOWN, 9950 - mid[0], 10050 - mid[0])
        watch.spot(3_000, "ETH")

    (found,) = [each for each in watch.go(4, books) if each.feed == "feed.coinbase"]
    assert (found.reason, found.asset, found.numbers["mid_pips"]) == (Reason.FROZEN_FEED, "BTC", 16 * 30)


def test_one_product_is_quiet_when_its_own_books_stand(watch: Watch) -> None:
    def books() -> None:
        watch.change(UP)
        watch.change(DOWN)
        watch.spot(3_000, "ETH")

    assert watch.go(20, books) == []


def test_rest_that_is_newer_and_different_is_reported_after_the_grace(watch: Watch) -> None:
    watch.evidence.rest(UP, 4800, 4900, T + 5 * MILLISECOND, T)
    assert watch.go(0.75) == []
    (found,) = watch.go(0.25)
    assert (found.reason, found.tokens, found.numbers["behind_ms"]) == (Reason.REST_MISMATCH, (UP,), 5)


@pytest.mark.parametrize("offset", [-1, 0])
def test_rest_that_is_no_newer_says_nothing(offset: int, watch: Watch) -> None:
    watch.evidence.rest(UP, 4800, 4900, T + offset, T)
    assert watch.go(5) == []


def test_a_stream_that_catches_up_answers_rest(watch: Watch) -> None:
    watch.evidence.rest(UP, 4800, 4900, T + 5 * MILLISECOND, T)
    watch.go(0.5)
    watch.change(UP, 4700, 4800)
    watch.change(DOWN, 5200, 5300)
    assert watch.go(2) == []


def test_rest_that_agrees_is_forgotten(watch: Watch) -> None:
    watch.evidence.rest(UP, 4900, 5000, T + 5 * MILLISECOND, T)
    watch.go(0.25)
    watch.change(UP, 4800, 4900, T + MILLISECOND)
    watch.change(DOWN, 5100, 5200)
    assert watch.go(2) == []


@pytest.mark.parametrize("end", ["closed", "unknown", "forgotten"])
def test_what_is_known_no_longer_is_not_suspect(end: str, watch: Watch) -> None:
    watch.evidence.rest(UP, 4800, 4900, T + 5 * MILLISECOND, T)
    if end == "closed":
        watch.evidence.closed(CONN)
    for token in (UP, DOWN, "up2", "down2"):
        if end == "unknown":
            watch.evidence.unknown(token)
        elif end == "forgotten":
            watch.evidence.forget(token)
    assert watch.go(20, lambda: watch.spot(60_100)) == []


def test_spot_that_is_known_no_longer_is_not_suspect(watch: Watch) -> None:
    def books() -> None:
        watch.change(UP)
        watch.change(DOWN)

    watch.evidence.closed(COIN)
    assert watch.go(20, books) == []
    watch.spot(60_000)
    watch.evidence.spot_unknown("BTC")
    assert watch.go(20, books) == []


# --- the simulated exchange -------------------------------------------------------------------------------------------


class Doors:
    """Evidence fed as the doors would, from the simulated exchange's frames, judged each 250 ms."""

    def __init__(self, given: ExchangeParameters, start: int = T // SECOND) -> None:
        self.core = Exchange(given, start)
        self.evidence = Evidence(CHECKS)
        self.frozen_token = ""
        self.frozen_venue = ""
        self.found: list[tuple[int, Suspicion]] = []
        self._listed: set[str] = set()
        self._list()

    def _list(self) -> None:
        for slug, market in self.core.markets.items():
            if slug not in self._listed:
                self._listed.add(slug)
                window = market.window
                self.evidence.market(window.asset, *market.tokens, window.start * SECOND, window.end * SECOND)

    def run(self, seconds: float) -> None:
        until = self.core.now_ns + round(seconds * SECOND)
        while self.core.now_ns < until:
            for emission in self.core.step():
                self._take(emission)
            if self.core.now_ns % (SECOND // 4) == 0:
                self._list()
                self.found += [(self.core.now_ns, each) for each in self.evidence.judge(self.core.now_ns)]

    def _take(self, emission: Emission) -> None:
        t = emission.t_ns
        if emission.venue == self.frozen_venue:
            return
        if emission.venue == "coinbase":
            for product, spot in self.core.spots.items():
                if emission.channel == "l2_data" and product.encode() in emission.frame[:100]:
                    bid, ask = spot.best
                    self.evidence.spot(product[:3], (bid + ask) // 2, t, COIN)
            return
        for message in decode_frame(emission.frame):
            if message.event_type == "book":
                bids, asks = message.bids or [], message.asks or []
                best = (PIPS[side[-1].price] if side else None for side in (bids, asks))
                self._change(message.asset_id, t, *best)
            last = {each.asset_id: each for each in message.price_changes or ()}
            for token, each in last.items():
                self._change(token, t, _price(each.best_bid), _price(each.best_ask))

    def _change(self, token: str, t: int, bid: int | None, ask: int | None) -> None:
        if token != self.frozen_token:
            self.evidence.changed(token, CONN, t, bid, ask, t)


def _price(text: str | None) -> int | None:
    pips = PIPS[text or "0"]
    return pips if 0 < pips < 10_000 else None


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    frames=st.sampled_from([5.0, 20.0, 40.0]),
    assets=st.sampled_from([("BTC",), ("BTC", "ETH"), ("BTC", "ETH", "SOL")]),
    horizons=st.sampled_from([("5m",), ("15m",), ("5m", "15m")]),
)
@pytest.mark.takes(12)
def test_a_sound_exchange_is_never_suspect(
    seed: int, frames: float, assets: tuple[str, ...], horizons: tuple[str, ...]
) -> None:
    doors = Doors(ExchangeParameters(seed=seed, assets=assets, horizons=horizons, frames_per_s=frames))
    doors.run(400)
    assert doors.found == []


@pytest.mark.parametrize("seed", range(4))
def test_one_frozen_token_of_the_exchange_is_found_at_once_and_no_other(seed: int) -> None:
    doors = Doors(ExchangeParameters(seed=seed))
    doors.run(20)
    market = next(m for m in doors.core.markets.values() if m.window.start <= T // SECOND < m.window.end)
    doors.frozen_token = market.tokens[seed % 2]
    doors.run(8)
    assert {each.tokens for _, each in doors.found} == {(doors.frozen_token,)}
    assert doors.found[0][0] - T <= 24 * SECOND


@pytest.mark.parametrize("venue", ["coinbase", "polymarket"])
def test_a_frozen_feed_of_the_exchange_is_found(venue: str) -> None:
    doors = Doors(ExchangeParameters(seed=1, volatility=2.0))
    doors.run(20)
    doors.frozen_venue = venue
    doors.run(15)
    first = doors.found[0][1]
    assert (first.reason, first.feed) == (Reason.FROZEN_FEED, f"feed.{venue}")
    assert {each.feed for _, each in doors.found} == {f"feed.{venue}"}
