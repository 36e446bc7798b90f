"""Frames of Coinbase's channels to what they change and say."""

from __future__ import annotations

from connectors.coinbase.fields import check_channel
from connectors.coinbase.wire import ChannelMessage, decode_frame
from connectors.control_text import control_text
from flows.market_line.coinbase import examine, exchange_time
from flows.market_line.feed_state import FeedState
from flows.market_line.journal import Journal
from models.journal import Src
from models.money import MICRO
from models.reasons import Reason
from models.topics import FEED_COINBASE

_KNOWN = ("l2_data", "ticker", "market_trades", "heartbeats", "subscriptions", "status", "candles")


class CoinbaseFrames:
    """Applies frames to the feeds' state, and writes the changes to the journal."""

    def __init__(self, journal: Journal, feeds: FeedState) -> None:
        self._journal = journal
        self._feeds = feeds

    def take(self, src: Src, frame: bytes, conn: str, checks: tuple[str, ...]) -> None:
        """A frame. Raises msgspec.DecodeError and ValueError."""
        journal, feeds = self._journal, self._feeds
        text = control_text(frame)
        if text is not None:
            journal.find(FEED_COINBASE, conn, Reason.CONTROL_TEXT)
            journal.note(src, FEED_COINBASE, conn, "control", text[:200], (*checks, Reason.CONTROL_TEXT))
            return
        feeds.heard[FEED_COINBASE] = journal.t
        message = decode_frame(frame)
        x = exchange_time(message)
        check_channel(message)
        sequence = feeds.sequence(conn)
        finding = sequence.check(message.sequence_num)
        if finding:
            checks = (*checks, finding)
            if finding != Reason.SEQUENCE_GAP:
                journal.find(FEED_COINBASE, conn, finding)
                journal.note(src, FEED_COINBASE, conn, "ignored", f"sequence {message.sequence_num}", checks)
                return
            feeds.invalidate(src, Reason.SEQUENCE_GAP, conn)
        touched: dict[str, list[tuple[int, int]]] = {}  # product -> its trades
        priced: set[str] = set()  # products of which the frame has a price, not only trades
        channel = message.channel
        try:
            if channel == "l2_data":
                self._levels(message, conn, touched, priced)
            elif channel == "ticker":
                self._tickers(message, conn, touched, priced)
            elif channel == "market_trades":
                self._trades(message, touched)
        except (
            ValueError,
            OverflowError,
        ):  # a frame is read whole or not at all; the next one tells of what was lost before it
            sequence.take_back()
            raise
        if finding:
            journal.find(FEED_COINBASE, conn, finding)
        if channel not in _KNOWN:
            for _ in message.events or ():
                journal.find(FEED_COINBASE, conn, Reason.UNKNOWN_FRAME)
                checks = (*checks, Reason.UNKNOWN_FRAME)
        if not touched:
            journal.note(src, FEED_COINBASE, conn, channel[:40], "", checks)
            return
        for name, trades in touched.items():
            feeds.spots.tell(src, name, x, name in priced, trades, checks)

    def _levels(
        self, message: ChannelMessage, conn: str, touched: dict[str, list[tuple[int, int]]], priced: set[str]
    ) -> None:
        for event in message.events or ():
            product = self._feeds.spots.product(event.product_id)
            if event.type == "snapshot":
                product.snapshot(event.updates or [], conn)
            elif not product.invalid and product.has_book:
                product.update(event.updates or [])
            else:
                examine(event.updates or [])
            touched.setdefault(event.product_id, [])
            priced.add(event.product_id)

    def _tickers(
        self, message: ChannelMessage, conn: str, touched: dict[str, list[tuple[int, int]]], priced: set[str]
    ) -> None:
        for event in message.events or ():
            for ticker in event.tickers or ():
                product = self._feeds.spots.product(ticker.product_id)
                product.ticker = MICRO[ticker.price]
                if not product.wants_book:
                    product.invalid = ""
                    product.conn = conn
                    priced.add(ticker.product_id)
                touched.setdefault(ticker.product_id, [])

    def _trades(self, message: ChannelMessage, touched: dict[str, list[tuple[int, int]]]) -> None:
        """New trades. A snapshot, which begins each subscription, holds past ones, and an update may repeat some."""
        latest: dict[str, int] = {}
        for event in message.events or ():
            for trade in event.trades or ():
                name = trade.product_id
                price, size = MICRO[trade.price], MICRO[trade.size]
                trades = touched.setdefault(name, [])
                number = _number(trade.trade_id)
                latest[name] = max(latest.get(name, 0), number)
                if event.type == "snapshot" or 0 < number <= self._feeds.spots.product(name).last_trade:
                    continue
                seller = trade.side.upper() == "BUY"  # the maker bought, so the aggressor sold
                trades.append((price, -size if seller else size))
        for name, number in latest.items():
            product = self._feeds.spots.product(name)
            product.last_trade = max(product.last_trade, number)


def _number(trade_id: str) -> int:
    """Trade ids rise within a product; 0 for one that is no number."""
    return int(trade_id) if trade_id.isascii() and trade_id.isdecimal() and len(trade_id) < 19 else 0
