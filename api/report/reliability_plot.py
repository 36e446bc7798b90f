"""A reliability diagram as an SVG file: forecast against observed frequency, one panel a horizon."""

from __future__ import annotations

from flows.report.fair_value import FairValueReport
from models.scores import Bin

_PANEL = 240
_MARGIN = 46
_GAP = 30


def draw(report: FairValueReport) -> str:
    """The diagram of a fair value report as SVG text."""
    titles = {
        name: f"{name} s left, Brier {report.horizons[name]['fair_value'].brier:.3f}" for name in report.reliability
    }
    return diagram(report.reliability, titles)


def diagram(reliability: dict[str, list[Bin]], titles: dict[str, str]) -> str:
    """One panel a horizon, as SVG text."""
    width = _MARGIN + len(reliability) * (_PANEL + _GAP) + 10
    height = _PANEL + 2 * _MARGIN + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="11" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_MARGIN}" y="18" font-size="14" style="fill:#222">'
        "Fair value: forecast against observed frequency of Up</text>",
    ]
    for number, (name, bins) in enumerate(reliability.items()):
        parts.append(_panel(_MARGIN + number * (_PANEL + _GAP), _MARGIN, titles[name], bins))
    parts.append("</svg>\n")
    return "\n".join(parts)


def _panel(left: int, top: int, title: str, bins: list[Bin]) -> str:
    def x(value: float) -> float:
        return round(left + value * _PANEL, 1)

    def y(value: float) -> float:
        return round(top + (1.0 - value) * _PANEL, 1)

    lines = [
        f'<text style="fill:#222" x="{left}" y="{top - 8}">{title}</text>',
        f'<rect x="{left}" y="{top}" width="{_PANEL}" height="{_PANEL}" fill="none" stroke="#999"/>',
        f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" stroke="#bbb" stroke-dasharray="4 3"/>',
    ]
    for tick in (0.0, 0.5, 1.0):
        lines.append(f'<text x="{x(tick)}" y="{top + _PANEL + 14}" text-anchor="middle">{tick:g}</text>')
        lines.append(f'<text x="{left - 6}" y="{y(tick) + 4}" text-anchor="end">{tick:g}</text>')
    lines.append(f'<text x="{x(0.5)}" y="{top + _PANEL + 30}" text-anchor="middle">forecast</text>')
    path = " ".join(f"{x(each.forecast)},{y(each.observed)}" for each in bins)
    lines.append(f'<polyline points="{path}" fill="none" stroke="#1a6" stroke-width="1.5"/>')
    for each in bins:
        at = x(each.forecast)
        lines.append(
            f'<line x1="{at}" y1="{y(each.interval_low)}" x2="{at}" y2="{y(each.interval_high)}" stroke="#1a6"/>'
            f'<circle cx="{at}" cy="{y(each.observed)}" r="4" fill="#1a6"><title>{each.n} forecasts</title></circle>'
        )
    return "\n".join(lines)
