"""A module's gauges in words a person reads at a glance, with their units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from models.contracts import Number
from models.timestamps import SECOND

_OMITTED: Final = frozenset({"state", "since", "why", "transitions", "pid", "last_exit", "lag_frames"})
_FIRST: Final = ("faults_running", "faults_to_come")
_MIB: Final = 1 << 20
_MOST: Final = 8  # what does not fit a line nobody reads


def tell(timestamp: int, gauges: Mapping[str, Number]) -> str:
    """``gauges`` of a telemetry row of ``timestamp`` (Unix ns, event time); "" when they say nothing."""
    parts: list[str] = []
    since = gauges.get("since")
    if isinstance(since, int) and 0 < since <= timestamp:
        parts.append(f"for {duration((timestamp - since) / SECOND)}")
    for name in (*(name for name in _FIRST if name in gauges), *(name for name in gauges if name not in _FIRST)):
        value = gauges[name]
        if name in _OMITTED or name.startswith("pid_") or value is None or "_p90" in name or "_p99" in name:
            continue
        if "_p50" in name:
            tail = gauges.get(name.replace("_p50", "_p99"))
            words, amount = _measured(name.replace("_p50", ""), value)
            high = f", p99 {_measured(name, tail)[1]}" if tail is not None else ""
            parts.append(f"{words} p50 {amount}{high}")
        else:
            parts.append(" ".join(_measured(name, value)))
    return "; ".join(parts[:_MOST])


def duration(seconds: float) -> str:
    """``12 s``, ``3 min``, ``2 h 5 min``, ``3 d 4 h``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _measured(name: str, value: Number) -> tuple[str, str]:
    """The name in words, and the value with the unit that the name ends in, turned into one that suits its size."""
    stem, _, unit = name.rpartition("_")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if unit == "ms":
            return _words(stem), f"{_number(value)} ms" if value < 1_000 else _seconds(value / 1_000)
        if unit == "s":
            return _words(stem), _seconds(value)
        if unit in ("mib", "bytes"):
            return _words(stem), f"{_number(value / _MIB if unit == 'bytes' else value)} MiB"
    return _words(name), _number(value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _seconds(seconds: float) -> str:
    return f"{_number(seconds)} s" if seconds < 60 else duration(seconds)


def _number(value: Number) -> str:
    """Three digits that count, thousands apart."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 100:
        return f"{round(value):,}"
    return f"{value:.{1 if abs(value) >= 10 else 2}f}".rstrip("0").rstrip(".")
