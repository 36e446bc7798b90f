"""One hour of `profit up` in real time, with every kind of fault again and again: memory, tasks, and what was seen.

Not part of the benchmarks that run by default: it takes its hour.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from api.supervisor.run import ADDRESSES
from benchmarks.figures import Result
from benchmarks.memory import RUN, Track, report, watch
from benchmarks.options import Options
from connectors.archive.reader import open_archive
from connectors.simulator.child import read_urls
from connectors.simulator.faults.timeline import Timeline, as_toml, load
from models.timestamps import SECOND
from models.topics import QUALITY, TELEMETRY

NAME = "endurance"
HOUR_S: Final = 3600
WARM_UP_S: Final = 300
QUICK_HOUR_S: Final = 60
QUICK_WARM_UP_S: Final = 20
MIXED: Final = Path("docs/faults-mixed.toml")
LAP_S: Final = 720.0  # the timeline's short faults come again after so long
MOST_INJECTIONS: Final = 10_000  # injections the exchange tells one by one
#: From the evidence's sending to the end of the quality window that must hold it: a tick, the way, and the window.
SEEN_WITHIN_S: Final = 12


def laps(mixed: Timeline, duration_s: float) -> Timeline:
    """The faults of one lap again and again; what lasts longer than a lap, or comes after it, once."""
    once = [fault for fault in mixed.fault if fault.at_s >= LAP_S or (fault.for_s or 0) >= LAP_S]
    again = [fault for fault in mixed.fault if fault not in once]
    number = int(duration_s // LAP_S)
    faults = once + [
        fault.model_copy(update={"at_s": fault.at_s + lap * LAP_S})
        for lap in range(max(number, 1))
        for fault in again
        if fault.at_s + lap * LAP_S < duration_s - 2 * SEEN_WITHIN_S
    ]
    return Timeline(seed=mixed.seed, fault=tuple(sorted(faults, key=lambda fault: fault.at_s)))


def measure(options: Options) -> Result:
    """Memory and tasks over the hour, and of each fault whether it is to be seen in ``quality``."""
    hour, warm_up = (QUICK_HOUR_S, QUICK_WARM_UP_S) if options.quick else (HOUR_S, WARM_UP_S)
    result = Result(NAME)
    truth: dict[str, Any] = {}

    def ask(run: Path) -> None:
        base = read_urls(run / ADDRESSES).clock.removesuffix("/clock")
        truth.update(httpx.get(f"{base}/truth", params={"last": MOST_INJECTIONS}, timeout=10).raise_for_status().json())

    with tempfile.TemporaryDirectory(prefix="profit-bench-") as name:
        place = Path(name)
        (place / "faults.toml").write_text(as_toml(laps(load(MIXED), hour + warm_up)))
        words = ("--faults", str(place / "faults.toml"))
        tracks, factor, covered = watch(place, hour, warm_up, 1.0, options, words, ask)
        archive = place / "runs" / RUN / "archive"
        rows = list(_rows(archive, QUALITY))
        telemetry = list(_rows(archive, TELEMETRY))
        log = (place / "log").read_text(errors="replace")
    report(result, tracks, factor, covered, hour, warm_up)
    _tasks(result, telemetry, warm_up)
    _seen(result, truth, rows)
    restarted = [line for line in log.splitlines() if "started again" in line]
    result.notes.append(
        f"processes started again: {len(restarted)}{': ' if restarted else ''}{'; '.join(restarted)[:500]}"
    )
    return result


def _rows(archive: Path, topic: str) -> Iterator[dict[str, Any]]:
    for record in open_archive(archive).read(topic):
        yield msgspec.json.decode(record.value)


def _tasks(result: Result, telemetry: list[dict[str, Any]], warm_up: int) -> None:
    """Asyncio tasks, threads and open files of those that tell them, over the time after the warm-up."""
    tracks: dict[str, Track] = {}
    begin = min((record["timestamp"] for record in telemetry), default=0)
    rows = ({"timestamp": record["timestamp"], **row} for record in telemetry for row in record["modules"])
    for row in rows:
        for gauge in ("tasks", "threads", "files"):
            value = row["gauges"].get(gauge)
            if value is not None and row["status"] not in ("stopped", "failed"):
                at = (row["timestamp"] - begin) / SECOND - warm_up
                tracks.setdefault(f"{row['module']}: {gauge}", Track()).add(at, float(value))
    for name, track in sorted(tracks.items()):
        counted = track.counted()[1]
        if len(counted) > 1:
            result.add(name, "number", counted)
            result.add(f"{name}, last", "number", [counted[-1]])


def _seen(result: Result, truth: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Of each kind: how often it struck, how often that left certain evidence, and how often a reason shows it."""
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["reason"], []).append(row["window_end"])
    struck: Counter[str] = Counter(truth["injected"])
    certain: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for each in truth["last"]:
        if not each["detectable"]:
            continue
        certain[each["kind"]] += 1
        shown = each["shown_ns"]
        windows = (end for reason in each["reasons"] for end in found.get(reason, ()))
        seen[each["kind"]] += any(shown < end <= shown + 2 * SEEN_WITHIN_S * SECOND for end in windows)
    for kind in sorted(struck):
        result.notes.append(f"{kind}: struck {struck[kind]}, certain evidence {certain[kind]}, seen {seen[kind]}")
    counts: Counter[str] = Counter()
    for row in rows:
        if not row.get("strategy"):
            counts[row["reason"]] += row["count"]
    result.notes.append("quality: " + ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items())))
    result.notes.append(f"frames sent: {truth['frames']}, connections {truth['connections']}, open {truth['open']}")
