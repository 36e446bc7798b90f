"""Reports: which runs have one, one of them with its groups and trades, several compared, and the page itself."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, status
from fastapi.responses import FileResponse
from pydantic import StringConstraints

from api.server.named import found_by
from api.server.problems import CONFLICT, NOT_FOUND
from api.server.reports import ReportShelf
from api.server.routes.trading import Filter
from api.server.state import ServerState
from api.server.views.reports import ComparisonView, GroupsView, ReportStateView, ReportsView, ReportView, TradesView

RunName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Run = Annotated[RunName, Path(description="name of a run")]
#: The page has its style and its drawings within it, and nothing that runs.
_PAGE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'; sandbox"
}
Dimension = Literal["family", "market type", "hour", "regime", "evidence", "exit", "day", "market"]


def router(state: ServerState) -> APIRouter:
    made = APIRouter(prefix="/api", tags=["reports"])
    shelf = ReportShelf(state.data_dir, state.run_dir, state.reports, state.ended)

    def there(name: str) -> set[str]:
        return shelf.instances(name).union(state.instances())

    # What is not async reads files, and FastAPI calls it in a thread.
    @made.get("/reports")
    def reports() -> ReportsView:
        """Runs, the newest first, and whether a report of each stands in its folder."""
        return ReportsView(reports=shelf.listed())

    @made.get("/reports/{name}", responses=NOT_FOUND)
    def report(
        name: Run, points: Annotated[int, Query(ge=10, le=2_000, description="points of a curve at most")] = 400
    ) -> ReportView:
        """A run's report as it stands; how it stands says whether one is being made."""
        return shelf.report(name, points)

    @made.post("/reports/{name}", status_code=status.HTTP_202_ACCEPTED, responses=NOT_FOUND)
    def make(name: Run) -> ReportStateView:
        """Have the report made anew, by a program of its own: ask for it until ``making`` is empty. Of a run that goes
        on it is as of now. Nothing is traded or stopped by it, so it takes no token on this machine."""
        return shelf.make(name)

    @made.get("/reports/{name}/groups", responses=NOT_FOUND)
    def groups(
        name: Run,
        by: Annotated[Dimension, Query(description="dimension")] = "market type",
        instance: Filter = "",
        limit: Annotated[int, Query(ge=1, le=500, description="rows at most, the largest by money")] = 200,
    ) -> GroupsView:
        """What each group of an instance's trades came to."""
        found = shelf.groups(name, by, instance, limit)
        found_by("instance", instance, partial(there, name), found.groups)
        return found

    @made.get("/reports/{name}/trades", responses=NOT_FOUND)
    def trades(
        name: Run,
        instance: Filter = "",
        limit: Annotated[int, Query(ge=1, le=500, description="rows at most")] = 50,
        at: Annotated[int, Query(ge=0, le=10_000_000, description="``next`` of the page before")] = 0,
    ) -> TradesView:
        """The closed round trips that the report is of, the last first."""
        found = shelf.trades(name, instance, limit, at)
        found_by("instance", instance, partial(there, name), found.trades)
        return found

    @made.get(
        "/reports/{name}/page",
        responses={**NOT_FOUND, 200: {"content": {"text/html": {}}, "description": "the page"}},
        response_class=FileResponse,
    )
    def page(name: Run) -> FileResponse:
        """The report as one HTML page that needs nothing else: to look at, or to keep."""
        return FileResponse(shelf.page(name), media_type="text/html", headers=_PAGE)

    @made.get("/comparison", responses={**NOT_FOUND, **CONFLICT})
    def comparison(
        run: Annotated[list[RunName], Query(min_length=2, max_length=8, description="names of runs, two at least")],
    ) -> ComparisonView:
        """Several runs side by side: settings and figures that differ."""
        return shelf.compare(run, state.settings())

    return made
