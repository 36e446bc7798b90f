"""Validation: promotions with what they rest on, walks forward, and the trial journal."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.server.named import found_by
from api.server.problems import NOT_FOUND
from api.server.promotions import history_of, promotions_of
from api.server.research import trials_of, walks_of
from api.server.routes.trading import Filter
from api.server.state import ServerState
from api.server.views.validation import PromotionHistory, Promotions, TrialsView, WalksView


def router(state: ServerState) -> APIRouter:
    made = APIRouter(prefix="/api", tags=["validation"])
    board = state.hub.board

    @made.get("/promotions")
    async def promotions() -> Promotions:
        """Every instance that may be promoted: where it stands, its latest decision with each criterion, and when it
        could be met."""
        return promotions_of(board, state.settings())

    # What is not async reads files, and FastAPI calls it in a thread.
    @made.get("/promotions/history", responses=NOT_FOUND)
    def history(
        instance: Filter = "",
        changes: Annotated[bool, Query(description="only those that changed a state")] = False,
        limit: Annotated[int, Query(ge=1, le=200, description="rows at most")] = 50,
        before: Annotated[str, Query(max_length=300, description="``next`` of the page before")] = "",
    ) -> PromotionHistory:
        """Decisions on states, "hold" too, the latest first; from memory, and further back from the audit."""
        found = history_of(board, state.run_dir, instance, changes, limit, before)
        found_by("instance", instance, state.instances, found.decisions)
        return found

    @made.get("/walks")
    def walks() -> WalksView:
        """What `profit validate` found: each strategy's verdict and windows, the newest first."""
        return walks_of(state.data_dir)

    @made.get("/trials", responses=NOT_FOUND)
    def trials(
        subject: Filter = "",
        limit: Annotated[int, Query(ge=1, le=500, description="rows at most")] = 50,
        at: Annotated[int, Query(ge=0, le=10_000_000, description="``next`` of the page before")] = 0,
    ) -> TrialsView:
        """The trial journal: every parameter set that was looked at, and every use of a holdout, the newest first."""
        found = trials_of(state.data_dir, subject, limit, at)
        found_by("subject", subject, lambda: found.tried, found.trials)
        return found

    return made
