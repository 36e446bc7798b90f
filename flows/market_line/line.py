"""The line of the market flow: one feed record in, its journal events out, in the recorder's one order.

Everything here is a function of the records alone: time is their receive time, silence is noticed by the recorder's
ticks, and state is kept in plain objects that a snapshot can hold.
"""

from __future__ import annotations

import msgspec

from connectors.coinbase.wire import decode_frame as decode_coinbase
from connectors.polymarket.wire import ClobMarket, MarketMessage, decode_market, object_at
from connectors.polymarket.wire import decode_frame as decode_polymarket
from flows.market_line.bounds import Bounds
from flows.market_line.coinbase import Connection, Product, exchange_time
from flows.market_line.definitions import Definitions, Known
from flows.market_line.findings import Beat, Finding
from flows.market_line.token import Token, hash_differs, hashed_price
from flows.pulse import Pulse
from models.contracts import DeadLetter, Number
from models.envelope import Envelope, decode_envelope
from models.journal import (
    NO_SRC,
    AnyEvent,
    Book,
    Clock,
    Feed,
    Input,
    Market,
    Rejected,
    Spot,
    Src,
    TokenBook,
    Trade,
    encode_event,
)
from models.markers import OWN_PREFIX, Marker, Notice, Tick, decode_own
from models.message import Lost, Message, Stored
from models.money import MICRO, PIP, PIPS, SHARE
from models.reasons import Reason, Verdict
from models.timestamps import parse_epoch_ms
from models.topics import (
    CONTROL,
    DEAD_LETTER,
    EXECUTIONS,
    FEED_CLOCK,
    FEED_COINBASE,
    FEED_MARKETS,
    FEED_POLYMARKET,
    JOURNAL,
    MODELS,
)

PRODUCER = "market"
MODULES = {
    FEED_POLYMARKET: "integrity.polymarket",
    FEED_COINBASE: "integrity.coinbase",
    FEED_MARKETS: "integrity.markets",
    FEED_CLOCK: "integrity.clock",
}
INPUT_MODULE = "integrity.inputs"  # of everything that is no feed
_UNREADABLE = (msgspec.DecodeError, ValueError, UnicodeDecodeError)

Out = Message | Finding | Beat


class MarketLine:
    """Feed records to journal events. ``advance`` is the whole interface."""

    def __init__(self, bounds: Bounds, portfolio: str) -> None:
        self._bounds = bounds
        self._portfolio = portfolio
        self._seq = 0
        self._emitted = 0  # journal events that were really made
        self._dead = 0
        self._t = 0
        self._run = ""
        self._tokens: dict[str, Token] = {}
        self._products: dict[str, Product] = {}
        self._conns: dict[str, int] = {}  # connection -> next number
        self._sequences: dict[str, Connection] = {}
        self._feed_times: dict[str, int] = {}  # feed -> receive time of its last frame
        self._stale_feeds: set[str] = set()
        self._stale_books: set[str] = set()
        self._stale_spots: set[str] = set()
        self._known = Definitions()
        self._pulse = Pulse(PRODUCER, (*MODULES.values(), INPUT_MODULE), "journal")
        self._out: list[Out] = []

    def advance(self, record: Stored | Lost) -> list[Out]:
        """What one record of the merged feeds makes: at least one journal event, and whatever was found."""
        out: list[Out] = []
        self._out = out
        if isinstance(record, Lost):
            self._lost(record)
        elif record.envelope:
            self._feed(record)
        else:
            self._input(record)
        return out

    # --- the four feeds -------------------------------------------------------------------------------------------

    def _feed(self, record: Stored) -> None:
        src = (record.topic, record.partition, record.offset)
        try:
            envelope = decode_envelope(record.envelope)
        except ValueError as cause:
            self._reject(record, src, "", Reason.DECODE_ERROR, str(cause))
            return
        if envelope.recv_ns > self._t:
            self._t = envelope.recv_ns
        checks: tuple[str, ...] = ()
        expected = self._conns.get(envelope.conn, 0)
        if envelope.n != expected:
            checks = (Reason.CONNECTION_GAP,)
            self._invalidate(src, Reason.CONNECTION_GAP, envelope.conn)
            self._find(record.topic, envelope.conn, Reason.CONNECTION_GAP)
        self._conns[envelope.conn] = envelope.n + 1
        frame = record.value
        before = self._emitted
        try:
            if frame.startswith(OWN_PREFIX):
                self._own(record, src, frame, envelope, checks)
                return
            self._feed_times[record.topic] = self._t
            if record.topic == FEED_POLYMARKET:
                self._polymarket(src, frame, envelope, checks)
            elif record.topic == FEED_COINBASE:
                self._coinbase(src, frame, envelope, checks)
            else:
                self._markets(src, frame, envelope, checks)
            if self._emitted == before:  # nothing in it to say anything of: it leaves its mark all the same
                self._note(src, record.topic, envelope.conn, "empty", "", checks)
        except _UNREADABLE as cause:
            self._seq = self._emitted  # an event that was numbered and could not be made leaves no gap
            self._invalidate(src, Reason.DECODE_ERROR, envelope.conn)
            self._reject(record, src, envelope.conn, Reason.DECODE_ERROR, str(cause))

    def _own(self, record: Stored, src: Src, frame: bytes, envelope: Envelope, checks: tuple[str, ...]) -> None:
        own = decode_own(frame)
        if isinstance(own, Tick):
            self._tick(src, own, checks)
        elif isinstance(own, Marker):
            if own.marker == "start" and own.run != self._run:
                self._run = own.run
                self._invalidate(src, Reason.DISCONNECTED)
                self._sequences.clear()
            self._note(src, record.topic, envelope.conn, f"{own.marker} of run", own.run, checks)
            if own.marker == "end":
                self._out.extend(self._pulse.beat(self._t, self._gauges(), whole=True))
        elif isinstance(own, Notice):
            if own.state in ("disconnected", "refused"):
                checks = (*checks, Reason.DISCONNECTED)
                self._invalidate(src, Reason.DISCONNECTED, own.conn)
                self._conns.pop(own.conn, None)
                self._sequences.pop(own.conn, None)
                self._find(record.topic, own.conn, Reason.DISCONNECTED)
            self._note(src, record.topic, own.conn, own.state, own.why, checks)

    def _tick(self, src: Src, tick: Tick, checks: tuple[str, ...]) -> None:
        t, bounds = self._t, self._bounds
        for feed, last in self._feed_times.items():
            if feed != FEED_MARKETS:
                self._age(self._stale_feeds, feed, t - last > bounds.stale_feed, feed, "", Reason.STALE_FEED)
        for name, token in self._tokens.items():
            held = self._known.by_token.get(name)
            alive = held is not None and held[0].start <= t <= held[0].end and not token.invalid
            stale = alive and t - token.view.t > bounds.stale_book
            market = held[0].key if held else ""
            self._age(self._stale_books, name, stale, FEED_POLYMARKET, market, Reason.STALE_BOOK)
        for product in self._products.values():
            stale = bool(product.latest) and t - product.latest > bounds.stale_feed
            self._age(self._stale_spots, product.asset, stale, FEED_COINBASE, product.product, Reason.STALE_SPOT)
        self._emit(
            Clock(
                self._next(),
                t,
                src,
                "",
                checks,
                tick.number,
                tuple(sorted(self._stale_feeds)),
                tuple(sorted(self._stale_books)),
                tuple(sorted(self._stale_spots)),
            ),
            FEED_CLOCK,
        )
        self._out.append(Beat(t))
        for known in self._known.forget(t):
            self._tokens.pop(known.up_token, None)
            self._tokens.pop(known.down_token, None)
        if self._pulse.is_due(t):
            self._out.extend(self._pulse.beat(t, self._gauges()))

    def _age(self, kept: set[str], name: str, stale: bool, feed: str, market: str, reason: Reason) -> None:
        if stale:
            if name not in kept:
                kept.add(name)
                self._find(feed, market, reason)
        else:
            kept.discard(name)

    def _markets(self, src: Src, frame: bytes, envelope: Envelope, checks: tuple[str, ...]) -> None:
        body = decode_market(frame)
        if isinstance(body, ClobMarket):
            learnt = self._known.from_clob(body)
        else:
            learnt = self._known.from_gamma(body, self._t)
        self._learnt(src, FEED_MARKETS, envelope.conn, learnt, checks, "market")

    def _learnt(
        self,
        src: Src,
        feed: str,
        conn: str,
        learnt: tuple[Known, bool, bool] | None,
        checks: tuple[str, ...],
        what: str,
    ) -> None:
        if learnt is None:
            self._note(src, feed, conn, what, "of no market we follow", checks)
            return
        known, changed, conflict = learnt
        if conflict:
            checks = (*checks, Reason.RESOLUTION_CONFLICT)
            self._find(feed, known.key, Reason.RESOLUTION_CONFLICT)
        if not changed:
            self._note(src, feed, conn, what, f"nothing new of {known.key}", checks)
            return
        for token in (known.up_token, known.down_token):
            if token and token in self._tokens:
                self._tokens[token].tick = known.tick if self._tokens[token].invalid else self._tokens[token].tick
        self._emit(
            Market(
                self._next(),
                self._t,
                src,
                known.asset,
                checks,
                known.key,
                known.market,
                known.asset,
                known.horizon,
                known.start,
                known.end,
                known.up_token,
                known.down_token,
                known.tick,
                known.min_size,
                known.fee_rate,
                known.fee_exponent,
                known.rule,
                known.strike,
                known.payout_up,
                known.payout_down,
                known.resolved_by,
            ),
            feed,
        )

    # --- Polymarket ------------------------------------------------------------------------------------------------

    def _polymarket(self, src: Src, frame: bytes, envelope: Envelope, checks: tuple[str, ...]) -> None:
        if frame == b"PONG":
            self._note(src, FEED_POLYMARKET, envelope.conn, "pong", "", checks)
            return
        messages = decode_polymarket(frame)
        if not messages:
            self._note(src, FEED_POLYMARKET, envelope.conn, "empty", "no book for the subscribed tokens", checks)
            return
        first = messages[0]
        if len(messages) == 1 and first.event_type == "book":  # by far the most bytes, and often the most frames
            held = self._known.by_token.get(first.asset_id)
            if held is not None:
                self._snapshot(src, first, frame, 0, envelope)
                self._book(src, held[0], {first.asset_id: parse_epoch_ms(first.timestamp)}, checks)
                return
        touched: dict[str, int] = {}  # tokens whose book changed, with the exchange time of the change
        self._apply(src, frame, messages, touched, envelope, checks)
        if touched:
            self._books(src, touched, checks)

    def _apply(
        self,
        src: Src,
        frame: bytes,
        messages: list[MarketMessage],
        touched: dict[str, int],
        envelope: Envelope,
        checks: tuple[str, ...],
    ) -> None:
        """Take a frame's messages in, in order."""
        for at, message in enumerate(messages):
            kind = message.event_type
            if kind == "book":
                self._snapshot(src, message, frame, at, envelope)
                touched[message.asset_id] = parse_epoch_ms(message.timestamp)
            elif kind == "price_change":
                self._changes(src, message)
                x = parse_epoch_ms(message.timestamp)
                for change in message.price_changes or ():
                    touched[change.asset_id] = x
            elif kind == "best_bid_ask":
                self._compare_best(src, message, touched)
                if not touched:
                    self._note(src, FEED_POLYMARKET, envelope.conn, kind, "", checks)
            elif kind == "last_trade_price":
                self._last_trade(src, message, checks)
            elif kind == "tick_size_change":
                token = self._token(message.asset_id)
                token.invalidate(Reason.NO_SNAPSHOT, self._seq, self._t, src)
                token.tick = PIPS[message.new_tick_size]
                touched[message.asset_id] = parse_epoch_ms(message.timestamp)
            elif kind == "market_resolved":
                learnt = self._known.from_resolved(message)
                self._learnt(src, FEED_POLYMARKET, envelope.conn, learnt, checks, kind)
            elif kind == "new_market":
                learnt = self._known.from_new_market(message, self._t)
                self._learnt(src, FEED_POLYMARKET, envelope.conn, learnt, checks, kind)
            else:
                self._find(FEED_POLYMARKET, "", Reason.UNKNOWN_FRAME)
                note = f"event type {kind[:40]!r}"
                self._note(src, FEED_POLYMARKET, envelope.conn, "unknown", note, (*checks, Reason.UNKNOWN_FRAME))

    def _snapshot(self, src: Src, message: MarketMessage, frame: bytes, at: int, envelope: Envelope) -> None:
        token = self._token(message.asset_id)
        if token.conn != envelope.conn:
            token.last_trade_price = None
        price = message.last_trade_price if message.last_trade_price is not None else token.last_trade_price
        mismatch = False
        if price is not None and message.hash:
            held = self._known.by_token.get(message.asset_id)
            min_size = held[0].min_size // SHARE if held else 5
            tick = message.tick_size or _wire_tick(token.tick)
            mismatch = hash_differs(message, object_at(frame, at), price, tick, str(min_size))
        token.snapshot(message, envelope.conn, src, mismatch)

    def _changes(self, src: Src, message: MarketMessage) -> None:
        last: dict[str, int] = {}
        changes = message.price_changes or ()
        for at, change in enumerate(changes):
            token = self._token(change.asset_id)
            if not token.invalid:
                token.change(change)
                last[change.asset_id] = at
        for name, at in last.items():
            token = self._tokens[name]
            if token.best_differs(changes[at]):
                token.invalidate(Reason.BEST_MISMATCH, self._seq, self._t, src)

    def _compare_best(self, src: Src, message: MarketMessage, touched: dict[str, int]) -> None:
        token = self._tokens.get(message.asset_id)
        if token is None or token.invalid:
            return
        for stated, side in ((message.best_bid, token.bids), (message.best_ask, token.asks)):
            if stated is None or stated == "":
                continue
            best = side.best()
            price = PIPS[stated]
            if (price in (0, PIP) and best is not None) or (0 < price < PIP and best != price):
                token.invalidate(Reason.BEST_MISMATCH, self._seq, self._t, src)
                touched[message.asset_id] = parse_epoch_ms(message.timestamp)
                return

    def _last_trade(self, src: Src, message: MarketMessage, checks: tuple[str, ...]) -> None:
        token = self._token(message.asset_id)
        token.last_trade_price = hashed_price(message.price)
        held = self._known.by_token.get(message.asset_id)
        self._emit(
            Trade(
                self._next(),
                self._t,
                src,
                held[0].asset if held else "",
                checks,
                held[0].key if held else "",
                message.asset_id,
                PIPS[message.price],
                MICRO[message.size] if message.size else 0,
                message.side,
                parse_epoch_ms(message.timestamp),
            ),
            FEED_POLYMARKET,
        )

    def _books(self, src: Src, touched: dict[str, int], checks: tuple[str, ...]) -> None:
        """One Book event for each market whose books a frame changed."""
        done: set[str] = set()
        for name, x in touched.items():
            held = self._known.by_token.get(name)
            if held is None:
                token = self._token(name)
                view = token.judge(self._bounds, self._seq, self._t, x, src)
                self._count(token.news(), FEED_POLYMARKET, "")
                self._find(FEED_POLYMARKET, "", Reason.UNKNOWN_ASSET)
                event = Book(self._next(), self._t, src, "", (*checks, Reason.UNKNOWN_ASSET), "", view, None)
                self._emit(event, FEED_POLYMARKET)
                continue
            known = held[0]
            if known.key in done:
                continue
            done.add(known.key)
            self._book(src, known, touched, checks)

    def _book(self, src: Src, known: Known, touched: dict[str, int], checks: tuple[str, ...]) -> None:
        t, bounds = self._t, self._bounds
        views: list[TokenBook | None] = []
        found = checks
        for name in (known.up_token, known.down_token):
            token = self._tokens.get(name) if name else None
            if token is None:
                views.append(None)
            elif name in touched:
                view = token.judge(bounds, self._seq, t, touched[name], src)
                self._stale_books.discard(name)
                if view.checks:
                    news = token.news()
                    self._count(news, FEED_POLYMARKET, known.key)
                    found = (*found, *news)
                views.append(view)
            else:
                views.append(token.view)
        up, down = views
        pair_ok = False
        if up is not None and down is not None and up.ok and down.ok and abs(up.x - down.x) <= bounds.pair_skew:
            pair_ok = True
            tear = max(abs(up.bids[0][0] + down.asks[0][0] - PIP), abs(up.asks[0][0] + down.bids[0][0] - PIP))
            if tear > bounds.parity:
                found = (*found, Reason.PARITY_BROKEN)
                self._find(FEED_POLYMARKET, known.key, Reason.PARITY_BROKEN)
        event = Book(self._next(), t, src, known.asset, found, known.key, up, down, pair_ok)
        self._emit(event, FEED_POLYMARKET)

    def _token(self, name: str) -> Token:
        token = self._tokens.get(name)
        if token is None:
            token = self._tokens[name] = Token(name)
            held = self._known.by_token.get(name)
            if held is not None:
                token.tick = held[0].tick
        return token

    # --- Coinbase --------------------------------------------------------------------------------------------------

    def _coinbase(self, src: Src, frame: bytes, envelope: Envelope, checks: tuple[str, ...]) -> None:
        message = decode_coinbase(frame)
        conn = envelope.conn
        x = exchange_time(message)
        sequence = self._sequences.get(conn)
        if sequence is None:
            sequence = self._sequences[conn] = Connection()
        finding = sequence.check(message.sequence_num)
        if finding:
            checks = (*checks, finding)
            self._find(FEED_COINBASE, conn, finding)
            if finding != Reason.SEQUENCE_GAP:
                self._note(src, FEED_COINBASE, conn, "ignored", f"sequence {message.sequence_num}", checks)
                return
            self._invalidate(src, Reason.SEQUENCE_GAP, conn)
        touched: dict[str, list[tuple[int, int]]] = {}
        channel = message.channel
        for event in message.events or ():
            if channel == "l2_data":
                product = self._product(event.product_id)
                if event.type == "snapshot":
                    product.snapshot(event.updates or [], conn)
                elif not product.invalid and product.has_book:
                    product.update(event.updates or [])
                touched.setdefault(event.product_id, [])
            elif channel == "ticker":
                for ticker in event.tickers or ():
                    product = self._product(ticker.product_id)
                    product.ticker = MICRO[ticker.price]
                    if not product.wants_book:
                        product.invalid = ""
                        product.conn = conn
                    touched.setdefault(ticker.product_id, [])
            elif channel == "market_trades":
                for trade in event.trades or ():
                    size = MICRO[trade.size]
                    seller = trade.side.upper() == "BUY"  # the maker bought, so the aggressor sold
                    touched.setdefault(trade.product_id, []).append((MICRO[trade.price], -size if seller else size))
            elif channel not in ("heartbeats", "subscriptions", "status", "candles"):
                self._find(FEED_COINBASE, conn, Reason.UNKNOWN_FRAME)
                checks = (*checks, Reason.UNKNOWN_FRAME)
        if not touched:
            self._note(src, FEED_COINBASE, conn, channel[:40], "", checks)
            return
        for name, trades in touched.items():
            product = self._product(name)
            price, bids, asks, ok, found = product.judge(self._bounds, self._t, x)
            if found:
                self._count(found, FEED_COINBASE, name)
            if ok:
                product.latest = self._t
                self._stale_spots.discard(product.asset)
            all_checks = (*checks, *found)
            self._emit(
                Spot(
                    self._next(), self._t, src, product.asset, all_checks, name, price, bids, asks, x, ok, tuple(trades)
                ),
                FEED_COINBASE,
            )

    def _product(self, name: str) -> Product:
        product = self._products.get(name)
        if product is None:
            product = self._products[name] = Product(name)
        return product

    # --- what is not a frame ---------------------------------------------------------------------------------------

    def _input(self, record: Stored) -> None:
        src = (record.topic, record.partition, record.offset)
        if record.topic not in (CONTROL, EXECUTIONS, MODELS):
            self._reject(record, src, "", Reason.DECODE_ERROR, "a feed record without envelope")
            return
        try:
            payload = record.value.decode()
        except UnicodeDecodeError as cause:
            self._reject(record, src, "", Reason.DECODE_ERROR, str(cause))
            return
        self._emit(Input(self._next(), self._t, src, "", (), record.topic, payload), "inputs")  # type: ignore[arg-type]

    def _lost(self, lost: Lost) -> None:
        self._invalidate(NO_SRC, Reason.RECORDER_GAP)
        self._sequences.clear()
        for _ in range(lost.first, lost.last + 1):
            self._find(FEED_CLOCK, lost.run, Reason.RECORDER_GAP)
        note = f"run {lost.run}: records {lost.first} to {lost.last}"
        event = Feed(self._next(), self._t, NO_SRC, "", (Reason.RECORDER_GAP,), "recorder", "", "lost", note)
        self._emit(event, FEED_CLOCK)

    def _reject(self, record: Stored, src: Src, conn: str, reason: Reason, detail: str) -> None:
        letter = DeadLetter(
            id=f"{record.topic}-{record.partition}-{record.offset}",
            timestamp=self._t,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=reason,
            detail=detail[:500],
            frame=record.value[:4096].decode("utf-8", "backslashreplace"),
        )
        self._out.append(Message(DEAD_LETTER, record.topic, letter.canonical(), self._t, PRODUCER, self._dead))
        self._dead += 1
        self._find(record.topic, conn, reason)
        self._emit(Rejected(self._next(), self._t, src, "", (reason,), record.topic, conn, detail[:200]), record.topic)

    def _note(self, src: Src, feed: str, conn: str, what: str, note: str, checks: tuple[str, ...]) -> None:
        self._emit(Feed(self._next(), self._t, src, "", checks, feed, conn, what, note), feed)

    # --- shared ----------------------------------------------------------------------------------------------------

    def _invalidate(self, src: Src, reason: Reason, conn: str | None = None) -> None:
        """What the connection (None: any) kept is unknown until its next snapshot; the journal says so at once."""
        markets: dict[str, Known] = {}
        for name, token in self._tokens.items():
            sound = not token.invalid or token.view.ok or token.invalid == Reason.HASH_MISMATCH
            if sound and (conn is None or token.conn == conn):
                token.invalidate(reason, self._seq, self._t, src)
                token.reported = True  # counted for the connection, not for each of its books
                held = self._known.by_token.get(name)
                if held is not None:
                    markets[held[0].key] = held[0]
        for known in markets.values():
            self._book(src, known, {}, (reason,))
        for name, product in self._products.items():
            if not product.invalid and (conn is None or product.conn == conn):
                product.invalidate(reason)
                event = Spot(self._next(), self._t, src, product.asset, (reason,), name, 0, (), (), 0, False)
                self._emit(event, FEED_COINBASE)

    def _next(self) -> int:
        seq = self._seq
        self._seq = seq + 1
        return seq

    def _emit(self, event: AnyEvent, feed: str) -> None:
        self._emitted = event.seq + 1
        self._out.append(Message(JOURNAL, self._portfolio, encode_event(event), event.t, PRODUCER, event.seq))
        if not event.checks:
            self._pulse.count(MODULES.get(feed, INPUT_MODULE), Verdict.PASS, Reason.OK)

    def _find(self, feed: str, market: str, reason: str) -> None:
        self._out.append(Finding(self._t, feed, market, reason))
        self._pulse.count(MODULES.get(feed, INPUT_MODULE), Verdict.BLOCK, reason)

    def _count(self, reasons: tuple[str, ...], feed: str, market: str) -> None:
        for reason in reasons:
            self._find(feed, market, reason)

    def _gauges(self) -> dict[str, Number]:
        return {"journal": self._seq, "tokens": len(self._tokens), "markets": len(self._known.by_key)}


_WIRE_TICKS = {1000: "0.1", 100: "0.01", 50: "0.005", 25: "0.0025", 10: "0.001", 1: "0.0001"}


def _wire_tick(tick: int) -> str:
    return _WIRE_TICKS[tick]
