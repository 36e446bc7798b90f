"""Plots of a report as SVG text: lines over time, bars, and the waterfall of costs. Colours come from the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from models.timestamps import SECOND, utc

_WIDTH, _HEIGHT = 860, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 12, 12, 28
_BAR = 24
_LABEL = 170

Point = tuple[float, float]


def lines(series: Mapping[str, Sequence[Point]], unit: str) -> str:
    """Each series as steps over time: (Unix s, value)."""
    points = [point for each in series.values() for point in each]
    if not points:
        return "<p>Nothing to draw: no trade has closed.</p>"
    first, last = min(t for t, _ in points), max(t for t, _ in points)
    low, high = min(0.0, *(v for _, v in points)), max(0.0, *(v for _, v in points))
    span, height = max(last - first, 1.0), (high - low) or 1.0

    def x(t: float) -> float:
        return round(_LEFT + (t - first) / span * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        return round(_TOP + (high - value) / height * (_HEIGHT - _TOP - _BOTTOM), 1)

    parts = [_open(_WIDTH, _HEIGHT + 18 * len(series))]
    for value in (low, (low + high) / 2, high):
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value)}" y2="{y(value)}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4}" text-anchor="end">{value:,.2f}</text>')
    parts.append(f'<line class="zero" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(0)}" y2="{y(0)}"/>')
    for t, anchor in ((first, "start"), (last, "end")):
        when = utc(int(t) * SECOND, "minute")
        parts.append(f'<text x="{x(t)}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{when}</text>')
    for number, (name, each) in enumerate(series.items()):
        steps = [f"{x(first)},{y(0)}"]
        before = 0.0
        for t, value in each:
            steps += [f"{x(t)},{y(before)}", f"{x(t)},{y(value)}"]
            before = value
        steps.append(f"{x(last)},{y(before)}")
        parts.append(f'<polyline class="line s{number % 8}" points="{" ".join(steps)}"/>')
        below = _HEIGHT + 14 + 18 * number
        parts.append(
            f'<line class="line s{number % 8}" x1="{_LEFT}" x2="{_LEFT + 24}" y1="{below - 4}" y2="{below - 4}"/>'
        )
        parts.append(f'<text x="{_LEFT + 32}" y="{below}">{escape(name)}: {before:,.2f} {escape(unit)}</text>')
    return "".join((*parts, "</svg>"))


def bars(rows: Sequence[tuple[str, float]], unit: str) -> str:
    """Horizontal bars on both sides of zero."""
    return _bars([(name, 0.0, value, value) for name, value in rows], unit)


def waterfall(first: tuple[str, float], steps: Sequence[tuple[str, float]], last: str, unit: str) -> str:
    """From the first value down (or up) each step to what is left."""
    rows = [(first[0], 0.0, first[1], first[1])]
    level = first[1]
    for name, change in steps:
        rows.append((name, level, level + change, change))
        level += change
    rows.append((last, 0.0, level, level))
    return _bars(rows, unit)


def _bars(rows: Sequence[tuple[str, float, float, float]], unit: str) -> str:
    """(name, from, to, what is written)."""
    ends = [0.0, *(end for _, begin, to, _ in rows for end in (begin, to))]
    low, high = min(ends), max(ends)
    width = (high - low) or 1.0

    def x(value: float) -> float:
        return round(_LABEL + (value - low) / width * (_WIDTH - _LABEL - 120), 1)

    parts = [_open(_WIDTH, _BAR * len(rows) + 8)]
    for number, (name, begin, to, value) in enumerate(rows):
        top = 4 + number * _BAR
        left, right = sorted((x(begin), x(to)))
        kind = "up" if to >= begin else "down"
        parts.append(f'<text x="{_LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect class="{kind}" x="{left}" y="{top + 3}" width="{max(right - left, 1):.1f}" height="{_BAR - 8}"/>'
        )
        parts.append(f'<text x="{right + 6}" y="{top + 15}">{value:+,.2f} {escape(unit)}</text>')
    parts.append(f'<line class="zero" x1="{x(0)}" x2="{x(0)}" y1="0" y2="{_BAR * len(rows) + 8}"/>')
    return "".join((*parts, "</svg>"))


def _open(width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-size="12">'
    )
