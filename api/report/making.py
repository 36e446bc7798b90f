"""Makes a run's report and keeps it in the run's folder: tables, and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import duckdb

from api.report.page import page
from api.runs import PLAN, is_running
from connectors.audit.reports import add_report
from flows.replay.plan import load_plan
from flows.report.run_report import FOLDER, PERFORMANCE, TRADES, RunReport, keep, make_report
from flows.report.trades import ClosedTrade
from models.configuration import relevant
from models.failures import Failure
from models.settings import Settings, recorded

PAGE: Final = "report.html"
_AUDIT: Final = "audit.duckdb"


def report_of(folder: Path, first_ns: int, last_ns: int, settings: Settings) -> tuple[RunReport, list[ClosedTrade]]:
    """The report of the run in ``folder`` over the period (Unix ns), and the trades it is of. ``settings``: of who
    asks; the run's own go before them."""
    archive = journal = folder / "archive"
    if (folder / PLAN).is_file():
        plan = load_plan(folder)
        archive, journal = plan.output, plan.journal
    return make_report(folder.name, archive, journal, _own_settings(folder, settings), first_ns, last_ns)


def write_report(folder: Path, first_ns: int, last_ns: int, settings: Settings, own: bool = True) -> RunReport:
    """The same, written below the run's folder. ``own``: the caller makes the run itself, so that its database may be
    written. Raises OSError where the folder cannot be written."""
    report, trades = report_of(folder, first_ns, last_ns, settings)
    target = keep(report, trades, folder)
    (target / PAGE).write_text(page(report), encoding="utf-8")
    if trades and (folder / _AUDIT).is_file() and (own or not is_running(folder)):
        tables = {name: target / f"{name}.parquet" for name in (TRADES, PERFORMANCE)}
        try:
            add_report(folder / _AUDIT, tables)
        except duckdb.Error as cause:
            raise Failure(
                f"{folder / _AUDIT} cannot take the report's tables: {str(cause).splitlines()[0]}.",
                f"Close what has it open and ask again; the report stands in {target}.",
            ) from None
    return report


def settings_of(folder: Path, settings: Settings) -> dict[str, Any]:
    """What the run in ``folder`` went by, as plain data, as far as it can change a decision. ``settings``: of who asks,
    for a run that kept none."""
    return relevant(_own_settings(folder, settings))


def _own_settings(folder: Path, settings: Settings) -> Settings:
    """Those of the replay or run in ``folder``; ``settings`` where it kept none."""
    if (folder / PLAN).is_file():
        return load_plan(folder).settings
    kept = folder / "settings.json"
    return recorded(kept) if kept.is_file() else settings


def page_of(folder: Path) -> Path:
    """Where the page of the run in ``folder`` stands."""
    return folder / FOLDER / PAGE
