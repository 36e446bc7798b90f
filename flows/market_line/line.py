"""The line of the market flow: one feed record in, its journal events out, in the recorder's one order.

Everything here is a function of the records alone: time is their receive time, silence is noticed by the recorder's
ticks, and state is kept in plain objects that a snapshot can hold.

A record's journey: its connection's numbering, then by topic and kind to the room that reads it (``polymarket_frames``,
``coinbase_frames``, ``markets``; markers, notices and ticks here), which changes the state (``books``, ``spots``,
``definitions``) and writes to the journal.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from connectors.polymarket.rest_books import RestBooks
from flows.beat import Beats
from flows.market_line.ageing import Ageing
from flows.market_line.asset_health import AssetHealth
from flows.market_line.coinbase_frames import CoinbaseFrames
from flows.market_line.feed_state import FeedState
from flows.market_line.health import HealthSignal
from flows.market_line.journal import INPUT_MODULE, MODULES, PRODUCER, Journal, Out
from flows.market_line.markets import Markets
from flows.market_line.polymarket_frames import PolymarketFrames
from flows.market_line.suspects import Suspects
from flows.market_line.suspicion_judge import SuspicionJudge
from models.bounds import CheckBounds
from models.configuration import decode_statement
from models.contracts import Number
from models.envelope import not_an_envelope
from models.inputs import read_input
from models.journal import NO_SRC, Configuration, Feed, Input, Src
from models.markers import OWN_PREFIX, Marker, Notice, Tick, decode_own
from models.message import Lost, Stored
from models.reasons import Reason
from models.settings import Checks
from models.timestamps import SECOND
from models.topics import CONFIGURATION, FEED_CLOCK, FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, INPUTS

__all__ = ["INPUT_MODULE", "MODULES", "PRODUCER", "MarketLine", "Out"]

_UNREADABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)  # nested too deep, a number too great


class MarketLine:
    """Feed records to journal events. ``advance`` and ``advance_all`` are the whole interface."""

    def __init__(self, bounds: CheckBounds, portfolio: str, telemetry_ns: int = SECOND) -> None:
        """``telemetry_ns``: event time between two records of telemetry."""
        self._bounds = bounds
        self._run = ""
        self._beats = Beats(bounds.window_s * SECOND)
        self._journal = journal = Journal(portfolio, bounds.window_s * SECOND, telemetry_ns)
        self._feeds = feeds = FeedState(journal, bounds)
        self._suspects = Suspects(bounds.checks)
        self._asset_health = AssetHealth()
        self._ageing = Ageing(journal, feeds, bounds)
        rest_books = RestBooks()
        self._suspicion_judge = SuspicionJudge(journal, feeds, rest_books, self._suspects, bounds)
        self._markets = Markets(journal, feeds, self._suspects)
        self._polymarket = PolymarketFrames(journal, feeds, self._markets, rest_books, bounds)
        self._coinbase = CoinbaseFrames(journal, feeds)
        self._tokens = feeds.books.tokens
        self._products = feeds.spots.products

    def advance(self, record: Stored | Lost) -> list[Out]:
        """What one record of the merged feeds makes: at least one journal event, and whatever was found."""
        return self.advance_all((record,))

    def advance_all(self, records: Sequence[Stored | Lost]) -> list[Out]:
        """What the records make, one after the other."""
        out: list[Out] = []
        self._journal.out = out
        for record in records:
            if isinstance(record, Lost):
                self._lost(record)
            elif record.envelope:
                self._feed(record)
            else:
                self._input(record)
        return out

    def configured(self, checks: Checks) -> None:
        """The bounds of the checks are others from now on."""
        self._suspects.configured(checks)

    # --- the four feeds -------------------------------------------------------------------------------------------

    def _feed(self, record: Stored) -> None:
        journal = self._journal
        topic, frame = record.topic, record.value
        src = (topic, record.partition, record.offset)
        receipt = record.receipt
        if receipt is None:
            journal.reject(record, src, "", Reason.DECODE_ERROR, not_an_envelope(record.envelope))
            return
        t, conn, n = receipt.recv_ns, receipt.conn, receipt.n
        if t > journal.t:
            journal.t = t
        connections = self._feeds.connections
        connection = connections.by_id.get(conn) or connections.get(conn)
        checks: tuple[str, ...] = ()
        if n == connection.expected:  # nearly always
            connection.expected += 1
        elif not connection.follows(n):
            checks = (Reason.CONNECTION_GAP,)
            self._feeds.invalidate(src, Reason.CONNECTION_GAP, conn)
            journal.find(topic, conn, Reason.CONNECTION_GAP)
            self._feeds.sequences.pop(conn, None)
        if journal.t - t > self._bounds.old and not frame.startswith(OWN_PREFIX):
            self._refuse(record, src, t, conn)
            return
        before = journal.emitted
        unused = ""
        try:
            if frame.startswith(OWN_PREFIX):
                self._own(record, src, conn, checks)
                return
            if topic == FEED_POLYMARKET:
                unused = self._polymarket.take(src, frame, conn, connection, checks)
            elif topic == FEED_COINBASE:
                self._coinbase.take(src, frame, conn, checks)
            else:
                self._markets.take(src, frame, conn, checks)
            if unused:
                journal.reject(record, src, conn, Reason.DECODE_ERROR, unused)
            elif journal.emitted == before:  # nothing in it to say anything of: it leaves its mark all the same
                journal.note(src, topic, conn, "empty", "", checks)
        except _UNREADABLE as cause:
            journal.rewind()
            self._feeds.invalidate(src, Reason.DECODE_ERROR, conn)
            if topic == FEED_COINBASE:
                self._feeds.sequence(conn).unread()
            journal.reject(record, src, conn, Reason.DECODE_ERROR, str(cause))

    def _refuse(self, record: Stored, src: Src, t: int, conn: str) -> None:
        """A frame from before the line's time: how old anything is is not known until the clock has caught up."""
        journal = self._journal
        self._feeds.invalidate(src, Reason.CLOCK_BACKWARDS)
        if record.topic == FEED_COINBASE:
            self._feeds.sequence(conn).unread()
        behind = (journal.t - t) / SECOND
        detail = (
            f"received {behind:.1f} s before the journal's last event; set the clock right, or begin with empty topics"
        )
        journal.reject(record, src, conn, Reason.CLOCK_BACKWARDS, detail)

    # --- records of our own ---------------------------------------------------------------------------------------

    def _own(self, record: Stored, src: Src, conn: str, checks: tuple[str, ...]) -> None:
        own = decode_own(record.value)
        if isinstance(own, Tick):
            self._tick(src, own, checks)
        elif isinstance(own, Marker):
            self._marker(src, record.topic, conn, own, checks)
        elif isinstance(own, Notice):
            self._notice(src, record.topic, own, checks)

    def _marker(self, src: Src, feed: str, conn: str, marker: Marker, checks: tuple[str, ...]) -> None:
        journal, feeds = self._journal, self._feeds
        if marker.marker == "start" and marker.run != self._run:
            self._run = marker.run
            feeds.invalidate(src, Reason.DISCONNECTED)
            feeds.sequences.clear()
            for gone in feeds.connections.started(conn):
                self._suspects.closed(gone)
            journal.health.restarted(journal.t)
        journal.note(src, feed, conn, f"{marker.marker} of run", marker.run, checks)
        if marker.marker == "end":
            journal.health.ended(feed, journal.t)
            journal.beat(self._gauges(), whole=True)

    def _notice(self, src: Src, feed: str, notice: Notice, checks: tuple[str, ...]) -> None:
        journal, feeds, conn = self._journal, self._feeds, notice.conn
        if notice.state in ("disconnected", "refused"):
            checks = (*checks, Reason.DISCONNECTED)
            feeds.invalidate(src, Reason.DISCONNECTED, conn)
            journal.health.closed(feed, conn, journal.t)
            if feed != FEED_MARKETS:  # HTTP has no connection to lose: its numbering goes on
                feeds.connections.end(conn)
            feeds.sequences.pop(conn, None)
            self._suspects.closed(conn)
            journal.find(feed, conn, Reason.DISCONNECTED)
        elif notice.state == "connected":
            journal.health.opened(feed, conn, journal.t)
        elif notice.state == "frozen":
            checks = (*checks, *self._suspicion_judge.hear(src, notice))
        elif notice.state == "renewed":
            feeds.connections.forget_frames(conn)
            feeds.books.token_books.renewed(notice.tokens)
        elif notice.state == "spool_full":
            checks = (*checks, Reason.SPOOL_FULL)
            journal.find(feed, conn, Reason.SPOOL_FULL)
        journal.note(src, feed, conn, notice.state, notice.why, checks)

    def _tick(self, src: Src, tick: Tick, checks: tuple[str, ...]) -> None:
        journal = self._journal
        self._feeds.books.settle(src)
        self._suspicion_judge.judge(src)
        self._ageing.tick(src, tick, checks)
        journal.out.extend(self._beats.at(journal.t))
        self._report_health()
        for known in self._feeds.known.late(journal.t, self._bounds.resolution_late):
            journal.find(FEED_MARKETS, known.market.key, Reason.RESOLUTION_LATE)
        self._feeds.books.let_go(src)
        self._forget()
        journal.beat(self._gauges())

    def _report_health(self) -> None:
        journal, feeds = self._journal, self._feeds
        health, t = journal.health, journal.t
        health.signal(FEED_CLOCK, HealthSignal.SOUND, t)
        stale = feeds.books.stale | feeds.spots.stale
        self._asset_health.tick(health, self._tokens, feeds.known.by_token, self._products, stale, t)
        for feed in sorted(self._ageing.stale_feeds):
            health.signal(feed, HealthSignal.SILENT, t, Reason.STALE_FEED)

    def _forget(self) -> None:
        """Markets that are long over, and tokens of none that are too many."""
        books = self._feeds.books
        for known in self._feeds.known.forget(self._journal.t):
            books.forget(known)
            for token in known.tokens:
                self._forget_token(token)
        for name in books.forget_unknown():
            self._forget_token(name)

    def _forget_token(self, token: str) -> None:
        if token not in self._tokens:
            self._suspects.forget_token(token)
            self._asset_health.forget(token)

    # --- what is not a frame ---------------------------------------------------------------------------------------

    def _input(self, record: Stored) -> None:
        journal = self._journal
        src = (record.topic, record.partition, record.offset)
        if record.topic not in INPUTS:
            journal.reject(record, src, "", Reason.DECODE_ERROR, "a feed record without envelope")
            return
        if record.topic == CONFIGURATION:
            self._configuration(record, src)
            return
        try:
            payload = record.value.decode()
            read_input(record.topic, record.value)
        except (UnicodeDecodeError, msgspec.MsgspecError) as cause:
            journal.reject(record, src, "", Reason.DECODE_ERROR, str(cause))
            return
        event = Input(journal.next(), journal.t, src, "", (), record.topic, payload)  # type: ignore[arg-type]
        journal.emit(event, "inputs")

    def _configuration(self, record: Stored, src: Src) -> None:
        journal = self._journal
        try:
            stated = decode_statement(record.value)
        except _UNREADABLE as cause:
            journal.reject(record, src, "", Reason.DECODE_ERROR, str(cause))
            return
        settings = msgspec.json.encode(stated.settings).decode()
        event = Configuration(
            journal.next(), journal.t, src, "", (), stated.flow, stated.run, stated.configuration, settings
        )
        journal.emit(event, "inputs")

    def _lost(self, lost: Lost) -> None:
        journal, feeds = self._journal, self._feeds
        feeds.invalidate(NO_SRC, Reason.RECORDER_GAP)
        feeds.connections.lost()
        feeds.sequences.clear()
        journal.find(FEED_CLOCK, lost.run, Reason.RECORDER_GAP, lost.last - lost.first + 1)
        note = f"run {lost.run}: records {lost.first} to {lost.last}"
        checks = (Reason.RECORDER_GAP,)
        event = Feed(journal.next(), journal.t, NO_SRC, "", checks, "recorder", "", "lost", note)
        journal.emit(event, FEED_CLOCK)

    def _gauges(self) -> dict[str, Number]:
        return {"tokens": len(self._tokens), "markets": len(self._feeds.known.by_key)}
