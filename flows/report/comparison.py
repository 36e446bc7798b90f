"""Several runs side by side: what differs first, the largest difference in money at the top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from flows.report.credibility import LEAST_TRADES
from flows.report.performance import GroupPerformance
from flows.report.run_report import RunReport
from models.timestamps import SECOND

#: Fields that are compared, by what people call them; the first are dollars.
_MONEY: Final = {
    "net": "net",
    "mid to mid": "gross",
    "net a trade": "expectancy",
    "drawdown": "drawdown",
    "turnover": "turnover",
    "exposure": "exposure",
}
_OTHER: Final = {
    name: name for name in ("trades", "markets", "won", "hit_rate", "profit_factor", "probabilistic_sharpe")
}
MONEY: Final = frozenset(_MONEY)
#: Lengths further apart than this factor are said.
_ALIKE: Final = 1.5


class FigureDifference(msgspec.Struct):
    """A figure of an instance, or a setting (``instance`` is empty then), with its value in each run; None where the
    run has none. ``spread``: largest less smallest, for figures."""

    instance: str
    figure: str
    values: list[float | str | None]
    spread: float = 0.0


class Comparison(msgspec.Struct):
    """``runs`` in the order given; ``settings`` and ``figures`` that differ; ``equal``: how many figures do not.
    ``doubts``: why a difference may say nothing, a sentence each."""

    runs: list[str]
    settings: list[FigureDifference]
    figures: list[FigureDifference]
    equal: int
    doubts: list[str]


def compare_reports(reports: Sequence[RunReport], settings: Sequence[dict[str, Any]]) -> Comparison:
    """Compare runs by their reports and the settings they ran under (plain data, by section)."""
    instances = sorted({each.instance for report in reports for each in report.whole()})
    figures: list[FigureDifference] = []
    equal = 0
    for instance in instances:
        rows = [next((each for each in report.whole() if each.instance == instance), None) for report in reports]
        for name, field in (*_MONEY.items(), *_OTHER.items()):
            values: list[float | str | None] = [None if row is None else _figure(row, field) for row in rows]
            if len(set(values)) == 1:
                equal += 1
                continue
            known = [float(value) for value in values if isinstance(value, int | float)]
            spread = max(known) - min(known) if len(known) > 1 else 0.0
            figures.append(FigureDifference(instance, name, values, round(spread, 6)))
    figures.sort(key=lambda each: (each.figure not in MONEY, -each.spread, each.instance, each.figure))
    return Comparison([each.run for each in reports], _settings(settings), figures, equal, _doubts(reports))


def _doubts(reports: Sequence[RunReport]) -> list[str]:
    doubts = []
    spans = [(each.last_ns - each.first_ns) / (3_600 * SECOND) for each in reports]
    if max(spans) > _ALIKE * min(spans):
        told = ", ".join(f"{each.run} {span:,.1f} h" for each, span in zip(reports, spans, strict=True))
        doubts.append(f"they are of different lengths: {told}. What adds up over time does not compare")
    for each in reports:
        trades = 0
        for row in each.whole():
            trades += row.trades
        if trades < LEAST_TRADES:
            doubts.append(f"{each.run} has {trades} trades, {LEAST_TRADES} at least: what differs may be chance")
    return doubts


def _figure(row: GroupPerformance, field: str) -> float | None:
    """Its value; a drawdown is below zero, as in every table."""
    value: float | None = getattr(row, field)
    return 0.0 - value if field == "drawdown" and value is not None else value


def _settings(settings: Sequence[dict[str, Any]]) -> list[FigureDifference]:
    flat = [dict(_leaves("", each)) for each in settings]
    keys = sorted({key for each in flat for key in each})
    found = []
    for key in keys:
        values: list[float | str | None] = [each.get(key) for each in flat]
        if any(value != values[0] for value in values):
            found.append(FigureDifference("", key, values))
    return found


def _leaves(prefix: str, given: dict[str, Any]) -> list[tuple[str, str]]:
    leaves: list[tuple[str, str]] = []
    for name, value in given.items():
        if isinstance(value, dict):
            leaves += _leaves(f"{prefix}{name}.", value)
        else:
            leaves.append((f"{prefix}{name}", str(value)))
    return leaves
