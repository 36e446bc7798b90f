"""Fault timelines by the thousand: ``python -m tests.faults.soak --first 0 --count 20000``.

Each seed is a timeline and a scene; a range can be cut and taken up where it ended. Failures are printed with the
timeline that repeats them; the end is a table of what was injected and what was found.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from connectors.simulator.faults.draw import random_timeline
from connectors.simulator.faults.timeline import ResolutionFault, Timeline
from tests.faults.timelines import LATEST, TRIED, scene
from tests.faults.verdict import Verdict, report, try_timeline

CHUNK = 10
REPORT_EVERY_S = 30.0


@dataclass
class Total:
    """What a range of seeds came to."""

    timelines: int = 0
    single: int = 0
    trading: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    timelines_by_kind: Counter[str] = field(default_factory=Counter)
    strokes: Counter[str] = field(default_factory=Counter)
    due: Counter[str] = field(default_factory=Counter)
    reported: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    by_strategy: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    exits: int = 0
    fills: int = 0

    def add(self, timeline: Timeline, verdict: Verdict) -> None:
        self.timelines += 1
        self.single += len(timeline.fault) == 1
        self.trading += verdict.entries > 0
        self.timelines_by_kind.update({fault.kind for fault in timeline.fault})
        self.entries += verdict.entries
        self.exits += verdict.exits
        self.fills += verdict.fills
        for ours, its in (
            (self.strokes, verdict.strokes),
            (self.due, verdict.due),
            (self.reported, verdict.reported),
            (self.findings, verdict.findings),
            (self.by_strategy, verdict.by_strategy),
        ):
            ours.update(its)

    def merge(self, other: Total) -> None:
        for name in ("timelines", "single", "trading", "entries", "exits", "fills"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("timelines_by_kind", "strokes", "due", "reported", "findings", "by_strategy"):
            getattr(self, name).update(getattr(other, name))
        self.failures.update(other.failures)

    def lines(self) -> Iterator[str]:
        yield f"{self.timelines} timelines ({self.single} of one fault), {len(self.failures)} failed"
        share = 100 * self.trading / max(self.timelines, 1)
        orders = ", ".join(f"{name} {count}" for name, count in sorted(self.by_strategy.items()))
        yield f"{self.trading} ({share:.0f}%) traded: {self.entries} entries, {self.exits} exits, {self.fills} fills"
        yield f"orders by strategy: {orders}"
        yield f"{'fault':<16}{'timelines':>10}{'strokes':>10}{'due':>10}{'reported':>10}"
        for kind in sorted(self.timelines_by_kind):
            numbers = (self.timelines_by_kind[kind], self.strokes[kind], self.due[kind], self.reported[kind])
            yield f"{kind:<16}" + "".join(f"{number:>10}" for number in numbers)
        yield "findings: " + ", ".join(f"{reason} {count}" for reason, count in sorted(self.findings.items()))


def timeline_of(seed: int) -> Timeline:
    """One fault in a quarter of the timelines, so that counts can be exact; else up to six. Odd resolutions are decreed
    before a market ends, and happen within the run."""
    timeline = random_timeline(seed, LATEST, TRIED, most=1 if seed % 4 == 0 else 6)
    drawn = [
        each.model_copy(update={"at_s": 1.0, "for_s": 30.0, "by_s": round(1 + each.by_s / 10, 3)})
        if isinstance(each, ResolutionFault)
        else each
        for each in timeline.fault
    ]
    return timeline.model_copy(update={"fault": tuple(sorted(drawn, key=lambda fault: fault.at_s))})


def try_seeds(seeds: range) -> Total:
    """Try each; what breaks is a failure like any other."""
    total = Total()
    for seed in seeds:
        timeline = timeline_of(seed)
        try:
            verdict = try_timeline(timeline, scene(seed))
        except Exception:
            total.timelines += 1
            total.failures[seed] = report(timeline, scene(seed), Verdict([traceback.format_exc()]))
            continue
        total.add(timeline, verdict)
        if verdict.problems:
            total.failures[seed] = report(timeline, scene(seed), verdict)
    return total


def prepare() -> None:
    """Before a worker's first timeline. What is loaded by now stays, and a timeline leaves few cycles: to look through
    everything for them time and again takes a tenth of the processor."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 10, 10)


def soak(first: int, count: int, workers: int, tell: bool = False) -> Total:
    """Seeds ``first`` and the ``count - 1`` after it, over several processes."""
    chunks = [range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    total, began, reported = Total(), time.monotonic(), time.monotonic()
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), prepare) as pool:
        for chunk, part in zip(chunks, pool.map(try_seeds, chunks), strict=True):
            total.merge(part)
            if not tell:
                continue
            for seed, text in part.failures.items():
                print(f"--- seed {seed}\n{text}", flush=True)
            if time.monotonic() - reported > REPORT_EVERY_S:
                reported = time.monotonic()
                rate = total.timelines / (reported - began)
                print(
                    f"{total.timelines} of {count}, {len(total.failures)} failed, {rate:.1f} a second; "
                    f"to go on from here: FIRST={chunk.stop} COUNT={first + count - chunk.stop}",
                    flush=True,
                )
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description="Fault timelines against the oracle.")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    total = soak(given.first, given.count, given.workers, tell=True)
    print("\n".join(total.lines()))
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
