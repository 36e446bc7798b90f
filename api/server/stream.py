"""One client's stream of events, from where it was on, with pings in between."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Final

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from api.server.ring import Overtaken, Ring

PING_S: Final = 3.0
#: A client that does not take what it is sent for this long is dropped; it may come back with its last id.
SEND_TIMEOUT_S: Final = 10.0
_RETRY_MS: Final = 1_000


def ping() -> ServerSentEvent:
    """A sign of life; without an id, so that it moves no client's position."""
    return ServerSentEvent(event="ping", data=json.dumps({"time": time.time_ns()}), sep="\n")


async def events(ring: Ring, last_id: str | None) -> AsyncIterator[ServerSentEvent]:
    """Events after ``last_id``, or from now on. Begins with ``reset`` when there would be a gap: the client then has to
    fetch everything anew. Ends when the server ends, or when the client has fallen behind what is kept."""
    position = ring.end
    resumed = ring.position_after(last_id) if last_id else None
    if resumed is not None:
        position = resumed
        yield ServerSentEvent(comment="resumed", retry=_RETRY_MS, sep="\n")
    else:
        kind = "reset" if last_id else "hello"
        data = json.dumps({"start": ring.start, "next": position})
        yield ServerSentEvent(event=kind, data=data, id=ring.id_of(position - 1), retry=_RETRY_MS, sep="\n")
    while not ring.closed:
        try:
            batch = ring.read(position)
        except Overtaken:
            return
        for event in batch:
            yield ServerSentEvent(event=event.kind, data=event.data, id=ring.id_of(event.number), sep="\n")
        position += len(batch)
        if not batch:
            await ring.wait(position)


class Stream(EventSourceResponse):
    """The response to one client; a client that is too slow is dropped without a word."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(SendTimeoutError):
            await super().__call__(scope, receive, send)
