"""What a client could have known, rebuilt from the raw frames it was given: dictionaries, decimals, and no haste.

This is the witness of the oracle. It shares no code with the flows or the doors: frames are read by ``json``, books are
dictionaries of decimals, and every bound is a number that the settings state. While it reads, it counts what any
careful reader must object to, so that the flows' findings can be compared with it.

Records come as the recorder wrote them: topic, receive time, connection, frame. Times are Unix ns.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

MS = 1_000_000
NS = 1_000_000_000
OWN = b'{"profit":'
ZERO, ONE = Decimal(0), Decimal(1)
POLYMARKET, COINBASE, MARKETS, CLOCK = "feed.polymarket", "feed.coinbase", "feed.markets", "feed.clock"


@dataclass(frozen=True)
class Limits:
    """The bounds, from the settings' numbers: ns, and decimals of a dollar."""

    book_age: int
    spot_age: int
    stale_feed: int
    stale_book: int
    tick: int
    old: int
    ahead: int
    backwards: int
    pair_skew: int
    spread: Decimal
    entry_spread: Decimal
    parity: Decimal
    slippage: Decimal
    delay: int
    jitter: int
    pair_edge: Decimal


def limits_from(settings: Mapping[str, Any]) -> Limits:
    """Read the numbers of a configuration, given as nested dictionaries."""
    checks, portfolio, execution = settings["checks"], settings["portfolio"], settings["execution"]
    parity = settings["parity"]
    return Limits(
        book_age=round(portfolio["stale_s"] * NS),
        spot_age=round(portfolio["stale_s"] * NS),
        stale_feed=round(checks["stale_feed_s"] * NS),
        stale_book=round(checks["stale_book_s"] * NS),
        tick=settings["feeds"]["clock_ms"] * MS,
        old=checks["old_ms"] * MS,
        ahead=checks["ahead_ms"] * MS,
        backwards=checks["backwards_ms"] * MS,
        pair_skew=checks["pair_skew_ms"] * MS,
        spread=Decimal(str(checks["max_spread"])),
        entry_spread=Decimal(str(portfolio["max_spread"])),
        parity=Decimal(str(checks["parity_tolerance"])),
        slippage=Decimal(str(execution["slippage"])),
        delay=(execution["delay_ms"] + execution["latency_ms"]) * MS,
        jitter=execution["jitter_ms"] * MS,
        pair_edge=Decimal(str(parity["min_edge"])) + Decimal(str(parity["margin"])),
    )


@dataclass(frozen=True)
class Record:
    """A record of a feed topic in the recorder's order. ``place``: topic and offset."""

    place: tuple[str, int]
    value: bytes
    recv: int
    seq: int
    conn: str

    @property
    def topic(self) -> str:
        return self.place[0]


def read(topic: str, offset: int, value: bytes, envelope: bytes) -> Record:
    recv, _run, seq, conn, _n = envelope.decode().split(" ")
    return Record((topic, offset), value, int(recv), int(seq), conn)


class Unusable(Exception):
    """A frame that cannot be used; it may have changed anything on its connection."""


UNUSABLE = (Unusable, ValueError, KeyError, TypeError, AttributeError, InvalidOperation, RecursionError)
MOMENT = 100 * MS  # messages of one taker order come within it


@dataclass
class Token:
    """A token's book as it can be known. ``fault``: why nothing is known; "" = known. ``base``, ``last``: places of
    the snapshot it rests on and of its last change. ``x``, ``latest``: exchange times of the last frame and the
    greatest so far."""

    name: str
    conn: str = ""
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    fault: str = "no_snapshot"
    counted: bool = False
    tick: Decimal = Decimal("0.01")
    tick_conn: str = ""  # where the stream told the tick, while its word stands
    tick_announced: bool = False
    market: str = ""
    stated: tuple[int, Mapping[str, Any], int] | None = None  # best prices it does not have: exchange time, what, when
    base: tuple[str, int] = ("", -1)
    last: tuple[str, int] = ("", -1)
    t: int = 0
    x: int = 0
    latest: int = 0
    latest_of: dict[str, int] = field(default_factory=dict)
    trade: str | None = None
    _touch: tuple[Decimal | None, Decimal | None] | None = None
    _grid: tuple[Decimal, list[str]] | None = None

    @property
    def bid(self) -> Decimal | None:
        return self.touch()[0]

    @property
    def ask(self) -> Decimal | None:
        return self.touch()[1]

    def touch(self) -> tuple[Decimal | None, Decimal | None]:
        """The best prices; looked for anew when the book changed."""
        if self._touch is None:
            self._touch = max(self.bids, default=None), min(self.asks, default=None)
        return self._touch

    def changed(self) -> None:
        """To be called after every change of the levels."""
        self._touch = self._grid = None

    def forget(self, fault: str, counted: bool) -> None:
        """Nothing is known until the next snapshot. Where time itself is in doubt, its mark stays."""
        self.fault, self.counted, self.trade, self.stated = fault, counted, None, None
        if fault != "no_snapshot":
            self.tick_conn = ""
        self.bids, self.asks = {}, {}
        self.changed()
        if fault not in ("out_of_order", "timestamp_backwards"):
            self.latest, self.latest_of = 0, {}

    def wrong(self, limits: Limits) -> list[str]:
        """Everything that stands against the book, but for its age."""
        found = [self.fault] if self.fault else []
        if self.x - self.t > limits.ahead:
            found.append("timestamp_ahead")
        elif self.t - self.x > limits.old:
            found.append("timestamp_old")
        if self.fault not in ("", "hash_mismatch"):
            return found
        if self.stated is not None and not self.fault:
            return [*found, "best_mismatch"]  # more of that moment may come: it is not counted yet, nor relied on
        bid, ask = self.touch()
        if bid is None or ask is None:
            found.append("empty_book" if bid is None and ask is None else "one_sided_book")
        elif bid >= ask:
            found.append("crossed_book" if bid > ask else "locked_book")
        elif ask - bid > limits.spread:
            found.append("spread_too_wide")
        return found + self.off_grid()

    def off_grid(self) -> list[str]:
        """Whether prices are out of range or off the tick; looked at anew when the book or its tick changed."""
        if self._grid is None or self._grid[0] != self.tick:
            wrong = {reason for price in (*self.bids, *self.asks) for reason in _against(price, self.tick)}
            self._grid = (self.tick, sorted(wrong, reverse=True))
        return self._grid[1]


@dataclass
class Market:
    key: str
    asset: str
    up: str
    down: str
    start: int
    end: int
    tick: Decimal
    torn: bool = False  # when both books were last of one moment, they did not mirror each other


@dataclass
class Product:
    """A spot book. ``t``: receive time of the last frame with a price; ``x``: exchange time of the last frame of it."""

    name: str
    conn: str = ""
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    fault: str = "no_snapshot"
    t: int = 0
    x: int = 0
    recv: int = 0
    _touch: tuple[Decimal | None, Decimal | None] | None = None

    def touch(self) -> tuple[Decimal | None, Decimal | None]:
        """The best prices; looked for anew when the book changed."""
        if self._touch is None:
            self._touch = max(self.bids, default=None), min(self.asks, default=None)
        return self._touch

    def changed(self) -> None:
        """To be called after every change of the levels."""
        self._touch = None

    def forget(self, fault: str) -> None:
        self.fault = fault
        self.bids, self.asks = {}, {}
        self.changed()

    def wrong(self, limits: Limits) -> list[str]:
        found = [self.fault] if self.fault else []
        if self.x - self.recv > limits.ahead:
            found.append("timestamp_ahead")
        elif self.recv - self.x > limits.old:
            found.append("timestamp_old")
        if not self.fault:
            bid, ask = self.touch()
            if bid is None or ask is None:
                found.append("empty_book" if bid is None and ask is None else "one_sided_book")
            elif bid >= ask:
                found.append("crossed_book" if bid > ask else "locked_book")
        return found


@dataclass
class Objection:
    """What a careful reader counts: when, where and why."""

    t: int
    feed: str
    reason: str


class Knowledge:
    """Takes the records one by one. ``objections``: everything it had to object to, in order."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.tokens: dict[str, Token] = {}
        self.products: dict[str, Product] = {}
        self.markets: dict[str, Market] = {}
        self.of_token: dict[str, Market] = {}
        self.closed: set[str] = set()
        self.objections: list[Objection] = []
        self.rejected: list[tuple[Record, str]] = []
        self.now = 0
        self._said: dict[str, deque[bytes]] = {}
        self._sequence: dict[str, tuple[int, int]] = {}  # connection -> (last number, frames without one since)
        self._heard: dict[str, int] = {}
        self._silent: set[str] = set()
        self._old_spots: set[str] = set()
        self._old_books: set[str] = set()

    def counts(self) -> Counter[str]:
        return Counter(each.reason for each in self.objections)

    def object(self, feed: str, reason: str) -> None:
        self.objections.append(Objection(self.now, feed, reason))

    def take(self, record: Record) -> None:
        self.now = max(self.now, record.recv)
        if record.value.startswith(OWN):
            self._own(record)
            return
        if record.topic == MARKETS:
            self._market(record)
            return
        if record.topic == POLYMARKET and record.conn.rpartition(".")[2].startswith("rest"):
            return  # an answer of REST: compared by the flows, and no frame of a book
        if _is_plain(record.value):
            self.object(record.topic, "control_text")
            return
        self._heard[record.topic] = self.now
        try:
            if record.topic == POLYMARKET:
                self._polymarket(record)
            else:
                self._coinbase(record)
        except UNUSABLE as cause:
            self.rejected.append((record, str(cause)))
            self.object(record.topic, "decode_error")
            self._lose(record.conn, "decode_error")
            if record.conn in self._sequence:
                number, unread = self._sequence[record.conn]
                self._sequence[record.conn] = (number, unread + 1)
            elif record.topic == COINBASE:
                self._sequence[record.conn] = (-1, 1)

    def _lose(self, conn: str, why: str) -> None:
        self._said.pop(conn, None)
        for token in self.tokens.values():
            if token.conn == conn and (not token.fault or token.fault == "hash_mismatch"):
                token.forget(why, True)
        for product in self.products.values():
            if product.conn == conn and not product.fault:
                product.forget(why)

    # -- our own records -----------------------------------------------------------------------------------------------

    def _own(self, record: Record) -> None:
        own = json.loads(record.value)
        if own["profit"] == "notice" and own["state"] in ("disconnected", "refused"):
            self.closed.add(own["conn"])
            self._sequence.pop(own["conn"], None)
            self.object(record.topic, "disconnected")
            self._lose(own["conn"], "disconnected")
        elif own["profit"] == "notice" and own["state"] == "renewed":
            self._said.pop(own["conn"], None)
            for name in own["tokens"]:
                if name in self.tokens and self.tokens[name].fault:
                    self.tokens[name].latest, self.tokens[name].latest_of = 0, {}
        elif own["profit"] == "tick":
            for token in self.tokens.values():
                if token.stated is not None and self.now - token.stated[2] >= MOMENT:
                    self._said.pop(token.conn, None)
                    token.forget("best_mismatch", True)
                    self.object(POLYMARKET, "best_mismatch")
            for feed, last in self._heard.items():
                if self.now - last <= self.limits.stale_feed:
                    self._silent.discard(feed)
                elif feed not in self._silent:
                    self._silent.add(feed)
                    self.object(feed, "stale_feed")
            for name, product in self.products.items():
                if not product.t or self.now - product.t <= self.limits.stale_feed:
                    self._old_spots.discard(name)
                elif name not in self._old_spots:
                    self._old_spots.add(name)
                    self.object(COINBASE, "stale_spot")
            for name, token in self.tokens.items():
                market = self.of_token.get(name)
                alive = market is not None and market.start <= self.now <= market.end and not token.fault
                if not alive or self.now - token.t <= self.limits.stale_book:
                    self._old_books.discard(name)
                elif name not in self._old_books:
                    self._old_books.add(name)
                    self.object(POLYMARKET, "stale_book")

    # -- markets -------------------------------------------------------------------------------------------------------

    def _market(self, record: Record) -> None:
        body = json.loads(record.value)
        slug = body.get("slug")
        if slug is None:
            return
        up, down = json.loads(body["clobTokenIds"])
        tick = Decimal(str(body["orderPriceMinTickSize"]))
        asset, _, horizon, start = slug.upper().split("-")
        length = {"5M": 300, "15M": 900, "1H": 3600}[horizon]
        market = self.markets.get(slug)
        if market is None:
            begin = int(start) * NS
            market = self.markets[slug] = Market(slug, asset, up, down, begin, begin + length * NS, tick)
            self.of_token[up] = self.of_token[down] = market
        market.tick = tick
        for name in (up, down):
            token = self.tokens.get(name)
            if token is None or not token.fault or token.tick_conn:
                continue
            if not token.tick_announced or tick < token.tick:
                token.tick = tick

    # -- Polymarket ----------------------------------------------------------------------------------------------------

    def token(self, name: str) -> Token:
        token = self.tokens.get(name)
        if token is None:
            token = self.tokens[name] = Token(name)
            if name in self.of_token:
                token.tick = self.of_token[name].tick
        return token

    def _polymarket(self, record: Record) -> None:
        frame = record.value
        if frame == b"PONG":
            return
        said = self._said.setdefault(record.conn, deque(maxlen=4))
        if frame in said:
            self.object(POLYMARKET, "duplicate_frame")
            return
        if len(frame) > 2:
            said.append(frame)
        body = json.loads(frame)
        touched: dict[str, int] = {}
        odd = ""
        for message in body if isinstance(body, list) else [body]:
            try:
                _examine(message)
                self._message(record, message, touched)
            except UNUSABLE as cause:
                odd = odd or f"{cause!r}"
                self._odd(record, message, touched)
        self._judge(record, touched)
        if odd:
            self.rejected.append((record, odd))
            self.object(POLYMARKET, "decode_error")

    def _odd(self, record: Record, message: Any, touched: dict[str, int]) -> None:
        """A message that cannot be used: what it may have changed is lost, and nothing else."""
        if isinstance(message, list):
            for each in message:
                self._odd(record, each, touched)
        if not isinstance(message, dict):
            return
        kind = message.get("event_type")
        untyped = not isinstance(kind, str) or not kind
        entries = message.get("price_changes")
        of_books = {"bids", "asks", "price_changes", "changes", "new_tick_size"} & message.keys()
        if isinstance(entries, list) and (kind == "price_change" or untyped):
            bad = [each for each in entries if untyped or not _is_usable(message, each)] or entries
            names = [each.get("asset_id") if isinstance(each, dict) else None for each in bad]
            good = [
                each for each in entries if all(each is not other for other in bad) and each["asset_id"] not in names
            ]
            if all(names) and good:
                self._message(record, message | {"price_changes": good}, touched)
            elif all(names):
                names = [each["asset_id"] for each in entries]
        elif kind in ("book", "tick_size_change", "price_change") or (untyped and of_books):
            names = [message.get("asset_id")]
        elif kind == "last_trade_price" or (untyped and {"price", "size"} <= message.keys()):
            for token in self._meant(record.conn, [message.get("asset_id")], message):
                token.trade = None
            return
        else:
            return
        for token in self._meant(record.conn, names, message):
            if not token.fault or token.fault == "hash_mismatch":
                token.forget("decode_error", True)
                self._said.pop(record.conn, None)

    def _meant(self, conn: str, names: list[Any], message: dict[str, Any]) -> list[Token]:
        """The connection's tokens of these names; where one has no name, also those of its market, or all."""
        mine = [token for token in self.tokens.values() if token.conn == conn]
        if all(names):
            return [token for token in mine if token.name in names]
        market = message.get("market")
        return [token for token in mine if not market or token.market == market or token.name in names]

    def _message(self, record: Record, message: dict[str, Any], touched: dict[str, int]) -> None:
        kind = message["event_type"]
        if kind == "book":
            self._book(record, message)
            touched[message["asset_id"]] = _ms(message["timestamp"])
        elif kind == "price_change":
            self._changes(record, message)
            for entry in message["price_changes"]:
                touched[entry["asset_id"]] = _ms(message["timestamp"])
        elif kind == "best_bid_ask":
            token, x = self.token(message["asset_id"]), _ms(message["timestamp"])
            before = token.stated
            if not token.fault:
                if before is not None and before[0] != x:
                    token.forget("best_mismatch", False)
                    touched[token.name] = x
                else:
                    self._state(token, message, x)
                    if (before is None) != (token.stated is None):
                        touched[token.name] = x
        elif kind == "tick_size_change":
            token = self.token(message["asset_id"])
            token.forget("no_snapshot", True)  # announced: no fault
            token.tick, token.tick_conn, token.tick_announced = Decimal(message["new_tick_size"]), record.conn, True
            touched[token.name] = _ms(message["timestamp"])
        elif kind == "last_trade_price":
            self.token(message["asset_id"]).trade = message["price"]
        elif kind not in ("market_resolved", "new_market"):
            self.object(POLYMARKET, "unknown_frame")

    def _late(self, token: Token, kind: str, x: int) -> str:
        if x < token.latest - self.limits.backwards:
            return "timestamp_backwards"
        if x < token.latest_of.get(kind, 0):
            return "out_of_order"
        if x - self.now <= self.limits.ahead:
            token.latest_of[kind] = x
        return ""

    def _book(self, record: Record, message: dict[str, Any]) -> None:
        token, x = self.token(message["asset_id"]), _ms(message["timestamp"])
        bids = {decimal(level["price"]): decimal(level["size"]) for level in message["bids"]}
        asks = {decimal(level["price"]): decimal(level["size"]) for level in message["asks"]}
        if token.conn != record.conn:
            token.trade, token.latest, token.latest_of = None, 0, {}
        token.conn = record.conn
        late = self._late(token, "book", x)
        stated = message.get("last_trade_price", token.trade)
        tick = message.get("tick_size", "") or str(token.tick)
        false = bool(message.get("hash")) and stated is not None and _checksum(message, tick, stated) != message["hash"]
        if message.get("tick_size"):
            token.tick, token.tick_conn, token.tick_announced = Decimal(message["tick_size"]), record.conn, True
        token.market = message.get("market") or token.market
        if token.trade is not None:
            token.trade = stated
        token.stated = None
        token.bids = {price: size for price, size in bids.items() if size}
        token.asks = {price: size for price, size in asks.items() if size}
        token.fault = late or ("hash_mismatch" if false else "")
        token.counted = False
        token.base = record.place
        token.changed()

    def _changes(self, record: Record, message: dict[str, Any]) -> None:
        x = _ms(message["timestamp"])
        last: dict[str, dict[str, Any]] = {}
        for entry in message["price_changes"]:
            token = self.token(entry["asset_id"])
            if token.fault:
                continue
            if token.name not in last:
                late = self._late(token, "price_change", x)
                if late or (token.stated is not None and token.stated[0] != x):
                    token.forget(late or "best_mismatch", False)
                    continue
            side = token.bids if entry["side"] == "BUY" else token.asks
            price, size = decimal(entry["price"]), decimal(entry["size"])
            side.pop(price, None)
            if size:
                side[price] = size
            token.changed()
            last[token.name] = entry
        for name, entry in last.items():
            self._state(self.tokens[name], entry, x)

    def _state(self, token: Token, stated: Mapping[str, Any], x: int) -> None:
        """The exchange states the best prices as they are after all messages of exchange time ``x``."""
        if stated.get("best_bid") or stated.get("best_ask"):
            token.stated = (x, stated, self.now) if _differs(token, stated) else None
        elif token.stated is not None and not _differs(token, token.stated[1]):
            token.stated = None

    def _judge(self, record: Record, touched: dict[str, int]) -> None:
        markets: dict[str, Market] = {}
        for name, x in touched.items():
            token = self.token(name)
            token.t, token.x, token.last = self.now, x, record.place
            self._old_books.discard(name)
            if x - self.now <= self.limits.ahead:
                token.latest = max(token.latest, x)
            for reason in token.wrong(self.limits):
                if reason == token.fault:
                    if token.counted:
                        continue
                    token.counted = True
                elif reason == "best_mismatch":
                    continue
                self.object(POLYMARKET, reason)
            market = self.of_token.get(name)
            if market is not None:
                markets[market.key] = market
        for market in markets.values():
            torn = self.torn(market)
            if torn is not None:
                market.torn = torn
                if torn:
                    self.object(POLYMARKET, "parity_broken")

    def torn(self, market: Market) -> bool | None:
        """Whether the market's two books contradict each other; None while they are not comparable."""
        up, down = self.tokens.get(market.up), self.tokens.get(market.down)
        if up is None or down is None or abs(up.x - down.x) > self.limits.pair_skew:
            return None
        if up.wrong(self.limits) or down.wrong(self.limits):
            return None
        assert up.bid is not None and up.ask is not None and down.bid is not None and down.ask is not None
        return max(abs(up.bid + down.ask - ONE), abs(up.ask + down.bid - ONE)) > self.limits.parity

    # -- Coinbase ------------------------------------------------------------------------------------------------------

    def product(self, name: str) -> Product:
        return self.products.setdefault(name, Product(name))

    def _coinbase(self, record: Record) -> None:
        body = json.loads(record.value)
        number, channel = body["sequence_num"], body["channel"]
        if type(number) is not int or number < 0 or not isinstance(channel, str):
            raise Unusable("sequence_num is no number")
        x = _iso(body["timestamp"])
        events = body["events"]
        _examine_events(channel, events)
        last, unread = self._sequence.get(record.conn, (-1, 0))
        if number <= last:
            self.object(COINBASE, "duplicate_frame" if number == last else "out_of_order")
            return
        self._sequence[record.conn] = (number, 0)
        if number > last + 1 + unread:
            self.object(COINBASE, "sequence_gap")
            self._lose(record.conn, "sequence_gap")
        touched: dict[str, bool] = {}
        for event in events:
            if channel == "l2_data":
                product = self.product(event["product_id"])
                if event["type"] == "snapshot":
                    product.bids, product.asks, product.fault, product.conn = {}, {}, "", record.conn
                if not product.fault:
                    for update in event["updates"]:
                        side = product.bids if update["side"] == "bid" else product.asks
                        price, size = decimal(update["price_level"]), decimal(update["new_quantity"])
                        side.pop(price, None)
                        if size:
                            side[price] = size
                product.changed()
                touched[product.name] = True
            elif channel == "ticker":
                for ticker in event["tickers"]:
                    touched.setdefault(ticker["product_id"], False)
            elif channel == "market_trades":
                for trade in event["trades"]:
                    touched.setdefault(trade["product_id"], False)
            elif channel not in ("heartbeats", "subscriptions"):
                self.object(COINBASE, "unknown_frame")
        for name, priced in touched.items():
            product = self.product(name)
            product.x, product.recv = x, self.now
            wrong = product.wrong(self.limits)
            if priced and not wrong:
                product.t = self.now
            for reason in wrong:
                if reason != product.fault:
                    self.object(COINBASE, reason)


def _is_plain(frame: bytes) -> bool:
    """Plain text, or an object with nothing in it: it says nothing of any book."""
    try:
        text = frame.decode().strip()
    except UnicodeDecodeError:
        return False
    return text == "{}" or (not set("{}[]") & set(text) and "".join(text.split()).isprintable())


def _is_usable(message: dict[str, Any], entry: Any) -> bool:
    try:
        _examine(message | {"price_changes": [entry]})
    except UNUSABLE:
        return False
    return True


def _examine(message: Any) -> None:
    """Whether a message has what it cannot be used without. Raises Unusable, ValueError, KeyError or InvalidOperation.

    Only what concerns books is asked for strictly; a reader may ask for more."""
    if not isinstance(message, dict) or not isinstance(message.get("event_type"), str):
        raise Unusable("no object with an event_type")
    kind = message["event_type"]
    if kind == "book":
        _ms(message["timestamp"])
        _text(message["asset_id"])
        for level in (*message["bids"], *message["asks"]):
            _number(level["price"]), _number(level["size"])
    elif kind == "price_change":
        _ms(message["timestamp"])
        for entry in message["price_changes"]:
            _text(entry["asset_id"])
            _number(entry["price"]), _number(entry["size"])
            if entry["side"] not in ("BUY", "SELL"):
                raise Unusable("side")
    elif kind == "best_bid_ask":
        _ms(message["timestamp"])
        _text(message["asset_id"])
    elif kind == "last_trade_price":
        _ms(message["timestamp"])
        _text(message["asset_id"])
        _number(message["price"]), _number(message["size"])
        if message["side"] not in ("BUY", "SELL"):
            raise Unusable("side")
    elif kind == "tick_size_change":
        _ms(message["timestamp"])
        _text(message["asset_id"])
        _number(message["new_tick_size"])
    elif kind == "market_resolved":
        _text(message["market"]), _text(message["winning_asset_id"])
    elif kind == "new_market":
        _text(message["market"]), _text(message["slug"])
        if not message["assets_ids"] or not message["outcomes"]:
            raise Unusable("a market of nothing")


def _examine_events(channel: str, events: Any) -> None:
    for event in events:
        if channel == "l2_data":
            _text(event["product_id"])
            if event["type"] not in ("snapshot", "update"):
                raise Unusable("type")
            for update in event["updates"]:
                _number(update["price_level"]), _number(update["new_quantity"])
                if update["side"] not in ("bid", "offer"):
                    raise Unusable("side")
        elif channel == "ticker":
            for ticker in event["tickers"]:
                _text(ticker["product_id"])
                _number(ticker["price"])
        elif channel == "market_trades":
            for trade in event["trades"]:
                _text(trade["product_id"])
                _number(trade["price"]), _number(trade["size"])
                if trade["side"] not in ("BUY", "SELL"):
                    raise Unusable("side")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Unusable(f"{value!r} is no text")
    return value


def _number(value: Any) -> Decimal:
    """Numbers stand in strings on both wires."""
    return decimal(_text(value))


@lru_cache(maxsize=1 << 16)
def decimal(text: str) -> Decimal:
    """The same few prices and sizes are read again and again."""
    return Decimal(text)


@lru_cache(maxsize=1 << 16)
def _against(price: Decimal, tick: Decimal) -> tuple[str, ...]:
    """What is wrong with a price on a book of this tick."""
    return ("price_out_of_range",) * (not tick <= price <= ONE - tick) + ("off_tick",) * bool(price % tick)


def _ms(text: Any) -> int:
    return int(_text(text)) * MS


def _iso(text: Any) -> int:
    """Nanoseconds of a time in UTC with up to nine digits of a second."""
    head, _, fraction = _text(text).removesuffix("Z").partition(".")
    return _whole_second(head) * NS + int((fraction or "0").ljust(9, "0")[:9])


@lru_cache(maxsize=256)
def _whole_second(head: str) -> int:
    return int(datetime.fromisoformat(head).replace(tzinfo=UTC).timestamp())


def _differs(token: Token, stated: Mapping[str, Any]) -> bool:
    """Whether the best prices that were stated are not those of the book; "0" and "1" stand for an empty side."""
    for key, stored in zip(("best_bid", "best_ask"), token.touch(), strict=True):
        text = stated.get(key)
        if text:
            price = decimal(text)
            if (price if ZERO < price < ONE else None) != stored:
                return True
    return False


def _checksum(message: Mapping[str, Any], tick: str, trade: str) -> str:
    """The book's SHA-1, by the exchange's rule; a trade price has at least three decimals in it."""
    if trade:
        digits = -int(Decimal(trade).normalize().as_tuple().exponent)
        trade = f"{Decimal(trade):.{max(digits, 3)}f}"
    content = {
        "market": message["market"],
        "asset_id": message["asset_id"],
        "timestamp": message["timestamp"],
        "hash": "",
        "bids": message["bids"],
        "asks": message["asks"],
        "min_order_size": "5",
        "tick_size": tick,
        "neg_risk": False,
        "last_trade_price": trade,
    }
    return hashlib.sha1(json.dumps(content, separators=(",", ":")).encode(), usedforsecurity=False).hexdigest()
