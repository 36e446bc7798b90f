"""Which books the door should not believe any more, and what to do about it. Pure: frames and times in, acts out.

A frame costs next to nothing when it comes: the tokens it names are noted, and the latest frame of each is decoded when
``judge`` is called, a few times a second. What looks frozen is then found by ``Evidence``; a token that merely says
nothing is compared with REST first. The cure is tried in steps: subscribe to the token anew, which brings a snapshot;
again when none comes or it still looks frozen; then give the connection up.

A token without a sound book for a while, whatever the reason (``Soundness``), is asked for by REST and anew, once more,
and then the connection is made anew; after that with growing pauses. Times are Unix ns of the feed's clock.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from connectors.coinbase.wire import decode_frame as decode_spot
from connectors.control_text import control_text
from connectors.polymarket.evidence import Evidence, Suspicion
from connectors.polymarket.soundness import Lack, Soundness
from connectors.polymarket.wire import Level, MarketMessage, decode_frame
from models.bounds import bounds_of
from models.money import MICRO, PIP, PIPS
from models.reasons import Reason
from models.settings import Checks
from models.timestamps import SECOND, parse_epoch_ms
from models.topics import FEED_COINBASE, FEED_POLYMARKET

TRIES: Final = 2  # subscriptions anew before the connection is given up
TRIES_WITHIN_NS: Final = 10 * SECOND
SNAPSHOT_WITHIN_NS: Final = 3 * SECOND
UNSOUND_S: Final = 2.0  # without a sound book for so long: asked for anew
UNSOUND_WAIT_S: Final = 3.0  # pause after the first and second step; it doubles from the third on ...
UNSOUND_MOST_S: Final = 60.0  # ... up to this
STEPS: Final = 3  # two subscriptions anew, then a connection anew
ASKED_AT_ONCE: Final = 8  # tokens of a connection that REST is asked for at a time
RECONNECT_EVERY_NS: Final = 60 * SECOND  # for one token: the others of its connection are worth something too

_TOKEN: Final = re.compile(rb'"asset_id"\s*:\s*"(\d{1,100})"')
_PRODUCT: Final = re.compile(rb'"product_id"\s*:\s*"([A-Z0-9]{1,20})-USDC?"')
_KIND: Final = re.compile(rb'"event_type"\s*:\s*"(book|price_change|best_bid_ask)"')
_BAD: Final = (msgspec.DecodeError, ValueError, TypeError, RecursionError)

Best = tuple[int | None, int | None]


class Act(msgspec.Struct, frozen=True):
    """What the door is to do: ``check`` a token by REST, ``resubscribe`` tokens, or ``reconnect``. ``is_healing``: for
    want of a sound book, and not because one that stands is doubted."""

    do: Literal["check", "resubscribe", "reconnect"]
    feed: str
    conn: str
    reason: Reason
    why: str
    tokens: tuple[str, ...] = ()
    is_healing: bool = False


class _Watched(msgspec.Struct):
    """One token. ``since``: when the connection that serves it now began to; ``asked``: subscriptions anew."""

    start: int
    end: int
    conn: str = ""
    since: int = 0
    seen: int = 0  # last frame that names it
    checked: int = 0
    best: Best | None = None
    x: int = 0
    pending: tuple[str, bytes, int] | None = None  # connection, frame and time of the latest one with prices
    count: int = 0
    asked: deque[int] = msgspec.field(default_factory=deque)
    awaiting: bool = False  # its snapshot
    reconnected: int = 0
    differs: str = ""  # what REST said of it while it was silent
    step: int = 0  # of healing, since it last had a sound book
    next_step: int = 0
    is_missing: bool = False  # the exchange itself knows no book of it


class FeedWatch:
    """Fed with what the doors receive; ``judge`` says what to do. ``bad``: frames that could not be decoded."""

    def __init__(
        self, checks: Checks, asset_silence_s: float, cross_check_s: float, unsound_s: float = UNSOUND_S
    ) -> None:
        """``unsound_s``: how long a token may be without a sound book."""
        self.bad = 0
        self.lacking = 0  # tokens without a sound book at the last look
        self._soundness = Soundness(bounds_of(checks))
        self._unsound = int(unsound_s * SECOND)
        self._evidence = Evidence(checks)
        self._silence = int(asset_silence_s * SECOND)
        self._every = int(cross_check_s * SECOND)
        self._tokens: dict[str, _Watched] = {}
        self._next_check = 0
        self._turn = 0
        self._tickers: dict[str, tuple[bytes, int]] = {}  # asset -> latest ticker frame
        self._moved: dict[str, tuple[int, int]] = {}  # asset -> frames since the last look, time of the last one
        self._prices: dict[str, int] = {}
        self._spot_conn = ""

    # --- what the doors see -------------------------------------------------------------------------------------------

    def listed(
        self, asset: str, tokens: tuple[str, ...], start: int, end: int, terms: tuple[int, int] | None = None
    ) -> None:
        """A market's two tokens and its window (Unix ns). ``terms``: tick (pips) and least order (shares)."""
        if len(tokens) != 2:
            return
        if terms is not None:
            for token in tokens:
                self._soundness.define(token, *terms)
        self._evidence.market(asset, tokens[0], tokens[1], start, end)
        for token in tokens:
            if token not in self._tokens:
                self._tokens[token] = _Watched(start, end)

    def polymarket(self, conn: str, frame: bytes, t: int) -> None:
        """A frame of the market channel as it came."""
        self._soundness.frame(conn, frame, t)
        if control_text(frame) is not None:
            return
        self._evidence.frame(conn, t)
        names = _TOKEN.findall(frame)
        if not names:
            return
        kind = _KIND.search(frame)
        for name in set(names):
            watched = self._tokens.get(name.decode())
            if watched is not None:
                watched.seen = t
                if kind is not None:
                    watched.pending = (conn, frame, t)
                    watched.count += 1
                    if kind[1] == b"book":
                        watched.awaiting = False

    def coinbase(self, conn: str, frame: bytes, t: int) -> None:
        """A frame of Coinbase's feed as it came."""
        self._spot_conn = conn
        head = frame[:64]
        if b'"l2_data"' in head:
            found = _PRODUCT.search(frame, 0, 400)
        elif b'"ticker"' in head:
            found = _PRODUCT.search(frame)
            if found is not None:
                self._tickers[found[1].decode()] = (frame, t)
        else:
            return
        if found is not None:
            asset = found[1].decode()
            self._moved[asset] = (self._moved.get(asset, (0, 0))[0] + 1, t)

    def tick(self, t: int) -> None:
        """A tick of the recorder's clock was published."""
        self._soundness.tick(t)

    def missing(self, token: str) -> None:
        """REST knows no book of the token."""
        watched = self._tokens.get(token)
        if watched is not None:
            watched.is_missing = True

    def renewed(self, conn: str, tokens: tuple[str, ...]) -> None:
        """The feed says that they are asked for anew."""
        self._soundness.renewed(conn, tokens)

    def rest(self, token: str, body: bytes, t: int) -> None:
        """REST's answer for a token."""
        watched = self._tokens.get(token)
        if watched is None:
            return
        watched.is_missing = False
        try:
            (message,) = decode_frame(body)
            self._soundness.rest(message, t)
            best, x = _best_of(message.bids, message.asks), parse_epoch_ms(message.timestamp)
        except _BAD:
            self.bad += 1
            return
        self._evidence.rest(token, *best, x, t)
        silent = t - max(watched.seen, watched.since)
        if silent > self._silence and best != (None, None) and best != watched.best and x > watched.x:
            watched.differs = f"no frame for {silent / SECOND:.0f} s and REST has {_pair(best)}"

    def closed(self, conn: str) -> None:
        """The connection ended."""
        self._soundness.closed(conn)
        self._evidence.closed(conn)
        if conn == self._spot_conn:
            self._moved.clear()
            self._tickers.clear()
        for watched in self._tokens.values():
            if watched.conn == conn:
                watched.conn, watched.best, watched.x, watched.pending, watched.count = "", None, 0, None, 0
                watched.awaiting, watched.differs = False, ""
                watched.asked.clear()

    # --- judgement ----------------------------------------------------------------------------------------------------

    def judge(self, t: int, serving: Mapping[str, str]) -> list[Act]:
        """What is to be done at ``t``. ``serving``: the id of the standing connection by token."""
        self._decode_pending()
        self._follow(t, serving)
        acts: dict[tuple[str, str], Act] = {}
        for suspicion in self._evidence.judge(t):
            self._suspect(suspicion, t, acts)
        for token, watched in self._tokens.items():
            if not watched.conn:
                continue
            if watched.differs:
                why, watched.differs = watched.differs, ""
                self._recover(token, watched, Reason.REST_MISMATCH, why, t, acts)
            elif watched.awaiting and t - watched.asked[-1] > SNAPSHOT_WITHIN_NS:
                self._recover(token, watched, Reason.FROZEN_BOOK, "no snapshot after a subscription anew", t, acts)
        self._heal(t, acts)
        return [*acts.values(), *self._checks(t)]

    def _suspect(self, suspicion: Suspicion, t: int, acts: dict[tuple[str, str], Act]) -> None:
        reason, why, conn = suspicion.reason, suspicion.why, suspicion.conn
        if suspicion.feed == FEED_COINBASE:
            self._evidence.closed(conn)
            acts["reconnect", conn] = Act("reconnect", FEED_COINBASE, conn, reason, why)
        elif reason == Reason.FROZEN_FEED:
            for token in suspicion.tokens:
                self._evidence.unknown(token)
            acts["reconnect", conn] = Act("reconnect", FEED_POLYMARKET, conn, reason, why, suspicion.tokens)
        else:
            for token in suspicion.tokens:
                watched = self._tokens.get(token)
                if watched is not None and watched.conn:
                    self._recover(token, watched, reason, why, t, acts)

    def _recover(
        self, token: str, watched: _Watched, reason: Reason, why: str, t: int, acts: dict[tuple[str, str], Act]
    ) -> None:
        """The next step for a token that is not believed."""
        if watched.awaiting and t - watched.asked[-1] <= SNAPSHOT_WITHIN_NS:
            return
        while watched.asked and t - watched.asked[0] > TRIES_WITHIN_NS:
            watched.asked.popleft()
        self._evidence.unknown(token)
        if len(watched.asked) < TRIES:
            watched.asked.append(t)
            watched.awaiting = True
            self._soundness.doubted((token,), t)
            acts["check", token] = Act("check", FEED_POLYMARKET, watched.conn, reason, why, (token,))
            acts["resubscribe", token] = Act("resubscribe", FEED_POLYMARKET, watched.conn, reason, why, (token,))
            return
        watched.awaiting = False
        if not watched.reconnected or t - watched.reconnected > RECONNECT_EVERY_NS:
            watched.reconnected = t
            why = f"{why}; {TRIES} subscriptions anew did not help"
            acts["reconnect", watched.conn] = Act("reconnect", FEED_POLYMARKET, watched.conn, reason, why, (token,))

    def _heal(self, t: int, acts: dict[tuple[str, str], Act]) -> None:
        """The next step for the tokens that have been without a sound book for too long."""
        serving = {token: watched.conn for token, watched in self._tokens.items() if watched.conn and t <= watched.end}
        lacking = {lack.token: lack for lack in self._soundness.lacking(serving, t)}
        self.lacking = len(lacking)
        anew: dict[tuple[str, Reason], list[Lack]] = {}
        for token, watched in self._tokens.items():
            lack = lacking.get(token)
            if lack is None:
                watched.step = watched.next_step = 0
                continue
            if watched.awaiting or t - lack.since < self._unsound or t < watched.next_step:
                continue
            step, watched.step = watched.step, watched.step + 1
            pause = min(UNSOUND_MOST_S, UNSOUND_WAIT_S * 2.0 ** max(0, step - 1))
            watched.next_step = t + max(int(pause * SECOND), self._unsound)
            is_last = step % STEPS == STEPS - 1 and t >= watched.start and not watched.is_missing
            if is_last and (not watched.reconnected or t - watched.reconnected > RECONNECT_EVERY_NS):
                watched.reconnected = t
                why = f"no sound book for {(t - lack.since) / SECOND:.1f} s; asked for anew {step} times"
                act = Act("reconnect", FEED_POLYMARKET, lack.conn, lack.reason, why, (token,), True)
                acts.setdefault(("reconnect", lack.conn), act)
            else:
                anew.setdefault((lack.conn, lack.reason), []).append(lack)
        for (conn, reason), lacks in anew.items():
            if ("reconnect", conn) in acts:
                continue
            tokens = tuple(lack.token for lack in lacks)
            why = f"no sound book for {(t - min(lack.since for lack in lacks)) / SECOND:.1f} s"
            asked = tokens[:ASKED_AT_ONCE]
            acts[f"ask {reason}", conn] = Act("check", FEED_POLYMARKET, conn, reason, why, asked, True)
            acts[f"heal {reason}", conn] = Act("resubscribe", FEED_POLYMARKET, conn, reason, why, tokens, True)

    def _checks(self, t: int) -> list[Act]:
        """Tokens to compare with REST: those that are silent, and one in turn."""
        live = [token for token, watched in self._tokens.items() if watched.conn and watched.start <= t <= watched.end]
        acts: list[Act] = []
        for token in live:
            watched = self._tokens[token]
            silent = t - max(watched.seen, watched.since)
            if silent > self._silence and t - watched.checked > self._silence:
                watched.checked = t
                why = f"no frame for {silent / SECOND:.0f} s"
                acts.append(Act("check", FEED_POLYMARKET, watched.conn, Reason.STALE_BOOK, why, (token,)))
        if live and t >= self._next_check:
            first, self._next_check = self._next_check == 0, t + self._every
            if not first:  # nothing to compare yet when the first markets come
                token = live[self._turn % len(live)]
                self._turn += 1
                acts.append(Act("check", FEED_POLYMARKET, self._tokens[token].conn, Reason.OK, "in turn", (token,)))
        return acts

    def _follow(self, t: int, serving: Mapping[str, str]) -> None:
        """Which connection serves which token now; markets that are over are forgotten."""
        for token, watched in list(self._tokens.items()):
            conn = serving.get(token, "")
            if conn != watched.conn:
                watched.conn, watched.since, watched.best, watched.x = conn, t, None, 0
            if not conn and t > watched.end:
                del self._tokens[token]
                self._evidence.forget(token)
                self._soundness.forget(token)

    def _decode_pending(self) -> None:
        for token, watched in self._tokens.items():
            if watched.pending is None:
                continue
            (conn, frame, at), watched.pending = watched.pending, None
            count, watched.count = watched.count, 0
            try:
                for message in decode_frame(frame):
                    best = _best_in(message, token)
                    if best is not None:
                        watched.best, watched.x = best, max(watched.x, parse_epoch_ms(message.timestamp))
                        self._evidence.changed(token, conn, at, *best, watched.x, count)
            except _BAD:
                self.bad += 1
        for asset, (frame, _) in self._tickers.items():
            try:
                self._prices[asset] = _ticker_price(frame, asset) or self._prices.get(asset, 0)
            except _BAD:
                self.bad += 1
        self._tickers.clear()
        for asset, (count, at) in self._moved.items():
            price = self._prices.get(asset)
            if price:
                self._evidence.spot(asset, price, at, self._spot_conn, count)
        self._moved.clear()


def _best_in(message: MarketMessage, token: str) -> Best | None:
    """The token's best prices as the message says them, in pips; None where it says nothing of the token."""
    if message.event_type == "book" and message.asset_id == token:
        return _best_of(message.bids, message.asks)
    if message.event_type == "best_bid_ask" and message.asset_id == token:
        return _stated(message.best_bid), _stated(message.best_ask)
    if message.event_type == "price_change":
        for change in reversed(message.price_changes or ()):
            if change.asset_id == token and change.best_bid is not None and change.best_ask is not None:
                return _stated(change.best_bid), _stated(change.best_ask)
    return None


def _best_of(bids: list[Level] | None, asks: list[Level] | None) -> Best:
    return (
        max((PIPS[level.price] for level in bids or () if level.size > 0), default=None),
        min((PIPS[level.price] for level in asks or () if level.size > 0), default=None),
    )


def _stated(price: str | None) -> int | None:
    """Empty, 0 and 1 stand for an empty side."""
    pips = PIPS[price] if price else 0
    return pips if 0 < pips < PIP else None


def _ticker_price(frame: bytes, asset: str) -> int:
    """Micro-dollars; 0 where the frame has none."""
    price = 0
    for event in decode_spot(frame).events or ():
        for ticker in event.tickers or ():
            if ticker.product_id.partition("-")[0] == asset:
                price = MICRO[ticker.price]
    return price


def _pair(best: Best) -> str:
    return " / ".join("none" if price is None else f"{price / PIP:g}" for price in best)
