"""The report of a run: its trades with costs apart, what they came to by group, and the curves to be drawn of it.

It is kept in the run's folder under ``report/``: ``report.json`` as it is, ``trades.parquet`` and
``performance.parquet`` for other programs, and in ``audit.duckdb`` the tables ``trades`` and ``performance``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from connectors.archive.reader import ArchiveReader
from flows.report.performance import WHOLE, GroupPerformance, equity, performances
from flows.report.stated import stated_reliability
from flows.report.trades import ClosedTrade, read_trades
from models.costs import PARTS
from models.money import DOLLAR, SHARE
from models.scores import Bin
from models.settings import Settings
from models.timestamps import SECOND

FOLDER: Final = "report"
REPORT: Final = "report.json"
TRADES: Final = "trades"
PERFORMANCE: Final = "performance"


class CostFit(msgspec.Struct):
    """What the run's own fills say that an instance's trading costs beyond spread and fee, dollars a share: for
    ``costs.latency`` and ``costs.adverse_selection``; None where no fill tells."""

    instance: str
    latency: float | None
    adverse_selection: float | None


class RunReport(msgspec.Struct):
    """``first_ns``, ``last_ns``: the period, Unix ns; ``open``: round trips that had not ended; ``curves``: by instance
    (Unix s, dollars) after each trade; ``fits``: by instance; ``reliability``: of the fair value, by seconds left."""

    run: str
    first_ns: int
    last_ns: int
    open: int
    performances: list[GroupPerformance]
    curves: dict[str, list[tuple[int, float]]]
    fits: list[CostFit]
    reliability: dict[str, list[Bin]] = {}

    def whole(self) -> list[GroupPerformance]:
        """One row an instance."""
        return [each for each in self.performances if each.dimension == WHOLE]


def make_report(
    run: str, archive: Path, journal: Path, settings: Settings, first_ns: int, last_ns: int
) -> tuple[RunReport, list[ClosedTrade]]:
    """The report of the run that wrote ``archive``, and the trades it is of. ``journal``: the archive that holds its
    journal; the period is from ``first_ns`` to ``last_ns``."""
    book = read_trades(archive, journal, settings)
    instances = sorted({trade.instance for trade in book.trades})
    own = {name: [trade for trade in book.trades if trade.instance == name] for name in instances}
    return RunReport(
        run=run,
        first_ns=first_ns,
        last_ns=last_ns,
        open=book.open,
        performances=performances(book.trades, first_ns, last_ns),
        curves={name: [(t // SECOND, dollars) for t, dollars in equity(trades)] for name, trades in own.items()},
        fits=[_fit(name, trades) for name, trades in own.items()],
        reliability=stated_reliability(ArchiveReader(archive)),
    ), book.trades


def _fit(instance: str, trades: list[ClosedTrade]) -> CostFit:
    """Means over the shares of trades that show the part at all."""

    def mean(part: str) -> float | None:
        shares = amount = 0
        for trade in trades:
            if getattr(trade.costs, part):
                shares += trade.shares
                amount += getattr(trade.costs, part)
        return round(amount / DOLLAR / (shares / SHARE), 6) if shares else None

    return CostFit(instance, mean("latency"), mean("adverse"))


def keep(report: RunReport, trades: list[ClosedTrade], folder: Path) -> Path:
    """Write the report and its tables below the run's ``folder``; where they stand."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for name, rows in ((TRADES, [flat_trade(each) for each in trades]), (PERFORMANCE, _flat(report))):
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(target / f"{name}.parquet")
    (target / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    return target


def kept(folder: Path) -> RunReport | None:
    """The report that stands below a run's ``folder``; None where there is none of this version."""
    path = folder / FOLDER / REPORT
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunReport)
    except msgspec.DecodeError:
        return None


def flat_trade(trade: ClosedTrade) -> dict[str, Any]:
    """A trade as a row: money in micro-dollars, shares in micro-shares, times in Unix ns."""
    row = {name: getattr(trade, name) for name in ClosedTrade.__struct_fields__ if name != "costs"}
    return {**row, "gross": trade.costs.gross, "booked": trade.costs.booked, "net": trade.net} | {
        part: getattr(trade.costs, part) for part in PARTS
    }


def _flat(report: RunReport) -> list[dict[str, Any]]:
    """Performances as rows: dollars; costs and stresses are columns of their own."""
    rows = []
    for each in report.performances:
        row = msgspec.to_builtins(each)
        costs, stressed = row.pop("costs"), row.pop("stressed")
        row |= {f"cost_{name}": value for name, value in costs.items()}
        row |= {f"net_{name.replace(' x', '_x').replace('.', '_')}": value for name, value in stressed.items()}
        row["warnings"] = "; ".join(each.warnings)
        rows.append({"run": report.run, **row})
    return rows
