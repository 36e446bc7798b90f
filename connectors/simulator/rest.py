"""The simulated exchange over HTTP: Gamma, the CLOB, and what the exchange tells of itself under ``/sim``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final, Literal, Protocol

from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

from connectors.clock import NS, ScaledClock
from connectors.simulator.answers import clob_book, clob_market, gamma_market
from connectors.simulator.exchange import Exchange
from connectors.simulator.faults.stage import FaultStage
from connectors.simulator.faults.truth import Truth

CLOCK_LINE_S: Final = 1.0  # a follower of the clock hears of it at least so often


class Served(Protocol):
    """What the answers are made of."""

    core: Exchange
    clock: ScaledClock
    born_ns: int
    behind_s: float
    slipped_s: float

    @property
    def truth(self) -> Truth: ...

    @property
    def faults(self) -> FaultStage: ...

    @property
    def listening(self) -> bool: ...

    async def clock_moves(self, at_most_s: float) -> None: ...


def http_app(exchange: Served) -> FastAPI:
    """Gamma under ``/gamma``, CLOB under ``/clob``, and ``/sim``: clock, truth and faults."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    core, clock, faults = exchange.core, exchange.clock, exchange.faults

    def answer(body: bytes | None, what: str, host: Literal["gamma", "clob"]) -> Response:
        refused = None if faults.idle else faults.http_status(host, core.now_ns)
        if refused is not None:
            status, wait = refused
            error = {"code": "post_only_mode", "retry_after_seconds": wait} if status == 503 else {"error": "wait"}
            headers = {"Retry-After": f"{wait:g}"}
            return Response(json.dumps(error), status, headers, media_type="application/json")
        if body is None:
            error = {"type": "not found error", "error": f"{what} not found"}
            return Response(json.dumps(error), 404, media_type="application/json")
        return Response(body, media_type="application/json")

    @app.get("/gamma/markets/slug/{slug}")
    async def market_by_slug(slug: str) -> Response:
        return answer(gamma_market(core, slug), "market", "gamma")

    @app.get("/clob/book")
    async def book(token_id: str) -> Response:
        true = clob_book(core, token_id)
        return answer(true if faults.idle else faults.rest_book(token_id) or true, "orderbook", "clob")

    @app.get("/clob/markets/{condition}")
    async def market_by_condition(condition: str) -> Response:
        return answer(clob_market(core, condition), "market", "clob")

    @app.get("/clob/time")
    async def clob_time() -> Response:
        skew = faults.skew_ns("polymarket")
        return answer(str((clock.now_ns() + skew) // NS).encode(), "time", "clob")

    @app.get("/api/geoblock")
    @app.get("/clob/api/geoblock")
    async def geoblock() -> dict[str, Any]:
        return {"blocked": False, "ip": "127.0.0.1", "country": "ZZ", "region": ""}

    def clock_now() -> dict[str, Any]:
        return {
            "born_ns": exchange.born_ns,
            "epoch_ns": clock.epoch_ns,
            "sim_epoch_ns": clock.sim_epoch_ns,
            "speed": clock.speed,
            "now_ns": clock.now_ns(),
            "behind_s": exchange.behind_s,
            "slipped_s": exchange.slipped_s,
            "tasks": len(asyncio.all_tasks()),
        }

    async def clock_lines() -> AsyncIterator[str]:
        while exchange.listening:
            yield json.dumps(clock_now()) + "\n"
            await exchange.clock_moves(CLOCK_LINE_S)

    @app.get("/sim/clock")
    async def sim_clock() -> dict[str, Any]:
        return clock_now()

    @app.get("/sim/clock/lines")
    async def sim_clock_lines() -> StreamingResponse:
        return StreamingResponse(clock_lines(), media_type="application/x-ndjson")

    @app.get("/sim/truth")
    async def sim_truth(last: int = 200) -> dict[str, Any]:
        active = sorted({each.fault.kind for each in faults.running})
        return {**exchange.truth.summary(max(1, last)), "active": active}

    @app.get("/sim/faults")
    async def sim_faults() -> dict[str, Any]:
        return faults.summary()

    return app
