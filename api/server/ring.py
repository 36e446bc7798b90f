"""The last events of the stream, for every client to read at its own pace.

There is one buffer for all clients and it is bounded: a client keeps a position in it and nothing is queued for anyone.
Who falls far behind is told only the latest state of each thing; who falls further behind than the buffer reaches is
dropped. All of it lives on the event loop's thread.

A position is, for each topic, the offset of the last record that was sent: it means the same to every start of the
server, so that a client can go on where it was after a restart too.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

#: Events kept for clients that come back: some minutes of a running system.
CAPACITY: Final = 16_384
#: What an event may be of; an id that names another is none of ours.
TOPICS: Final = (
    "telemetry", "decisions", "orders", "fills", "outcomes", "quality", "answers", "risk", "promotions", "ledger",
    "scans", "journal",
)  # fmt: skip
_LONGEST_ID: Final = 2_000
#: A number as we write it. What else is called a digit (², ٣) is none of ours, nor is one of thousands of digits.
_PLACE: Final = re.compile(r"([a-z.-]{1,40}):([0-9]{1,18})")


class StreamEvent(msgspec.Struct, frozen=True, gc=False):
    """``topic``, ``offset``: the record it was made of. ``data``: one JSON object. ``subject``: what a later event of
    the same kind replaces it for; "" for events that each count."""

    topic: str
    offset: int
    kind: str
    data: str
    strategy: str = ""
    market: str = ""
    subject: str = ""


class Overtaken(Exception):
    """The position is older than what is kept."""


class Ring:
    """``run``: whose records they are. Offsets of another run's topics mean something else."""

    def __init__(self, run: str, capacity: int = CAPACITY) -> None:
        self.run = run
        self.closed = False
        self._events: deque[StreamEvent] = deque(maxlen=capacity)
        self._next = 1
        self._bell = asyncio.Event()
        self._gone: dict[str, int] = {}  # topic -> last offset that is not kept any more
        self._latest: dict[str, int] = {}

    @property
    def end(self) -> int:
        """The number of the next event."""
        return self._next

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is kept."""
        return self._next - len(self._events)

    def append(self, event: StreamEvent) -> None:
        """Add an event; ``ring`` makes it known."""
        if len(self._events) == self._events.maxlen:
            lost = self._events[0]
            self._gone[lost.topic] = lost.offset
        self._gone.setdefault(event.topic, event.offset - 1)
        self._latest[event.topic] = event.offset
        self._events.append(event)
        self._next += 1

    def ring(self) -> None:
        """Wake everyone who waits."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def close(self) -> None:
        """End all streams."""
        self.closed = True
        self.ring()

    def now(self, topics: Iterable[str]) -> dict[str, int]:
        """The position of a client that has everything; -1 for a topic without records."""
        return {topic: self._latest.get(topic, -1) for topic in topics}

    def id_of(self, position: Mapping[str, int]) -> str:
        return f"{self.run}@" + ";".join(f"{topic}:{offset}" for topic, offset in position.items() if offset >= 0)

    def position_after(self, last_id: str, topics: Iterable[str]) -> dict[str, int] | str:
        """Where a client that had ``last_id`` goes on, or why that cannot be done without a gap. A topic that the id
        does not name had no records then."""
        run, at, places = last_id[:_LONGEST_ID].rpartition("@")
        if not at or run != self.run:
            return "the id is of another run" if at else "the id is none of ours"
        given: dict[str, int] = {}
        for place in places.split(";") if places else ():
            match = _PLACE.fullmatch(place)
            if match is None or match[1] not in TOPICS:
                return "the id is none of ours"
            given[match[1]] = int(match[2])
        position: dict[str, int] = {}
        for topic in topics:
            gone, latest = self._gone.get(topic, -1), self._latest.get(topic, -1)
            wanted = given.get(topic)
            if wanted is None and gone < 0:
                position[topic] = -1
            elif wanted is None:
                return f"the id does not say how much of {topic} was had"
            elif wanted < gone:
                return f"records of {topic} after {wanted} are not kept any more"
            elif wanted > latest:
                return f"{topic} ends at {latest}: the id is of another cluster"
            else:
                position[topic] = wanted
        return position

    def read(self, number: int, most: int = 512) -> list[StreamEvent]:
        """Up to ``most`` events from the one numbered ``number`` on. Raises Overtaken when they are gone."""
        if number < self.oldest:
            raise Overtaken
        first = number - self.oldest
        return [self._events[at] for at in range(first, min(first + most, len(self._events)))]

    async def wait(self, number: int) -> None:
        """Return once there is an event numbered ``number``, or the ring is closed."""
        while self._next <= number and not self.closed:
            await self._bell.wait()
