"""Stamps every feed record on receipt: time, run, the one sequence over all feed topics, and the connection's number.

The stamps are given synchronously, on the event loop that reads the sockets, before anything can wait. Where the
records go is the business of an ``Outlet``: Kafka in the recorder, a list in a test.
"""

from __future__ import annotations

import time
from typing import Protocol

from connectors.clock import FeedClock
from models.envelope import Envelope
from models.markers import Marker, Notice, Own, encode_own
from models.message import Message
from models.topics import FEEDS

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Outlet(Protocol):
    """Takes records without ever waiting."""

    def put(self, message: Message) -> None:
        """Raises models.failures.Failure when there is no room left."""
        ...


def run_id(now_ns: int | None = None) -> str:
    """A recorder run's name: ``r`` and the start in base 36, so that names sort by time."""
    rest = time.time_ns() if now_ns is None else now_ns
    digits = ""
    while rest:
        rest, digit = divmod(rest, 36)
        digits = DIGITS[digit] + digits
    return "r" + digits.rjust(12, "0")


class FeedWriter:
    """The only writer of the feed topics in a recorder run."""

    def __init__(self, run: str, source: str, clock: FeedClock, outlet: Outlet) -> None:
        self.run = run
        self.source = source
        self.clock = clock
        self.seq = 0
        self._outlet = outlet
        self._last_ns = 0
        self._named: dict[str, int] = {}
        self._own = Line(self, f"{run}.recorder")
        self._notices: dict[str, Line] = {}

    def now_ns(self) -> int:
        """The clock's time, never before the last stamp given."""
        return max(self.clock.now_ns(), self._last_ns)

    def publish(self, topic: str, key: str, frame: bytes, conn: str, n: int, recv_ns: int | None = None) -> Envelope:
        """Stamp ``frame`` and pass it on. ``recv_ns``: when it was received, if that was read before."""
        now = self.now_ns() if recv_ns is None else max(recv_ns, self._last_ns)
        envelope = Envelope(now, self.run, self.seq, conn, n)
        self._outlet.put(Message(topic, key, frame, now, envelope=envelope.encode()))
        self._last_ns = now
        self.seq += 1
        return envelope

    def line(self, name: str) -> Line:
        """A new connection's numbering; its id is made of the run, ``name`` and how many of that name there were."""
        count = self._named.get(name, 0)
        self._named[name] = count + 1
        return Line(self, f"{self.run}.{name}{count}")

    def start(self) -> None:
        """The ``start`` marker into every feed topic."""
        for topic in FEEDS:
            self._own.publish(topic, encode_own(Marker("start", self.run, self.source)))

    def end(self) -> None:
        """The ``end`` marker into every feed topic; nothing may follow."""
        for topic in FEEDS:
            self._own.publish(topic, encode_own(Marker("end", self.run, self.source)))

    def notice(self, topic: str, record: Notice) -> None:
        """What a door has to say, in ``topic``, on a numbering of its own."""
        line = self._notices.get(topic)
        if line is None:
            line = self._notices[topic] = Line(self, f"{self.run}.notices-{topic.removeprefix('feed.')}")
        line.publish(topic, encode_own(record), key=record.conn)


class Line:
    """The gapless numbering of one connection."""

    def __init__(self, writer: FeedWriter, conn: str) -> None:
        self.conn = conn
        self.n = 0
        self._writer = writer

    def publish(self, topic: str, frame: bytes, key: str = "", recv_ns: int | None = None) -> Envelope:
        """``frame`` as this connection's next one. ``key``: the connection id unless given."""
        envelope = self._writer.publish(topic, key or self.conn, frame, self.conn, self.n, recv_ns)
        self.n += 1
        return envelope

    def own(self, topic: str, record: Own, key: str = "", recv_ns: int | None = None) -> Envelope:
        """A record of our own as this connection's next one."""
        return self.publish(topic, encode_own(record), key, recv_ns)
