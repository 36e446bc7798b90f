"""The last events of the stream, for every client to read at its own pace.

There is one buffer for all clients and it is bounded: a client keeps a position in it and nothing is queued for anyone.
Who falls further behind than the buffer reaches is dropped. All of it lives on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from typing import Final

#: Events kept for clients that come back: some minutes of a running system.
CAPACITY: Final = 8_192
#: A number as we write it. What else is called a digit (², ٣) is none of ours, nor is one of thousands of digits.
_NUMBER: Final = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """``number``: from 1 without a gap since the server's start. ``data``: one JSON object."""

    number: int
    kind: str
    data: str


class Overtaken(Exception):
    """The position is older than what is kept."""


class Ring:
    """``start`` is a name for this start of the server; ids are ``<start>-<number>``."""

    def __init__(self, start: str, capacity: int = CAPACITY) -> None:
        self.start = start
        self.closed = False
        self._events: deque[StreamEvent] = deque(maxlen=capacity)
        self._next = 1
        self._bell = asyncio.Event()

    @property
    def end(self) -> int:
        """The number of the next event."""
        return self._next

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is kept."""
        return self._next - len(self._events)

    def id_of(self, number: int) -> str:
        return f"{self.start}-{number}"

    def append(self, kind: str, data: str) -> None:
        """Add an event; ``ring`` makes it known."""
        self._events.append(StreamEvent(self._next, kind, data))
        self._next += 1

    def ring(self) -> None:
        """Wake everyone who waits."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def close(self) -> None:
        """End all streams."""
        self.closed = True
        self.ring()

    def position_after(self, last_id: str) -> int | None:
        """Where a client that had ``last_id`` goes on; None when that cannot be done without a gap."""
        start, _, number = last_id.rpartition("-")
        if start != self.start or not _NUMBER.fullmatch(number):
            return None
        position = int(number) + 1
        return position if self.oldest <= position <= self._next else None

    def read(self, position: int, most: int = 256) -> list[StreamEvent]:
        """Up to ``most`` events from ``position`` on. Raises Overtaken when they are gone."""
        if position < self.oldest:
            raise Overtaken
        first = position - self.oldest
        return [self._events[at] for at in range(first, min(first + most, len(self._events)))]

    async def wait(self, position: int) -> None:
        """Return once there is an event at ``position``, or the ring is closed."""
        while self._next <= position and not self.closed:
            await self._bell.wait()
