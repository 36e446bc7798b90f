"""The HTTP application: health, modules, decisions and their chains, the stream, and the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from fastapi import FastAPI, Header, Query, Request, Response, status
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from api.server.board import MOST_ROWS
from api.server.chain import Chain, UnknownDecision, chain_of
from api.server.hub import Hub
from api.server.places import Places
from api.server.stream import PING_S, SEND_TIMEOUT_S, Stream, events, ping
from api.server.views import (
    DeadLetters,
    Decisions,
    Fills,
    HealthView,
    Modules,
    Orders,
    Outcomes,
    Problem,
    QualityViews,
    Reasons,
    ReasonView,
    RunView,
    Scans,
)
from models.failures import Failure
from models.reasons import MEANING

PAGES: Final = Path(__file__).parent.parent / "pages"
#: Streams at once; more would be a mistake of some client.
MAX_STREAMS: Final = 64
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]


class _Counted(Stream):
    """A stream that says when it is over, however that comes."""

    over: Callable[[], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.over()


def build(hub: Hub, run: Callable[[], RunView], run_dir: Path) -> FastAPI:
    """The application over ``hub``. ``run_dir``: whose archive the chains are read from."""
    app = FastAPI(
        title="Profit System",
        description="What the output topics say. Money in micro-dollars, sizes in micro-shares, token prices in "
        "1e-4 $, times in Unix nanoseconds; gauges in the unit of their module.",
    )
    board, ring = hub.board, hub.ring
    streams = 0

    @app.exception_handler(Failure)
    async def explain(_request: Request, failure: Failure) -> JSONResponse:
        code = status.HTTP_404_NOT_FOUND if isinstance(failure, UnknownDecision) else status.HTTP_409_CONFLICT
        return JSONResponse(Problem(cause=failure.cause, cure=failure.cure).model_dump(), code)

    @app.get("/health", responses={503: {"model": HealthView}})
    async def health(response: Response) -> HealthView:
        found = board.health(hub.now())
        if found.status != "ok":
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return found

    @app.get("/api/run")
    async def run_view() -> RunView:
        return run()

    @app.get("/api/modules")
    async def modules() -> Modules:
        return Modules(modules=board.modules(hub.now()))

    @app.get("/api/decisions")
    async def decisions(
        limit: Limit = 50, refusals: Annotated[bool, Query(description="whether to tell refusals too")] = True
    ) -> Decisions:
        return Decisions(decisions=board.decisions(limit, refusals))

    @app.get("/api/orders")
    async def orders(limit: Limit = 50) -> Orders:
        return Orders(orders=board.orders(limit))

    @app.get("/api/fills")
    async def fills(limit: Limit = 50) -> Fills:
        return Fills(fills=board.fills(limit))

    @app.get("/api/outcomes")
    async def outcomes(limit: Limit = 50) -> Outcomes:
        return Outcomes(outcomes=board.outcomes(limit))

    @app.get("/api/scans")
    async def scans() -> Scans:
        return Scans(scans=board.scans())

    @app.get("/api/quality")
    async def quality() -> QualityViews:
        return QualityViews(quality=board.quality())

    @app.get("/api/dead-letters")
    async def dead_letters(limit: Limit = 50) -> DeadLetters:
        return DeadLetters(dead_letters=board.dead_letters(limit))

    @app.get("/api/reasons")
    async def reasons() -> Reasons:
        return Reasons(reasons=[ReasonView(reason=reason, meaning=text) for reason, text in MEANING.items()])

    # Not async: it reads files, and FastAPI then calls it in a thread.
    @app.get("/api/why/{decision}", responses={404: {"model": Problem}, 409: {"model": Problem}})
    def why(decision: str) -> Chain:
        return chain_of(Places(run_dir), decision)

    @app.get("/stream", response_class=Stream)
    async def stream(last_event_id: Annotated[str | None, Header()] = None) -> Response:
        nonlocal streams
        if streams >= MAX_STREAMS:
            problem = Problem(cause=f"{streams} streams are open.", cure="Close some of them, then try again.")
            return JSONResponse(problem.model_dump(), status.HTTP_503_SERVICE_UNAVAILABLE)

        def over() -> None:
            nonlocal streams
            streams -= 1

        counted = _Counted(
            events(ring, last_event_id), ping=PING_S, ping_message_factory=ping, send_timeout=SEND_TIMEOUT_S
        )
        counted.over = over
        streams += 1  # at once: who asks for many in one moment finds the bound too
        return counted

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGES / "index.html")

    app.mount("/pages", StaticFiles(directory=PAGES), name="pages")
    return app
