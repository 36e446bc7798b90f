"""Frames of Polymarket's market channel, and answers of REST, to what they change and say."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.control_text import control_text
from connectors.polymarket.fields import check_book, check_messages
from connectors.polymarket.rest_books import RestBooks
from connectors.polymarket.salvage import UNREADABLE, Element, Odd, about, salvage
from connectors.polymarket.wire import MarketMessage, decode_frame, object_at
from flows.market_line.connection import Connection
from flows.market_line.feed_state import FeedState
from flows.market_line.journal import Journal
from flows.market_line.markets import Markets
from models.bounds import CheckBounds
from models.journal import Src, Trade
from models.money import MICRO, PIPS
from models.reasons import Reason
from models.timestamps import parse_epoch_ms
from models.topics import FEED_POLYMARKET


class PolymarketFrames:
    """Applies frames to the books, and writes the changes to the journal."""

    def __init__(
        self, journal: Journal, feeds: FeedState, markets: Markets, rest_books: RestBooks, bounds: CheckBounds
    ) -> None:
        self._journal = journal
        self._heard = feeds.heard
        self._known = feeds.known
        self._books = feeds.books
        self._token_books = feeds.books.token_books
        self._markets = markets
        self._rest_books = rest_books
        self._bounds = bounds

    def take(self, src: Src, frame: bytes, conn: str, connection: Connection, checks: tuple[str, ...]) -> str:
        """A frame of the stream, or of the numbering that carries REST. What of it could not be used, or "".

        Raises msgspec.DecodeError and ValueError for a frame that may have been anything."""
        journal = self._journal
        if frame == b"PONG":  # says that somebody is there, not that the feed speaks
            journal.note(src, FEED_POLYMARKET, conn, "pong", "", checks)
            return ""
        if connection.is_rest:
            self._rest(src, frame, conn, checks)
            return ""
        text = control_text(frame)
        if text is not None:
            journal.find(FEED_POLYMARKET, conn, Reason.CONTROL_TEXT)
            journal.note(src, FEED_POLYMARKET, conn, "control", text[:200], (*checks, Reason.CONTROL_TEXT))
            return ""
        self._heard[FEED_POLYMARKET] = connection.heard = journal.t
        if len(frame) > 2 and connection.is_again(frame):
            journal.find(FEED_POLYMARKET, conn, Reason.DUPLICATE_FRAME)
            again = (*checks, Reason.DUPLICATE_FRAME)
            journal.note(src, FEED_POLYMARKET, conn, "ignored", "the same frame again", again)
            return ""
        listed, token = None, None
        try:
            messages = decode_frame(frame)
            first = messages[0] if len(messages) == 1 else None
            if first is not None and first.event_type == "book":  # by far the most bytes, and often the most frames
                listed = self._known.by_token.get(first.asset_id)
            if first is not None and listed is not None:
                check_book(first)
                x = parse_epoch_ms(first.timestamp)
                token = self._token_books.snapshot(src, first, x, frame, conn)
            else:
                check_messages(messages)
        except UNREADABLE:
            return self._apply(src, frame, salvage(frame), conn, checks)
        if listed is not None and token is not None:
            self._books.tell_snapshot(src, listed[0], token, x, checks)
            return ""
        if not messages:
            journal.note(src, FEED_POLYMARKET, conn, "empty", "no book for the subscribed tokens", checks)
            return ""
        return self._apply(src, frame, enumerate(messages), conn, checks)

    def _apply(self, src: Src, frame: bytes, elements: Iterable[Element], conn: str, checks: tuple[str, ...]) -> str:
        """Take a frame's elements in, in order, and tell what changed. What could not be used."""
        touched: dict[str, int] = {}  # token -> exchange time of the change
        doubted: list[str] = []
        why: list[str] = []
        for at, element in elements:
            odd = element
            if not isinstance(odd, Odd):
                try:
                    self._message(src, frame, at, odd, conn, checks, touched)
                    continue
                except UNREADABLE as cause:
                    self._journal.rewind()
                    odd = about(odd, str(cause))
            why.append(f"element {at}: {odd.why}")
            doubted.extend(self._books.doubt(src, odd, conn))
        if touched:
            self._books.tell(src, touched, checks)
        self._books.tell_doubted(src, [name for name in doubted if name not in touched], checks)
        return "" if not why else why[0] + (f" (and {len(why) - 1} more)" if len(why) > 1 else "")

    def _message(
        self,
        src: Src,
        frame: bytes,
        at: int,
        message: MarketMessage,
        conn: str,
        checks: tuple[str, ...],
        touched: dict[str, int],
    ) -> None:
        """The message that stands at ``at`` in the frame."""
        journal = self._journal
        kind = message.event_type
        if kind == "book":
            x = touched[message.asset_id] = parse_epoch_ms(message.timestamp)
            self._token_books.snapshot(src, message, x, object_at(frame, at) if message.hash else None, conn)
        elif kind == "price_change":
            x = parse_epoch_ms(message.timestamp)
            self._token_books.changes(src, message, x)
            for change in message.price_changes or ():
                touched[change.asset_id] = x
        elif kind == "best_bid_ask":
            x = parse_epoch_ms(message.timestamp)
            if self._token_books.best(src, message, x):
                touched[message.asset_id] = x
            elif not touched:
                journal.note(src, FEED_POLYMARKET, conn, kind, "", checks)
        elif kind == "last_trade_price":
            self._last_trade(src, message, checks)
        elif kind == "tick_size_change":
            self._token_books.change_tick(src, message, conn)
            touched[message.asset_id] = parse_epoch_ms(message.timestamp)
        elif kind == "market_resolved":
            self._markets.resolved(src, message, conn, checks)
        elif kind == "new_market":
            self._markets.announced(src, message, conn, checks)
        else:
            journal.find(FEED_POLYMARKET, "", Reason.UNKNOWN_FRAME)
            note = f"event type {kind[:40]!r}"
            journal.note(src, FEED_POLYMARKET, conn, "unknown", note, (*checks, Reason.UNKNOWN_FRAME))

    def _last_trade(self, src: Src, message: MarketMessage, checks: tuple[str, ...]) -> None:
        journal = self._journal
        self._token_books.trade(message)
        listed = self._known.by_token.get(message.asset_id)
        journal.emit(
            Trade(
                journal.next(),
                journal.t,
                src,
                listed[0].market.asset if listed else "",
                checks,
                listed[0].market.key if listed else "",
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
            listed = self._known.by_token.get(message.asset_id)
            key = listed[0].market.key if listed else ""
            note = f"{key or message.asset_id[:20]}: "
            if parse_epoch_ms(message.timestamp) - journal.t > self._bounds.ahead:
                checks = (*checks, Reason.TIMESTAMP_AHEAD)
                journal.find(FEED_POLYMARKET, key, Reason.TIMESTAMP_AHEAD)
                note += "from the future, not compared"
            else:
                note += self._rest_books.take(message, self._books.tokens.get(message.asset_id), journal.t)
            journal.note(src, FEED_POLYMARKET, conn, "rest", note, checks)
