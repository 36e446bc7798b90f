"""Modules, feeds, quality, what holds trading back: how the system is now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from pydantic import BaseModel

from api.runs import PLAN
from api.server.catalogue import expected
from api.server.formats import iso
from api.server.holds import holds_of
from api.server.presenting import meaning_of
from api.server.state import ServerState
from api.server.views.decisions import Reasons, ReasonView
from api.server.views.health import (
    DeadLetters,
    FeedsView,
    FeedView,
    HealthView,
    Holds,
    ModulesView,
    QualityViews,
    RoomView,
    RunView,
)
from models.contracts import Number
from models.reasons import MEANING
from models.remedies import release_of
from models.strategies.instance import instances

Minutes = Annotated[int, Query(ge=1, le=60, description="minutes of event time")]


class Rooms(BaseModel):
    """The line as a picture: its rooms in the order of the journey."""

    rooms: list[RoomView]


def router(state: ServerState) -> APIRouter:
    made = APIRouter(tags=["system"])
    hub, board = state.hub, state.hub.board
    replay = (state.run_dir / PLAN).is_file()

    def catalogue() -> None:
        board.modules.expected = expected(state.settings(), state.run().feeds, replay)

    @made.get("/health", responses={503: {"model": HealthView}})
    async def health(response: Response) -> HealthView:
        """Whether all is well: for load balancers and people in a hurry."""
        found = board.health(hub.now())
        if found.status != "ok":
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return found

    @made.get("/api/run")
    async def run() -> RunView:
        """The run that is served: its feeds, its venue, whether trading is on."""
        return state.run()

    @made.get("/api/modules")
    async def modules() -> ModulesView:
        """Every module that reported, and every one that should have."""
        catalogue()
        return ModulesView(modules=board.modules.views(hub.now()))

    @made.get("/api/rooms")
    async def rooms() -> Rooms:
        """The same by room of the line."""
        catalogue()
        return Rooms(rooms=board.modules.rooms(hub.now()))

    @made.get("/api/holds")
    async def holds() -> Holds:
        """Everything that holds trading back now, in one list: reason, since, until, who has to act, how released."""
        catalogue()
        shadows = [each.id for each in instances(state.settings()) if each.state == "shadow"]
        return holds_of(board, hub.now(), shadows)

    @made.get("/api/feeds")
    async def feeds() -> FeedsView:
        """Feeds with state and lag, and the pipeline's own lag."""
        found, now = [], hub.now()
        for name in board.modules.names():
            if not name.startswith("feed."):
                continue
            view = board.modules.view(name, now)
            feed = name.split(".")[1]
            connection = board.modules.known.get(f"connection.{feed}")
            since = view.gauges.get("since")
            why = str(view.gauges.get("why") or view.last_reason)
            found.append(
                FeedView(
                    feed=name,
                    state=view.state,
                    status=view.status,
                    since=iso(since) if isinstance(since, int) else "",
                    why=why,
                    meaning=meaning_of(why),
                    lag_p50_ms=_number(view.gauges.get("lag_p50_ms")),
                    lag_p99_ms=_number(view.gauges.get("lag_p99_ms")),
                    per_s=None if connection is None else connection.rate(now, 10.0),
                )
            )
        pipeline = {
            name: number
            for flow in ("flow.market", "flow.trading")
            if flow in board.modules.known
            for name, value in board.modules.known[flow].row.gauges.items()
            if name.startswith("receipt_") and (number := _number(value)) is not None
        }
        return FeedsView(feeds=found, pipeline=pipeline)

    @made.get("/api/quality")
    async def quality(minutes: Minutes = 30) -> QualityViews:
        """Violations by feed, market and reason, over time."""
        return QualityViews(quality=board.quality(), over_time=board.violations(minutes))

    @made.get("/api/dead-letters")
    async def dead_letters(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> DeadLetters:
        """Records that could not be used, the latest first."""
        return DeadLetters(dead_letters=board.dead_letters(limit))

    @made.get("/api/reasons")
    async def reasons() -> Reasons:
        """Every reason code: its meaning, who has to act, what ends it."""
        return Reasons(
            reasons=[
                ReasonView(reason=reason, meaning=text, act=release_of(reason)[0], release=release_of(reason)[1])
                for reason, text in MEANING.items()
            ]
        )

    return made


def _number(value: Number) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
