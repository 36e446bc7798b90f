"""Decisions and their traces, conservation, runs, settings: what can be looked up and checked."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool

from api.server.configuration import settings_of
from api.server.conservation import conservation_of, counted
from api.server.decisions import DecisionFilter, Trace, one, page, trace
from api.server.named import found_by
from api.server.problems import NOT_FOUND
from api.server.routes.trading import Filter
from api.server.run_list import RunList
from api.server.state import ServerState
from api.server.views.decisions import Decisions, DecisionView
from api.server.views.evidence import Conservation, Runs, SettingsView
from models.reasons import Reason

Kind = Literal["enter", "exit", "refuse", "settle", "correct"]
Id = Annotated[str, Path(max_length=300, description="id of a decision")]


def router(state: ServerState) -> APIRouter:
    made = APIRouter(prefix="/api", tags=["evidence"])
    board = state.hub.board
    run_list = RunList(state.ended)

    # What is not async reads files, and FastAPI calls it in a thread.
    @made.get("/decisions", responses=NOT_FOUND)
    def decisions(
        limit: Annotated[int, Query(ge=1, le=500, description="rows at most")] = 50,
        refusals: Annotated[bool, Query(description="refused entries too")] = False,
        strategy: Filter = "",
        market: Filter = "",
        reason: Annotated[Reason | Literal[""], Query(description="keep only these; empty for all")] = "",
        action: Annotated[Kind | Literal[""], Query(description="keep only these; empty for all")] = "",
        q: Annotated[str, Query(max_length=100, description="words, each of which has to stand in it")] = "",
        before: Annotated[str, Query(max_length=300, description="``next`` of the page before")] = "",
    ) -> Decisions:
        """Decisions, the latest first; from memory, and further back from the audit. Equal refusals in a row are one,
        with how often."""
        asked = DecisionFilter(strategy, market, reason, action, refusals or action == "refuse" or bool(reason), q)
        found = page(board, state.run_dir, asked, limit, before)
        found_by("instance", strategy, state.instances, found.decisions)
        found_by("market", market, lambda: board.windows.markets, found.decisions)
        return found

    @made.get("/decisions/{decision}", responses=NOT_FOUND)
    def decision(decision: Id) -> DecisionView:
        """One decision with the span of every module, at once."""
        return board.seen(one(board, state.run_dir, decision))

    @made.get("/decisions/{decision}/trace", responses=NOT_FOUND)
    def traced(decision: Id) -> Trace:
        """The whole chain: raw frames, journal events, spans, orders, fills, postings, outcome. Frames come from the
        archive, some seconds after the event; what it does not hold yet is said in ``notes``."""
        return trace(board, state.run_dir, decision)

    @made.get("/conservation")
    async def conservation() -> Conservation:
        """Evaluations = passed + held + blocked for each strategy, and the counters against the audit."""
        settings = state.settings()
        newest = board.modules.beat
        live = counted(board, settings, newest)
        beats = dict(state.beats.kept)
        return await run_in_threadpool(conservation_of, beats, newest, live, settings, state.run_dir, state.finished)

    @made.get("/runs")
    def runs() -> Runs:
        """Runs on disk, the newest first."""
        return Runs(runs=run_list.read(state.data_dir, state.run_dir))

    @made.get("/settings")
    async def settings() -> SettingsView:
        """Every setting in force, and what differs from the defaults. Secrets are masked."""
        return settings_of(state.settings())

    return made
