"""A sweep on one and on two processes: events a second that a core takes, and how much faster two of them are.

An event counts once for each parameter set that hears it. The journal is decoded once a handful of sets.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.figures import Result
from benchmarks.options import Options
from connectors.archive.reader import ArchiveReader
from connectors.simulator.archiving import simulate_archive
from connectors.simulator.exchange import ExchangeParameters
from flows.research.grid import combinations
from flows.research.journal import journal_of
from flows.research.sweep import Sweep
from models.settings import Settings
from models.topics import JOURNAL

NAME = "sweep"
SECONDS, QUICK_SECONDS = 1_200, 60
ROUNDS = 3
SETS = "fair_value.min_edge=0.01:0.08:0.01"  # eight


def measure(options: Options) -> Result:
    """Events a second by processes, and the speed-up at two, alternately."""
    result = Result(NAME)
    seconds, rounds = (QUICK_SECONDS, 1) if options.quick else (SECONDS, ROUNDS)
    settings = Settings.model_construct()
    sets = combinations([SETS])
    with tempfile.TemporaryDirectory(prefix="profit-bench-") as place:
        archive = Path(place) / "archive"
        given = ExchangeParameters(horizons=("5m",), lag_s=4.0, maker_error=0.08, frames_per_s=8.0)
        options.say(f"simulating {seconds} s")
        simulate_archive(archive, given, settings.feeds, settings.checks, seconds)
        journal = journal_of(archive, Path(place) / "journal", settings)
        events = ArchiveReader(journal).count(JOURNAL) * len(sets)
        rates: dict[int, list[float]] = {1: [], 2: []}
        per_core: list[float] = []
        for number in range(rounds):
            for workers in (1, 2):
                options.say(f"round {number + 1} of {rounds}, {workers} processes")
                before, begun = _children(), time.perf_counter()
                sweep = Sweep(Path(place) / f"{number}-{workers}", archive, sets, settings)
                sweep.run(journal, workers)
                took = time.perf_counter() - begun
                rates[workers].append(events / took)
                if workers == 1:
                    per_core.append(events / (_children() - before))
    for workers, found in rates.items():
        result.add(f"events/s, {workers} process{'es' * (workers > 1)}", "events/s", found)
    result.add("events a second of processor time", "events/s", per_core)
    pairs = zip(rates[2], rates[1], strict=True)
    result.add("speed-up at two processes", "ratio", [two / one for two, one in pairs])
    result.notes.append(
        f"{len(sets)} sets, {events // len(sets):,} journal events ({seconds} simulated seconds); "
        f"{psutil.cpu_count(logical=False)} cores, {os.cpu_count()} threads; starts of processes are counted"
    )
    return result


def _children() -> float:
    """Processor seconds of processes that ended."""
    times = os.times()
    return times.children_user + times.children_system
