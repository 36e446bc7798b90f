"""The Coinbase door: Advanced Trade market data, one connection for all products.

``sequence_num`` counts every message of a connection, whatever its channel, from 0. A number that does not follow
its predecessor means that something is missing for all products, and nothing can be asked for again: the door gives
the connection up and the next one begins with new snapshots.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from websockets.asyncio.client import ClientConnection

from connectors.clock import Clock
from connectors.recorder.link import Fault, Link, LinkRules
from connectors.recorder.pulse import Pulse
from connectors.recorder.writer import FeedWriter
from models.settings import Feeds
from models.topics import FEED_COINBASE

CHANNELS: Final = ("heartbeats", "level2", "market_trades", "ticker")
SILENCE_S: Final = 5.0  # heartbeats come each second: five missing ones are a dead connection
_NUMBER: Final = b'"sequence_num":'


def sequence_number(frame: bytes) -> int | None:
    """The frame's ``sequence_num``, without decoding the rest; None where it has none."""
    at = frame.find(_NUMBER)
    if at < 0:
        return None
    start = at + len(_NUMBER)
    end = start
    while frame[end : end + 1] in (b" ", b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"):
        end += 1
    digits = frame[start:end].strip()
    return int(digits) if digits else None


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


class CoinbaseDoor:
    """Runs the one connection. ``run`` ends only by cancellation."""

    def __init__(self, feeds: Feeds, writer: FeedWriter, clock: Clock, url: str | None = None) -> None:
        self.pulse = Pulse("door.coinbase")
        self._products = tuple(f"{asset}-USD" for asset in feeds.assets)
        self._tracker = SequenceTracker()
        rules = LinkRules(
            url=url or feeds.coinbase_ws,
            user_agent=feeds.user_agent,
            silence_s=min(SILENCE_S, feeds.silence_s),
            backoff_min_s=feeds.backoff_min_s,
            backoff_max_s=feeds.backoff_max_s,
        )
        self._link = Link("coinbase", FEED_COINBASE, rules, self, writer, clock, self.pulse)

    async def run(self) -> None:
        await self._link.run()

    async def ready(self) -> None:
        """The products are fixed: always."""

    async def greet(self, socket: ClientConnection) -> str:
        self._tracker = SequenceTracker()
        for message in subscriptions(self._products):
            await socket.send(message)
        return f"{', '.join(CHANNELS)} of {', '.join(self._products)}"

    def admit(self, frame: bytes) -> None:
        wrong = self._tracker.follow(sequence_number(frame))
        if wrong:
            self.pulse.count("sequence_gaps")
            raise Fault(wrong)
        if frame.startswith(b'{"type":"error"'):
            self.pulse.count("errors")
            raise Fault(f"the exchange answered {frame[:200].decode(errors='replace')}")

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
