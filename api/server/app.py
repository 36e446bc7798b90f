"""The HTTP application: the routes, what a failure looks like, and the pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fastapi import Depends, FastAPI, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from api.runs import UnknownRun
from api.server.chain import UnknownDecision
from api.server.dating import Dated
from api.server.named import only_parameters
from api.server.problems import ANYWHERE, problem
from api.server.routes import evidence, live, operator, reports, streaming, trading, validation
from api.server.state import ServerState
from api.server.views.problem import Problem
from models.failures import Failure

PAGES: Final = Path(__file__).parent.parent / "pages"
_TAGS: Final = [
    {"name": "system", "description": "How the system is: modules, feeds, quality, and what holds trading back."},
    {"name": "trading", "description": "What it does: strategies, markets, orders, fills, money, risk."},
    {"name": "evidence", "description": "What it can prove: decisions down to the raw frame, conservation, runs."},
    {
        "name": "reports",
        "description": "What runs came to after costs: one, its groups and trades, several compared.",
    },
    {"name": "validation", "description": "What instances have shown, and what is decided on their states by it."},
    {"name": "operator", "description": "Commands, answered by the trading flow."},
    {"name": "stream", "description": "Server-sent events, resumed by topic position."},
]
_ABOUT: Final = (
    "Everything the pages show, for anyone. Names of numbers end in their unit: `_usd` dollars, `_shares` shares, `_s` "
    "seconds, `_ms` milliseconds, `_ns` Unix nanoseconds; prices are dollars a share. Times are ISO 8601 in UTC with "
    "nanoseconds; an empty one stands for never. What cannot be answered has a `cause` and a `cure`. Every answer's "
    "headers `Profit-As-Of` and `Profit-Age` say how old the newest record is that it rests on."
)


def build(state: ServerState) -> FastAPI:
    """The application over ``state``."""
    app = FastAPI(
        title="Profit System", version="1", description=_ABOUT, openapi_tags=_TAGS, docs_url=None, redoc_url=None
    )
    hub = state.hub
    pages = page_paths()

    @app.exception_handler(Failure)
    async def explain(_request: Request, failure: Failure) -> JSONResponse:
        code = (
            status.HTTP_404_NOT_FOUND if isinstance(failure, UnknownDecision | UnknownRun) else status.HTTP_409_CONFLICT
        )
        return JSONResponse(Problem(cause=failure.cause, cure=failure.cure).model_dump(), code)

    @app.exception_handler(HTTPException)
    async def refuse(_request: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def correct(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return problem(422, f"{where}: {first['msg']}")

    app.add_middleware(Dated, hub=hub, finished=state.finished)
    for part in (live, trading, evidence, reports, validation, operator, streaming):
        app.include_router(part.router(state), responses=ANYWHERE, dependencies=[Depends(only_parameters)])
    app.mount("/pages", StaticFiles(directory=PAGES), name="pages")

    @app.get("/overview", include_in_schema=False)
    async def overview() -> RedirectResponse:
        return RedirectResponse("/")

    @app.get("/{path:path}", include_in_schema=False)
    async def page(path: str) -> FileResponse:
        if path.startswith(("api/", "stream")) or "." in path.rpartition("/")[2]:
            raise HTTPException(404, f"there is nothing at /{path[:80]}")
        known = path.partition("/")[0] in pages
        return FileResponse(PAGES / "index.html", status.HTTP_200_OK if known else status.HTTP_404_NOT_FOUND)

    return app


def page_paths() -> frozenset[str]:
    """First parts of the paths that have a page, as the pages' own registry lists them."""
    listed = (PAGES / "app" / "registry.js").read_text(encoding="utf-8")
    return frozenset(re.findall(r'path: "/([a-z-]*)"', listed))
