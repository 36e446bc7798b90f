"""One client's stream of events, from where it was on, with heartbeats in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final

from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from api.server.ring import Overtaken, Ring, StreamEvent

PING_S: Final = 3.0
#: A client that does not take what it is sent for this long is dropped; it may come back with its last id.
SEND_TIMEOUT_S: Final = 10.0
#: Behind by more of its own events than this, a client gets only the latest of each module, market and scan.
BEHIND: Final = 2_000
#: Between two sends to one client: many clients shall not keep the loop from reading.
_PAUSE_S: Final = 0.05
#: How long a client waits for the server to have read what was there before: then it is told to begin anew.
READY_S: Final = 15.0
_RETRY_MS: Final = 1_000
#: What a client gets that names nothing.
DEFAULT: Final = ("telemetry", "decisions", "orders", "fills", "outcomes", "quality", "answers", "risk")


class Figures:
    """What the streams did, all together."""

    def __init__(self) -> None:
        self.open = 0
        self.sent = 0
        self.conflated = 0
        self.dropped: Counter[str] = Counter()


class StreamFilter:
    """What a client asked for; an empty set of strategies or markets is all of them."""

    def __init__(self, topics: tuple[str, ...], strategies: frozenset[str], markets: frozenset[str]) -> None:
        self.topics = topics
        self._strategies = strategies
        self._markets = markets

    def takes(self, event: StreamEvent) -> bool:
        """Whether the client gets the event. What belongs to no strategy or market, such as telemetry, it gets."""
        if self._strategies and event.strategy and event.strategy not in self._strategies:
            return False
        return not (self._markets and event.market and event.market not in self._markets)


class StreamClient:
    """One client: ``chunks`` is what goes over its wire."""

    def __init__(self, ring: Ring, wanted: StreamFilter, figures: Figures, ready: asyncio.Event) -> None:
        self._ring = ring
        self._wanted = wanted
        self._figures = figures
        self._ready = ready
        self._position: dict[str, int] = {}

    def _id(self) -> str:
        return self._ring.id_of(self._position)

    async def chunks(self, last_id: str | None) -> AsyncIterator[bytes]:
        """Events after ``last_id``, or from now on. Begins with ``reset`` when there would be a gap: the client then
        has to fetch everything anew. Ends when the server ends, or when the client has fallen behind what is kept."""
        ring, wanted = self._ring, self._wanted
        yield f"retry: {_RETRY_MS}\n: here\n\n".encode()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), READY_S)
        resumed = ring.position_after(last_id, wanted.topics) if last_id else None
        if isinstance(resumed, dict):
            self._position = resumed
            number = ring.oldest
            yield self._frame("resumed", {"from": last_id})
        else:
            self._position = ring.now(wanted.topics)
            number = ring.end
            yield self._frame("reset" if last_id else "hello", {"run": ring.run, "why": resumed or ""})
        quiet = 0.0  # seconds since something was sent
        while not ring.closed:
            began = time.monotonic()
            try:
                behind = ring.end - number
                batch = ring.read(number, behind if behind > BEHIND else 512)
            except Overtaken:
                self._figures.dropped["overtaken"] += 1
                yield self._frame("dropped", {"why": f"more than {len(ring.read(ring.oldest, 1 << 30))} events behind"})
                return
            number += len(batch)
            out = self._encode(batch)
            if out:
                yield out
                quiet = 0.0
                await asyncio.sleep(_PAUSE_S)
            if not batch:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ring.wait(number), PING_S)
            quiet += time.monotonic() - began
            if quiet >= PING_S:
                # a comment, and the position: it goes on also where nothing comes that was asked for
                yield f": heartbeat\nid: {self._id()}\n\n".encode()
                quiet = 0.0

    def _frame(self, kind: str, data: dict[str, str | None]) -> bytes:
        return f"event: {kind}\nid: {self._id()}\ndata: {json.dumps(data)}\n\n".encode()

    def _encode(self, batch: list[StreamEvent]) -> bytes:
        position = self._position
        mine = [self._takes(each) for each in batch]  # before any is sent: pictures of several books share an offset
        conflate = mine.count(True) > BEHIND
        latest: dict[tuple[str, str], int] = {}
        if conflate:
            latest = {(each.kind, each.subject): at for at, each in enumerate(batch) if mine[at] and each.subject}
        parts: list[str] = []
        for at, event in enumerate(batch):
            if event.offset > position.get(event.topic, event.offset):
                position[event.topic] = event.offset
            if not mine[at]:
                continue
            if conflate and event.subject and latest[(event.kind, event.subject)] != at:
                self._figures.conflated += 1
                continue
            parts.append(f"event: {event.kind}\nid: {self._id()}\ndata: {event.data}\n\n")
        self._figures.sent += len(parts)
        if conflate:
            parts.insert(0, ": conflated, for this client is slow\n\n")
        return "".join(parts).encode()

    def _takes(self, event: StreamEvent) -> bool:
        """Whether the client asked for the event and does not have it."""
        known = self._position.get(event.topic)
        return known is not None and event.offset > known and self._wanted.takes(event)


class Stream(EventSourceResponse):
    """The response to one client. One that takes nothing is dropped; ``over`` is called however it ends."""

    over: Callable[[], None]
    figures: Figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            self.figures.dropped["took nothing"] += 1
        finally:
            self.over()
