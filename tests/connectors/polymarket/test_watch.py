"""The watch of the doors: what it does about frozen and silent books, and that it leaves sound ones alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.polymarket.watch import Act, FeedWatch
from connectors.simulator.emission import Emission
from connectors.simulator.exchange import Exchange, ExchangeParameters
from models.reasons import Reason
from models.settings import Checks
from models.timestamps import MILLISECOND, SECOND

T = 1_795_000_500 * SECOND
START, END = T - 100 * SECOND, T + 200 * SECOND
UP, DOWN, UP2, DOWN2 = "11", "12", "21", "22"
TOKENS = (UP, DOWN, UP2, DOWN2)
CONN, COIN = "r.polymarket0", "r.coinbase0"


def book(token: str, t: int, bid: str = "0.49", ask: str = "0.5", kind: str = "book") -> bytes:
    body = {
        "market": "0x1",
        "asset_id": token,
        "timestamp": str(t // MILLISECOND),
        "hash": "",
        "bids": [{"price": bid, "size": "10"}] if bid else [],
        "asks": [{"price": ask, "size": "10"}] if ask else [],
    }
    return json.dumps(body | ({"event_type": kind} if kind else {}), separators=(",", ":")).encode()


def ticker(t: int, price: float) -> bytes:
    tickers = [{"type": "ticker", "product_id": "BTC-USD", "price": f"{price:.2f}"}]
    body = {"channel": "ticker", "sequence_num": 1, "events": [{"type": "update", "tickers": tickers}]}
    return json.dumps(body, separators=(",", ":")).encode()


class Desk:
    """A watch over two markets on one connection; all books sent at ``T``."""

    def __init__(self) -> None:
        self.now = T
        self.watch = FeedWatch(Checks(), asset_silence_s=10, cross_check_s=30)
        self.serving = dict.fromkeys(TOKENS, CONN)
        self.acts: list[tuple[float, Act]] = []
        self.watch.listed("BTC", (UP, DOWN), START, END)
        self.watch.listed("BTC", (UP2, DOWN2), START, END)
        self.judge()  # the connection stands now
        self.send(*TOKENS)

    def send(self, *tokens: str, bid: str = "0.49", ask: str = "0.5") -> None:
        for token in tokens:
            self.watch.polymarket(CONN, book(token, self.now, bid, ask), self.now)

    def spot(self, price: float) -> None:
        self.watch.coinbase(COIN, ticker(self.now, price), self.now)

    def judge(self) -> list[Act]:
        acts = self.watch.judge(self.now, self.serving)
        self.acts.extend(((self.now - T) / SECOND, act) for act in acts)
        return acts

    def go(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        for _ in range(round(seconds * 2)):
            self.now += SECOND // 2
            each()
            self.judge()

    def done(self, do: str) -> list[tuple[float, Act]]:
        return [(at, act) for at, act in self.acts if act.do == do and act.why != "in turn" and not act.is_healing]

    def healing(self, do: str) -> list[tuple[float, Act]]:
        return [(at, act) for at, act in self.acts if act.do == do and act.is_healing]

    def others(self) -> None:
        self.spot(60_000)
        self.send(DOWN, UP2, DOWN2)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_frozen_token_is_asked_for_anew_twice_and_then_costs_the_connection(desk: Desk) -> None:
    desk.go(14, desk.others)
    anew = desk.done("resubscribe")
    assert [act.tokens for _, act in anew] == [(UP,), (UP,)]
    assert anew[0][1].reason == Reason.FROZEN_BOOK and "the other token changed" in anew[0][1].why
    first, second = anew[0][0], anew[1][0]
    assert 3 <= first <= 4.5 and 3 <= second - first <= 4
    ((at, reconnect),) = desk.done("reconnect")
    assert reconnect.conn == CONN and 3 <= at - second <= 4 and "did not help" in reconnect.why
    assert {act.tokens for _, act in desk.done("check")} == {(UP,)}  # REST is asked at once


def test_a_snapshot_ends_the_suspicion(desk: Desk) -> None:
    desk.go(4.5, desk.others)
    assert len(desk.done("resubscribe")) == 1
    desk.send(UP)
    desk.go(60, lambda: (desk.others(), desk.send(UP))[0])
    assert len(desk.done("resubscribe")) == 1 and desk.done("reconnect") == []


def test_a_token_that_stays_frozen_costs_a_connection_once_a_minute(desk: Desk) -> None:
    def each() -> None:
        desk.others()
        before = len(desk.done("reconnect"))
        if len(desk.acts) and desk.acts[-1][1].do == "reconnect" and desk.acts[-1][0] == (desk.now - T) / SECOND - 0.5:
            desk.watch.closed(CONN)
        assert len(desk.done("reconnect")) == before

    desk.go(150, each)
    times = [at for at, _ in desk.done("reconnect")]
    assert times and all(later - earlier > 60 for earlier, later in pairwise(times))


def test_a_silent_token_is_compared_with_rest_and_left_alone_when_that_agrees(desk: Desk) -> None:
    def each() -> None:
        if desk.acts and desk.acts[-1][1].do == "check" and desk.acts[-1][0] == (desk.now - T) / SECOND - 0.5:
            for token in desk.acts[-1][1].tokens:
                desk.watch.rest(token, book(token, desk.now, kind=""), desk.now)

    desk.go(100, each)
    checks = [at for at, act in desk.done("check") if act.tokens == (UP,)]
    assert 5 <= len(checks) <= 10 and checks[0] == 10.5
    assert desk.done("resubscribe") == [] and desk.done("reconnect") == []


def test_a_silent_token_that_rest_knows_better_is_asked_for_anew(desk: Desk) -> None:
    desk.go(11)
    desk.watch.rest(UP, book(UP, desk.now, "0.55", "0.56", kind=""), desk.now)
    desk.go(0.5)
    ((_, act),) = desk.done("resubscribe")
    assert (act.reason, act.tokens) == (Reason.REST_MISMATCH, (UP,))
    assert act.why == "no frame for 11 s and REST has 0.55 / 0.56"


def test_a_token_that_never_came_is_asked_for_anew(desk: Desk) -> None:
    fresh = Desk()
    fresh.watch.closed(CONN)
    fresh.go(11)
    assert {act.tokens for _, act in fresh.done("check")} == {(token,) for token in TOKENS}
    fresh.watch.rest(UP, book(UP, fresh.now, kind=""), fresh.now)
    fresh.watch.rest(DOWN, book(DOWN, fresh.now, "", "", kind=""), fresh.now)  # an empty book says nothing
    fresh.go(0.5)
    assert [act.tokens for _, act in fresh.done("resubscribe")] == [(UP,)]


def test_rest_that_is_newer_and_different_condemns_a_book_after_the_grace(desk: Desk) -> None:
    desk.go(1, desk.others)
    desk.watch.rest(UP2, book(UP2, desk.now + SECOND, "0.6", "0.7", kind=""), desk.now)
    desk.go(0.5)
    assert desk.done("resubscribe") == []
    desk.go(1)
    assert [act.reason for _, act in desk.done("resubscribe")] == [Reason.REST_MISMATCH]


def test_rest_behind_the_stream_condemns_nothing(desk: Desk) -> None:
    desk.go(1, desk.others)
    desk.watch.rest(UP2, book(UP2, desk.now - SECOND, "0.6", "0.7", kind=""), desk.now)
    desk.go(2, lambda: desk.send(*TOKENS))
    assert desk.done("resubscribe") == []


def test_a_connection_that_says_nothing_while_spot_moves_is_given_up(desk: Desk) -> None:
    prices = iter(range(60_000, 70_000, 10))
    desk.go(10, lambda: desk.spot(next(prices)))
    ((at, act), *_) = desk.done("reconnect")
    assert (act.feed, act.conn, act.reason) == ("feed.polymarket", CONN, Reason.FROZEN_FEED) and 3 <= at <= 7


def test_coinbase_that_is_silent_while_books_move_is_given_up(desk: Desk) -> None:
    desk.go(2, lambda: (desk.spot(60_000), desk.send(*TOKENS))[0])
    desk.go(6, lambda: desk.send(*TOKENS))
    ((at, act),) = desk.done("reconnect")
    assert (act.feed, act.conn, act.reason) == ("feed.coinbase", COIN, Reason.FROZEN_FEED) and 5 <= at <= 6.5


def test_one_token_in_turn_is_compared_on_schedule(desk: Desk) -> None:
    desk.go(130, lambda: (desk.spot(60_000), desk.send(*TOKENS))[0])
    turns = [(at, act.tokens[0]) for at, act in desk.acts if act.why == "in turn"]
    assert [token for _, token in turns] == list(TOKENS)
    assert [round(at) for at, _ in turns] == [30, 60, 90, 120]
    assert len(desk.acts) == 4


def test_books_that_came_before_the_first_look_are_of_their_connection() -> None:
    watch = FeedWatch(Checks(), 10, 30)
    watch.listed("BTC", (UP, DOWN), START, END)
    prices, now = iter(range(60_000, 70_000, 10)), T
    acts: list[Act] = []
    for look in range(12):
        for token in (UP, DOWN) if look == 0 else ("999",):  # then only others speak
            watch.polymarket(CONN, book(token, now), now)
        watch.coinbase(COIN, ticker(now, next(prices)), now)
        acts.extend(watch.judge(now, {UP: CONN, DOWN: CONN}))
        now += SECOND // 2
    assert {(act.do, act.conn) for act in acts} == {("resubscribe", CONN), ("check", CONN)}


def test_tokens_without_a_connection_and_closed_windows_are_left_alone(desk: Desk) -> None:
    desk.serving = {}
    desk.watch.closed(CONN)
    desk.go(40)
    desk.serving = dict.fromkeys(TOKENS, CONN)
    desk.now = END + SECOND
    desk.go(40)
    assert desk.acts == []


@given(
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([book(UP, T), ticker(T, 60_000), b"[]"])), max_size=8)
)
def test_no_frame_breaks_it(frames: list[bytes]) -> None:
    desk = Desk()
    for frame in frames:
        for cut in (frame, frame[: len(frame) // 2], frame + b"}", frame.replace(b"0.4", b"x"), b"[" * 2000 + frame):
            desk.watch.polymarket(CONN, cut, desk.now)
            desk.watch.coinbase(COIN, cut, desk.now)
            desk.watch.rest(UP, cut, desk.now)
            desk.judge()


def test_frames_that_do_not_decode_are_counted_and_change_nothing(desk: Desk) -> None:
    desk.watch.polymarket(CONN, book(UP, T).replace(b'"0.49"', b'"x"'), desk.now)
    desk.watch.polymarket(CONN, b'{"asset_id":"11","event_type":"book","bids":', desk.now)
    desk.judge()
    assert desk.watch.bad == 1 and desk.acts == []  # the latest of a look is the one that is read


def test_a_sound_exchange_is_left_alone() -> None:
    """Ten minutes of the simulated exchange, two assets: no suspicion, whatever it does."""
    first = 1_795_334_400 + 250
    core = Exchange(ExchangeParameters(assets=("BTC", "ETH"), horizons=("5m", "15m")), first)
    watch = FeedWatch(Checks(), 10, 30)
    known: set[str] = set()
    acts: list[Act] = []
    for step in range(20 * 600):
        now = core.next_ns + 20 * MILLISECOND
        emissions: list[Emission] = core.step()
        if step % 20 == 0:
            for market in core.markets.values():
                if market.window.slug not in known:
                    known.add(market.window.slug)
                    window = market.window
                    watch.listed(window.asset, tuple(market.tokens), window.start * SECOND, window.end * SECOND)
                    tokens = [market.snapshot(index) for index in (0, 1)]
                    watch.polymarket(CONN, f"[{','.join(tokens)}]".encode(), now)
        for emission in emissions:
            if emission.venue == "polymarket":
                watch.polymarket(CONN, emission.frame, now)
            else:
                frame = b'{"channel":"%b","events":%b}' % (emission.channel.encode(), emission.frame)
                watch.coinbase(COIN, frame, now)
        if step % 10 == 0:
            acts.extend(watch.judge(now, dict.fromkeys(core.by_token, CONN)))
    assert [act for act in acts if act.do != "check"] == []
    assert watch.bad == 0 and len([act for act in acts if act.why == "in turn"]) == 19
