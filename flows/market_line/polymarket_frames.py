"""Frames of Polymarket's market channel, and answers of REST, to what they change and say."""

from __future__ import annotations

from connectors.polymarket.wire import MarketMessage, decode_frame, object_at
from flows.market_line.bounds import Bounds
from flows.market_line.connection import Connection
from flows.market_line.fields import check_book, check_messages
from flows.market_line.journal import Journal
from flows.market_line.kept import Kept
from flows.market_line.markets import Markets
from flows.market_line.rest import RestBooks
from flows.market_line.token import Token, hash_differs, hashed_price
from models.journal import Src, Trade
from models.money import MICRO, PIP, PIPS, SHARE
from models.reasons import Reason
from models.timestamps import parse_epoch_ms
from models.topics import FEED_POLYMARKET

_WIRE_TICKS = {1000: "0.1", 100: "0.01", 50: "0.005", 25: "0.0025", 10: "0.001", 1: "0.0001"}


class PolymarketFrames:
    """Applied to the kept books; the journal is told."""

    def __init__(self, journal: Journal, kept: Kept, markets: Markets, rest_books: RestBooks, bounds: Bounds) -> None:
        self._journal = journal
        self._heard = kept.heard
        self._known = kept.known
        self._books = kept.books
        self._markets = markets
        self._rest_books = rest_books
        self._bounds = bounds

    def take(self, src: Src, frame: bytes, conn: str, connection: Connection, checks: tuple[str, ...]) -> None:
        """A frame of the stream, or of the numbering that carries REST. Raises msgspec.DecodeError and ValueError."""
        journal = self._journal
        if frame == b"PONG":  # says that somebody is there, not that the feed speaks
            journal.note(src, FEED_POLYMARKET, conn, "pong", "", checks)
            return
        if connection.is_rest:
            self._rest(src, frame, conn, checks)
            return
        self._heard[FEED_POLYMARKET] = connection.heard = journal.t
        if len(frame) > 2 and connection.is_again(frame):
            journal.find(FEED_POLYMARKET, conn, Reason.DUPLICATE_FRAME)
            again = (*checks, Reason.DUPLICATE_FRAME)
            journal.note(src, FEED_POLYMARKET, conn, "ignored", "the same frame again", again)
            return
        messages = decode_frame(frame)
        if not messages:
            journal.note(src, FEED_POLYMARKET, conn, "empty", "no book for the subscribed tokens", checks)
            return
        first = messages[0]
        if len(messages) == 1 and first.event_type == "book":  # by far the most bytes, and often the most frames
            held = self._known.by_token.get(first.asset_id)
            if held is not None:
                check_book(first)
                x = parse_epoch_ms(first.timestamp)
                token = self._snapshot(src, first, x, frame, 0, conn)
                self._books.tell_snapshot(src, held[0], token, x, checks)
                return
        check_messages(messages)
        touched = self._apply(src, frame, messages, conn, checks)
        if touched:
            self._books.tell(src, touched, checks)

    def _apply(
        self, src: Src, frame: bytes, messages: list[MarketMessage], conn: str, checks: tuple[str, ...]
    ) -> dict[str, int]:
        """Take a frame's messages in, in order: tokens whose book changed, with the exchange time of the change."""
        journal = self._journal
        touched: dict[str, int] = {}
        for at, message in enumerate(messages):
            kind = message.event_type
            if kind == "book":
                x = touched[message.asset_id] = parse_epoch_ms(message.timestamp)
                self._snapshot(src, message, x, frame, at, conn)
            elif kind == "price_change":
                x = parse_epoch_ms(message.timestamp)
                self._changes(src, message, x)
                for change in message.price_changes or ():
                    touched[change.asset_id] = x
            elif kind == "best_bid_ask":
                self._compare_best(src, message, touched)
                if not touched:
                    journal.note(src, FEED_POLYMARKET, conn, kind, "", checks)
            elif kind == "last_trade_price":
                self._last_trade(src, message, checks)
            elif kind == "tick_size_change":
                token = self._books.token(message.asset_id)
                token.invalidate(Reason.NO_SNAPSHOT, journal.seq, journal.t, src)
                token.reported = True  # it is announced, and no fault
                token.tick = PIPS[message.new_tick_size]
                touched[message.asset_id] = parse_epoch_ms(message.timestamp)
            elif kind == "market_resolved":
                self._markets.resolved(src, message, conn, checks)
            elif kind == "new_market":
                self._markets.announced(src, message, conn, checks)
            else:
                journal.find(FEED_POLYMARKET, "", Reason.UNKNOWN_FRAME)
                note = f"event type {kind[:40]!r}"
                journal.note(src, FEED_POLYMARKET, conn, "unknown", note, (*checks, Reason.UNKNOWN_FRAME))
        return touched

    def _snapshot(self, src: Src, message: MarketMessage, x: int, frame: bytes, at: int, conn: str) -> Token:
        """Take the ``book`` message that stands at ``at`` in the frame, of exchange time ``x`` (Unix ns)."""
        token = self._books.tokens.get(message.asset_id) or self._books.token(message.asset_id)
        if token.conn != conn:
            token.last_trade_price = None
        price = message.last_trade_price if message.last_trade_price is not None else token.last_trade_price
        mismatch = False
        if price is not None and message.hash:
            held = self._known.by_token.get(message.asset_id)
            min_size = held[0].min_size // SHARE if held else 5
            tick = message.tick_size or _WIRE_TICKS[token.tick]
            mismatch = hash_differs(message, object_at(frame, at), price, tick, str(min_size))
        token.snapshot(message, conn, src, self._journal.t, x, mismatch, self._bounds)
        return token

    def _changes(self, src: Src, message: MarketMessage, x: int) -> None:
        journal = self._journal
        last: dict[str, int] = {}
        changes = message.price_changes or ()
        for at, change in enumerate(changes):
            token = self._books.token(change.asset_id)
            if token.invalid:
                continue
            if change.asset_id not in last:
                late = token.lateness(x, journal.t, False, self._bounds)
                if late:  # a total of before, over one of after: what the book is now cannot be known
                    token.invalidate(late, journal.seq, journal.t, src)
                    continue
            token.change(change)
            last[change.asset_id] = at
        for name, at in last.items():
            token = self._books.tokens[name]
            if token.best_differs(changes[at]):
                token.invalidate(Reason.BEST_MISMATCH, journal.seq, journal.t, src)

    def _compare_best(self, src: Src, message: MarketMessage, touched: dict[str, int]) -> None:
        token = self._books.tokens.get(message.asset_id)
        if token is None or token.invalid:
            return
        for stated, side in ((message.best_bid, token.bids), (message.best_ask, token.asks)):
            if stated is None or stated == "":
                continue
            best = side.best()
            price = PIPS[stated]
            if (price in (0, PIP) and best is not None) or (0 < price < PIP and best != price):
                token.invalidate(Reason.BEST_MISMATCH, self._journal.seq, self._journal.t, src)
                touched[message.asset_id] = parse_epoch_ms(message.timestamp)
                return

    def _last_trade(self, src: Src, message: MarketMessage, checks: tuple[str, ...]) -> None:
        journal = self._journal
        token = self._books.token(message.asset_id)
        token.last_trade_price = hashed_price(message.price)
        held = self._known.by_token.get(message.asset_id)
        journal.emit(
            Trade(
                journal.next(),
                journal.t,
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

    def _rest(self, src: Src, frame: bytes, conn: str, checks: tuple[str, ...]) -> None:
        """An answer of REST ``/book``: never applied, only compared."""
        journal = self._journal
        for message in decode_frame(frame):
            if not message.is_rest_book:
                raise ValueError("not an answer of /book")
            held = self._known.by_token.get(message.asset_id)
            key = held[0].key if held else ""
            note = f"{key or message.asset_id[:20]}: "
            if parse_epoch_ms(message.timestamp) - journal.t > self._bounds.ahead:
                checks = (*checks, Reason.TIMESTAMP_AHEAD)
                journal.find(FEED_POLYMARKET, key, Reason.TIMESTAMP_AHEAD)
                note += "from the future, not compared"
            else:
                note += self._rest_books.take(message, self._books.tokens.get(message.asset_id), journal.t)
            journal.note(src, FEED_POLYMARKET, conn, "rest", note, checks)
