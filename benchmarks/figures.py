"""What a benchmark measured: figures over several rounds, their median and their range."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psutil

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """One quantity, a value a round. Raises ValueError when there is none."""

    name: str
    unit: str
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"figure {self.name!r} has no value")

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "rounds": len(self.values),
        }


@dataclass
class Result:
    """What one benchmark came to. ``skipped`` says why there are no figures."""

    benchmark: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str = ""

    def add(self, name: str, unit: str, values: list[float]) -> None:
        self.figures.append(Figure(name, unit, tuple(values)))

    def as_dict(self) -> dict[str, Any]:
        return {
            "benchmark": self.benchmark,
            "skipped": self.skipped,
            "figures": [figure.as_dict() for figure in self.figures],
            "notes": self.notes,
        }


class Pace(NamedTuple):
    """Items a second of wall time, and a second of this process's processor time: the second hardly depends on what
    else the machine does."""

    wall: float
    cpu: float


class Stopwatch:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def pace(self, items: int) -> Pace:
        return Pace(items / (time.perf_counter() - self._wall), items / (time.process_time() - self._cpu))


def alternate(rounds: int, contenders: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Run all contenders ``rounds`` times, in turns, every other round backwards: what else the machine does meanwhile
    falls on all of them alike. One round before them warms up and does not count. The values of each contender, in the
    order of the rounds."""
    for contender in contenders.values():
        contender()
    values: dict[str, list[T]] = {name: [] for name in contenders}
    for number in range(rounds):
        names = list(contenders) if number % 2 == 0 else list(contenders)[::-1]
        for name in names:
            values[name].append(contenders[name]())
    return values


def add_paces(result: Result, unit: str, paces: Mapping[str, list[Pace]], against: str) -> None:
    """Rates of every contender, and its ratio to ``against``, round by round, of both kinds of time."""
    for name, each in paces.items():
        result.add(name, f"{unit}/s", [pace.wall for pace in each])
    for name, each in paces.items():
        if name != against:
            pairs = list(zip(each, paces[against], strict=True))
            result.add(f"{name} / {against}", "ratio", [one.wall / other.wall for one, other in pairs])
            result.add(f"{name} / {against}, processor time", "ratio", [one.cpu / other.cpu for one, other in pairs])


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of all do not exceed. Raises ValueError when there is none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def slope(xs: list[float], ys: list[float]) -> float:
    """Least-squares slope of ``ys`` over ``xs``; 0 where it is not defined."""
    if len(set(xs)) < 2:
        return 0.0
    return statistics.linear_regression(xs, ys).slope


def machine() -> dict[str, Any]:
    """The machine's class and what else it was doing at this moment."""
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "load_1_min": round(psutil.getloadavg()[0], 2),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
