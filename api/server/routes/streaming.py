"""The stream: events by topic, resumed where a client was."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, status
from fastapi.responses import JSONResponse

from api.server import stream as streams
from api.server.named import listed
from api.server.ring import TOPICS
from api.server.state import ServerState
from api.server.stream import DEFAULT, Stream, StreamClient, StreamFilter
from api.server.views.health import StreamsView
from api.server.views.problem import Problem

#: Streams at once; more would be a mistake of some client.
MAX_STREAMS = 800
_MOST_FILTERS = 20
_LONGEST = 4_000
List = Annotated[str, Query(max_length=_LONGEST, description="names, commas between; empty for all")]


def router(state: ServerState) -> APIRouter:
    made = APIRouter(tags=["stream"])
    hub = state.hub

    def refused(cause: str, cure: str, code: int) -> Response:
        return JSONResponse(Problem(cause=cause, cure=cure).model_dump(), code, {"Retry-After": "5"})

    @made.get(
        "/stream",
        response_class=Stream,
        responses={422: {"model": Problem}, 503: {"model": Problem}},
    )
    async def stream(
        topics: Annotated[
            str, Query(max_length=_LONGEST, description=f"of {', '.join(TOPICS)}; default {', '.join(DEFAULT)}")
        ] = "",
        strategy: List = "",
        market: List = "",
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Server-sent events. Types: telemetry, decision, order, fill, outcome, quality, answer, posting, scan, book;
        and hello, resumed, reset (there would be a gap: fetch everything anew) and dropped (why this client is let go).

        An id is a position: run, and for each topic the offset of the last record. A client that comes back with
        ``Last-Event-ID`` gets exactly what it missed, also from another start of the server."""
        strategies, markets = _names(strategy), _names(market)
        if markets:  # those of before the server's start are not known before
            await hub.caught_up_within(streams.READY_S)
        figures = hub.figures
        if figures.open >= MAX_STREAMS:
            return refused(f"{figures.open} streams are open.", "Close some of them, then try again.", 503)
        wanted = tuple(dict.fromkeys(_names(topics))) or DEFAULT
        unknown = [each for each in wanted if each not in TOPICS]
        if unknown:
            return refused(f"{unknown[0][:40]} is no topic of the stream.", f"There are {', '.join(TOPICS)}.", 422)
        if len(strategies) > _MOST_FILTERS or len(markets) > _MOST_FILTERS:
            return refused(f"more than {_MOST_FILTERS} names in a filter.", "Ask for all, and choose yourself.", 422)
        there = state.instances() if strategies else ()
        nobody = [each for each in strategies if each not in there]
        if nobody:
            return refused(f"there is no instance {nobody[0][:80]}.", f"There are {listed(there)}.", 422)
        if markets:
            seen = hub.board.windows.markets
            nowhere = [each for each in markets if each not in seen] if hub.ready.is_set() else []
            if nowhere:
                cure = f"There are {listed(seen)}." if seen else "None is seen yet: leave market out, or try again."
                return refused(f"there is no market {nowhere[0][:80]}.", cure, 422)
        client = StreamClient(
            hub.ring, StreamFilter(wanted, frozenset(strategies), frozenset(markets)), figures, hub.ready
        )
        made_stream = Stream(
            client.chunks(last_event_id),
            ping=0,
            send_timeout=streams.SEND_TIMEOUT_S,
            headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
        )
        made_stream.figures = figures

        def over() -> None:
            figures.open -= 1

        made_stream.over = over
        figures.open += 1  # at once: who asks for many in one moment finds the bound too
        return made_stream

    @made.get("/api/streams", status_code=status.HTTP_200_OK)
    async def who() -> StreamsView:
        """How many listen, and who was dropped and why."""
        figures = hub.figures
        return StreamsView(
            open=figures.open,
            limit=MAX_STREAMS,
            sent=figures.sent,
            conflated=figures.conflated,
            dropped=dict(figures.dropped),
        )

    return made


def _names(text: str) -> list[str]:
    return [name for name in (part.strip() for part in text.split(",")) if name]
