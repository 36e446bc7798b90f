"""What the rooms of the line write to: numbered journal events, dead letters, findings and their counters."""

from __future__ import annotations

from flows.beat import Beat
from flows.market_line.feed_health import FeedHealth
from flows.market_line.findings import Finding
from flows.pulse import FlowPulse
from models.contracts import DeadLetter, Number
from models.journal import AnyEvent, Feed, Rejected, Src, encode_event
from models.message import Message, Stored
from models.reasons import Reason, Verdict
from models.topics import DEAD_LETTER, FEED_CLOCK, FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, JOURNAL

PRODUCER = "market"
MODULES = {
    FEED_POLYMARKET: "integrity.polymarket",
    FEED_COINBASE: "integrity.coinbase",
    FEED_MARKETS: "integrity.markets",
    FEED_CLOCK: "integrity.clock",
}
INPUT_MODULE = "integrity.inputs"  # of everything that is no feed

Out = Message | Finding | Beat


class Journal:
    """``t``: receive time of the record at hand, Unix ns, never decreasing. ``seq``: the next event's number.
    ``emitted``: events that were really made. ``out``: what the record at hand made so far."""

    def __init__(self, portfolio: str, window_ns: int, interval_ns: int) -> None:
        self.t = 0
        self.seq = 0
        self.emitted = 0
        self.out: list[Out] = []
        self.health = FeedHealth(window_ns)
        self._portfolio = portfolio
        self._dead = 0
        self._pulse = FlowPulse(PRODUCER, (*MODULES.values(), INPUT_MODULE), "journal", interval_ns)

    def next(self) -> int:
        """A number for an event that is about to be emitted."""
        seq = self.seq
        self.seq = seq + 1
        return seq

    def rewind(self) -> None:
        """An event that was numbered and could not be made leaves no gap."""
        self.seq = self.emitted

    def emit(self, event: AnyEvent, feed: str) -> None:
        seq = event.seq
        self.emitted = seq + 1
        self.out.append(Message(JOURNAL, self._portfolio, encode_event(event), event.t, PRODUCER, seq))
        if not event.checks:
            self._pulse.passed(MODULES.get(feed, INPUT_MODULE))

    def note(self, src: Src, feed: str, conn: str, what: str, note: str, checks: tuple[str, ...]) -> None:
        """An event for a record that changes no price."""
        self.emit(Feed(self.next(), self.t, src, "", checks, feed, conn, what, note), feed)

    def find(self, feed: str, market: str, reason: str, count: int = 1) -> None:
        """``market``: or the connection on which it was found."""
        self.out.append(Finding(self.t, feed, market, reason, count))
        self._pulse.count(MODULES.get(feed, INPUT_MODULE), Verdict.BLOCK, reason, count)
        self.health.found(feed, reason, self.t)

    def find_all(self, reasons: tuple[str, ...], feed: str, market: str) -> None:
        for reason in reasons:
            self.find(feed, market, reason)

    def reject(self, record: Stored, src: Src, conn: str, reason: Reason, detail: str) -> None:
        """The record goes to the dead letters."""
        letter = DeadLetter(
            id=f"{record.topic}-{record.partition}-{record.offset}",
            timestamp=self.t,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=reason,
            detail=detail[:500],
            frame=record.value[:4096].decode("utf-8", "backslashreplace"),
        )
        self.out.append(Message(DEAD_LETTER, record.topic, letter.canonical(), self.t, PRODUCER, self._dead))
        self._dead += 1
        self.find(record.topic, conn, reason)
        self.emit(Rejected(self.next(), self.t, src, "", (reason,), record.topic, conn, detail[:200]), record.topic)

    def beat(self, gauges: dict[str, Number], whole: bool = False) -> None:
        """The telemetry record, when it is due, when a feed's health changed, or ``whole``."""
        changed = self.health.tick(self.t)
        if whole or self._pulse.is_due(self.t):
            self.out.append(self._pulse.beat(self.t, {"journal": self.seq, **gauges}, self.health.states(), whole))
        elif changed:
            self.out.append(self._pulse.tell(self.t, changed))
