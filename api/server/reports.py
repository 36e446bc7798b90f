"""The reports that stand in the runs' folders, as answers. Everything here reads files: not for the event loop."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from api.report.making import page_of, settings_of
from api.runs import DESCRIPTION, SUMMARY, archive_in, find_run, runs_in
from api.server.formats import iso, shares, usd
from api.server.report_making import ReportMaker
from api.server.run_list import EndedRuns
from api.server.views.reports import (
    ComparisonView,
    CostFitView,
    CurvePoint,
    CurveView,
    DifferenceView,
    DoubtView,
    GroupsView,
    PerformanceView,
    ReliabilityView,
    ReportStateView,
    ReportView,
    RunReportView,
    TradesView,
    TradeView,
)
from flows.report.comparison import MONEY, FigureDifference, compare_reports
from flows.report.credibility import doubted_figure
from flows.report.performance import GroupPerformance
from flows.report.run_report import FOLDER, REPORT, TRADES, RunReport, kept
from models.costs import PARTS
from models.failures import Failure
from models.settings import Settings

_MOST: Final = 50
#: Names of figures, as the warnings have them, and as the answers do.
_FIGURES: Final = {"net": "net_usd", "expectancy": "expectancy_usd"}


class ReportShelf:
    """The reports of the runs in ``data_dir``, and of the run in ``served``, which may lie elsewhere."""

    def __init__(self, data_dir: Path, served: Path, maker: ReportMaker, ended: EndedRuns) -> None:
        self._data_dir, self._served, self._maker = data_dir, served, maker
        self._ended = ended

    def folder(self, name: str) -> Path:
        """Of the run ``name``. Raises UnknownRun."""
        served = self._served.resolve()
        return served if name == served.name else find_run(self._data_dir, name).resolve()

    def listed(self) -> list[ReportStateView]:
        folders = [each.resolve() for each in runs_in(self._data_dir)[:_MOST]] if self._data_dir.is_dir() else []
        served = self._served.resolve()
        if served not in folders and archive_in(served) is not None:
            folders.insert(0, served)
        return [self._state(folder) for folder in folders]

    def report(self, name: str, points: int) -> ReportView:
        folder = self.folder(name)
        found = _kept(folder)
        state = self._state(folder)
        if state.older and state.run != "running":
            self._maker.ask(folder)  # it was made while the run went on
            state.making = self._maker.stage(folder)
        return ReportView(state=state, report=None if found is None else _report_view(found, points))

    def make(self, name: str) -> ReportStateView:
        """Have it made. Raises Failure where the run recorded nothing, or too many reports wait."""
        folder = self.folder(name)
        if archive_in(folder) is None:
            raise Failure(f"the run {name} has recorded nothing.", "Wait until it has, or choose another one.")
        self._maker.ask(folder)
        return self._state(folder)

    def instances(self, name: str) -> set[str]:
        """Those that its report tells of."""
        return {each.instance for each in self._made(name).performances}

    def groups(self, name: str, dimension: str, instance: str, limit: int) -> GroupsView:
        rows = [
            each
            for each in self._made(name).performances
            if each.dimension == dimension and instance in ("", each.instance)
        ]
        shown = rows if len(rows) <= limit else sorted(rows, key=lambda each: -abs(each.net))[:limit]
        return GroupsView(dimension=dimension, groups=[_performance(each) for each in shown], of=len(rows))

    def trades(self, name: str, instance: str, limit: int, at: int) -> TradesView:
        self._made(name)
        path = self.folder(name) / FOLDER / f"{TRADES}.parquet"
        try:
            table = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError):
            raise Failure(f"the trades of {name} cannot be read: {path}.", "Make its report anew.") from None
        if table.is_empty():
            return TradesView(trades=[], of=0, next=None)
        if instance:
            table = table.filter(pl.col("instance") == instance)
        rows = table.sort("closed", "opened", descending=True).slice(at, limit)
        after = at + len(rows)
        return TradesView(
            trades=[_trade(row) for row in rows.iter_rows(named=True)],
            of=len(table),
            next=after if after < len(table) else None,
        )

    def page(self, name: str) -> Path:
        """The file of its HTML page. Raises Failure where there is none."""
        path = page_of(self.folder(name))
        if not path.is_file():
            raise Failure(f"the run {name} has no page of its report.", "Make its report: the Reports page does.")
        return path

    def compare(self, names: Sequence[str], settings: Settings) -> ComparisonView:
        """Raises Failure where one of them has no report, or is named twice."""
        if len({self.folder(name) for name in names}) < len(names):
            raise Failure("one run was named twice.", "Name different runs.")
        reports = [self._made(name) for name in names]
        found = compare_reports(reports, [settings_of(self.folder(name), settings) for name in names])
        return ComparisonView(
            runs=list(names),
            settings=[_difference(each) for each in found.settings],
            figures=[_difference(each) for each in found.figures],
            equal=found.equal,
            doubts=found.doubts,
        )

    def _made(self, name: str) -> RunReport:
        found = _kept(self.folder(name))
        if found is None:
            raise Failure(f"the run {name} has no report yet.", "Make it: the Reports page does, or profit report.")
        return found

    def _state(self, folder: Path) -> ReportStateView:
        about: dict[str, Any] = {}
        for name in (SUMMARY, DESCRIPTION):
            with contextlib.suppress(OSError, ValueError):
                about |= json.loads((folder / name).read_text(encoding="utf-8"))
        ended = self._ended.row(folder)
        made = _made_ns(folder) if _kept(folder) is not None else 0
        return ReportStateView(
            name=folder.name,
            feeds=str(about.get("feeds", about.get("source", "a recording"))),
            started=str(about.get("started", "")),
            run="running" if ended is None else ended.state,
            current=folder == self._served.resolve(),
            made=iso(made),
            older=bool(made) and _is_older(folder),
            making=self._maker.stage(folder),
            failed=self._maker.failed(folder),
            page=f"/api/reports/{folder.name}/page" if page_of(folder).is_file() else "",
        )


def _made_ns(folder: Path) -> int:
    with contextlib.suppress(OSError):
        return (folder / FOLDER / REPORT).stat().st_mtime_ns
    return 0


def _is_older(folder: Path) -> bool:
    """Whether the run recorded more since its report was made."""
    made = _made_ns(folder)
    archive = archive_in(folder)
    if archive is None:
        return False
    written = 0
    for path in archive.glob("topic=ledger/**/*.parquet"):  # each fill and settlement is in it
        with contextlib.suppress(OSError):  # merged meanwhile
            written = max(written, path.stat().st_mtime_ns)
    return written > made


def _kept(folder: Path) -> RunReport | None:
    return _decoded(folder, _made_ns(folder))


@functools.lru_cache(maxsize=_MOST)
def _decoded(folder: Path, made: int) -> RunReport | None:
    """Decoded once for as long as it stands: ``made`` changes with it."""
    with contextlib.suppress(OSError):
        return kept(folder) if made else None
    return None


def _report_view(report: RunReport, points: int) -> RunReportView:
    return RunReportView(
        first=iso(report.first_ns),
        last=iso(report.last_ns),
        open=report.open,
        instances=[_performance(each) for each in report.whole()],
        curves=[
            CurveView(instance=name, points=thinned([*_falling(curve)], points))
            for name, curve in report.curves.items()
        ],
        fits=[
            CostFitView(instance=each.instance, latency_usd=each.latency, adverse_selection_usd=each.adverse_selection)
            for each in report.fits
        ],
        reliability=[
            ReliabilityView(
                left_s=left,
                low=each.low,
                high=each.high,
                forecasts=each.n,
                forecast=each.forecast,
                observed=each.observed,
                interval_low=each.interval_low,
                interval_high=each.interval_high,
            )
            for left, bins in report.reliability.items()
            for each in bins
        ],
    )


def _falling(curve: Sequence[tuple[int, float]]) -> Iterator[CurvePoint]:
    highest = 0.0
    for t, net in curve:
        highest = max(highest, net)
        yield CurvePoint(time_s=t, net_usd=net, drawdown_usd=round(net - highest, 6))


def thinned(curve: list[CurvePoint], points: int) -> list[CurvePoint]:
    """At most ``points`` of them: of each stretch the last, and the deepest of all."""
    if len(curve) <= points:
        return curve
    step = -(-len(curve) // (points - 1))
    chosen = {len(curve) - 1 - at for at in range(0, len(curve), step)}
    chosen.add(min(range(len(curve)), key=lambda at: curve[at].drawdown_usd))
    return [curve[at] for at in sorted(chosen)]


def _performance(row: GroupPerformance) -> PerformanceView:
    return PerformanceView(
        instance=row.instance,
        value=row.value,
        trades=row.trades,
        markets=row.markets,
        won=row.won,
        hit_rate=row.hit_rate,
        net_usd=row.net,
        booked_usd=row.booked,
        gross_usd=row.gross,
        costs_usd=row.costs,
        expectancy_usd=row.expectancy,
        expectancy_low_usd=row.expectancy_low,
        expectancy_high_usd=row.expectancy_high,
        per_share_usd=row.per_share,
        deviation_usd=row.deviation,
        sharpe_trade=row.sharpe_trade,
        sortino_trade=row.sortino_trade,
        sharpe_daily=row.sharpe_daily,
        sortino_daily=row.sortino_daily,
        probabilistic_sharpe=row.probabilistic_sharpe,
        profit_factor=row.profit_factor,
        tail_loss_usd=row.tail_loss,
        drawdown_usd=row.drawdown,
        under_water_s=row.under_water_s,
        turnover_usd=row.turnover,
        exposure_usd=row.exposure,
        capacity_usd=row.capacity,
        edge_realised=row.edge_realised,
        stressed_usd=row.stressed,
        doubts=[_doubt(each) for each in row.warnings],
    )


def _doubt(warning: str) -> DoubtView:
    figure = doubted_figure(warning)
    return DoubtView(figure=_FIGURES.get(figure, figure), text=warning)


def _trade(row: dict[str, Any]) -> TradeView:
    predicted = row["predicted"]
    return TradeView(
        instance=row["instance"],
        family=row["family"],
        market_key=row["market"],
        asset=row["asset"],
        horizon=row["horizon"],
        outcome=row["outcome"],
        opened=iso(row["opened"]),
        closed=iso(row["closed"]),
        size_shares=shares(row["shares"]),
        stake_usd=usd(row["stake"]),
        gross_usd=usd(row["gross"]),
        costs_usd={part: usd(row[part]) for part in (*PARTS, "capital")},
        net_usd=usd(row["net"]),
        predicted_usd=None if predicted is None else usd(predicted),
        evidence=row["evidence"],
        exit=row["exit"],
        regime=row["regime"],
        account=row["account"],
        fills=row["fills"],
    )


def _difference(each: FigureDifference) -> DifferenceView:
    return DifferenceView(
        instance=each.instance,
        name=each.figure,
        unit="usd" if each.instance and each.figure in MONEY else "",
        values=each.values,
        spread=each.spread,
    )
