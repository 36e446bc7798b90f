"""The Coinbase door: Advanced Trade market data, one connection for all products.

``sequence_num`` counts every message of a connection, whatever its channel, from 0. A number that does not follow
its predecessor means that something is missing for all products, and so does a frame that cannot be read; nothing can
be asked for again: the door gives the connection up and the next one begins with new snapshots.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from connectors.clock import NS, FeedClock, patience
from connectors.coinbase.fields import check_frame
from connectors.control_text import control_text
from connectors.recorder.link import Dialler, Hearer, Link, LinkFault, LinkRules
from connectors.recorder.pacing import RateLimiter
from connectors.recorder.pulse import ModulePulse
from connectors.recorder.writer import FeedWriter
from models.settings import Feeds
from models.topics import FEED_COINBASE

CHANNELS: Final = ("heartbeats", "level2", "market_trades", "ticker")
SILENCE_S: Final = 5.0  # heartbeats come each second: five missing ones are a dead connection
LEVEL2_SILENCE_S: Final = 10.0  # heartbeats and no book of any product: the channel is frozen
DIALS: Final = (4.0, 4)  # connections a second and at once; 8 a second are allowed
MESSAGES: Final = (4.0, 4)  # subscriptions likewise
_UNREADABLE: Final = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
_NUMBER: Final = re.compile(rb'"sequence_num"\s*:\s*(\d{1,18})\s*[,}]')


def sequence_number(frame: bytes) -> int | None:
    """The frame's ``sequence_num``, without decoding the rest; None where it has none."""
    found = _NUMBER.search(frame)
    return int(found[1]) if found is not None else None


class SequenceTracker:
    """Follows the numbering of one connection."""

    def __init__(self) -> None:
        self.last: int | None = None

    def follow(self, number: int | None) -> str:
        """Empty, or what is wrong with ``number`` after those before. A first number other than 0 is accepted: only
        what is missing between two frames can be known."""
        if number is None:
            return ""
        last, self.last = self.last, number
        if last is None or number == last + 1:
            return ""
        return f"sequence_num {number} after {last}"


class CoinbaseObserver(Protocol):
    """Who looks at what the door receives."""

    def coinbase(self, conn: str, frame: bytes, t: int) -> None: ...

    def closed(self, conn: str) -> None: ...


class CoinbaseDoor:
    """Runs the one connection. ``run`` ends only by cancellation."""

    def __init__(
        self,
        feeds: Feeds,
        writer: FeedWriter,
        clock: FeedClock,
        url: str | None = None,
        observer: CoinbaseObserver | None = None,
        dial: Dialler = Link,
    ) -> None:
        self.pulse = ModulePulse("connection.coinbase")
        self._products = tuple(f"{asset}-USD" for asset in feeds.assets)
        self._tracked = ""  # the connection whose numbers are followed
        self._tracker = SequenceTracker()
        self._clock = clock
        self._observer = observer
        self._messages = RateLimiter(*MESSAGES)
        self._level2_ns = 0
        self._silence_ns = int(patience(clock, LEVEL2_SILENCE_S) * clock.speed * NS)
        rules = LinkRules(
            url=url or feeds.coinbase_ws,
            user_agent=feeds.user_agent,
            silence_s=min(SILENCE_S, feeds.silence_s),
            backoff_min_s=feeds.backoff_min_s,
            backoff_max_s=feeds.backoff_max_s,
            dials=RateLimiter(*DIALS),
        )
        self._link = dial("coinbase", FEED_COINBASE, rules, self, writer, clock, self.pulse)

    @property
    def conn(self) -> str:
        """Id of the standing connection; empty without one."""
        return self._link.conn

    async def run(self) -> None:
        await self._link.run()

    async def give_up(self, conn: str, why: str) -> None:
        """Close the connection ``conn``, if it still stands; the next one follows."""
        if conn and conn == self._link.conn:
            await self._link.give_up(why)

    async def ready(self) -> None:
        """The products are fixed: always."""

    async def greet(self, socket: Hearer) -> str:
        for message in subscriptions(self._products):
            await self._messages.wait()
            await socket.send(message)
        return f"{', '.join(CHANNELS)} of {', '.join(self._products)}"

    def admit(self, frame: bytes, conn: str, t: int) -> None:
        if conn != self._tracked:  # its first frame, which may well come before we have asked for anything
            self._tracked, self._tracker, self._level2_ns = conn, SequenceTracker(), t
        if self._observer is not None:
            self._observer.coinbase(conn, frame, t)
        head = frame[:64]
        if b'"l2_data"' in head:
            self._level2_ns = t
        elif b'"heartbeats"' in head and t - self._level2_ns > self._silence_ns:
            self.pulse.count("level2_silences")
            raise LinkFault(f"heartbeats, and no level2 for {(t - self._level2_ns) / NS:.1f} s")
        wrong = self._tracker.follow(sequence_number(frame))
        if wrong:
            self.pulse.count("sequence_gaps")
            raise LinkFault(wrong)
        if frame.startswith(b'{"type":"error"'):
            self.pulse.count("errors")
            raise LinkFault(f"the exchange answered {frame[:200].decode(errors='replace')}")
        try:
            if control_text(frame) is None:
                check_frame(frame)
        except _UNREADABLE as cause:  # what it said cannot be asked for again, only all of it anew
            self.pulse.count("unreadable")
            raise LinkFault(f"a frame that cannot be read: {str(cause)[:200]}") from None

    def closed(self, conn: str) -> None:
        if self._observer is not None:
            self._observer.closed(conn)

    def expects_data(self) -> bool:
        return True


def subscriptions(products: Sequence[str]) -> list[str]:
    """The subscribe messages: one a channel; heartbeats take no products."""
    messages = []
    for channel in CHANNELS:
        body: dict[str, object] = {"type": "subscribe", "channel": channel}
        if channel != "heartbeats":
            body["product_ids"] = list(products)
        messages.append(json.dumps(body))
    return messages
