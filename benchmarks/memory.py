"""Resident memory of every process of `profit up` over hours of simulated feed at sixty times its speed."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import psutil

from api.supervisor.run import PROFIT
from benchmarks.figures import Result, slope
from benchmarks.options import Options
from connectors.kafka.reader import Reader
from models.failures import Failure
from models.settings import Kafka
from models.timestamps import SECOND
from models.topics import FEED_CLOCK

NAME = "memory"
SPEED: Final = 60
#: Spot updates a quarter as often as by default: two cores are to keep up, for what lags behind swings by more than
#: what leaks.
FAST: Final = {"PROFIT_SIMULATOR_FRAMES_PER_S": "10"}
RUN: Final = "memory"
#: Simulated seconds: three hours count, after the time in which all that is kept by time fills up: the longest market
#: runs a quarter of an hour, and the portfolio keeps it for an hour after its end. In a single hour, which takes little
#: more than a minute, what a flow holds while it is behind for a moment would weigh as much as a leak.
COUNTED_S: Final = 3 * 3600
WARM_UP_S: Final = 4500
QUICK_COUNTED_S: Final = 120
QUICK_WARM_UP_S: Final = 60
#: A machine that does not reach the speed gets this many times the wall time it should take.
SLACK: Final = 5.0
START_PATIENCE_S: Final = 60.0
SAMPLE_S: Final = 1.0
MIB: Final = 2**20
#: Growth in an hour that is still called flat: a part of the memory at its beginning, or this much if that is more.
FLAT_SHARE: Final = 0.10
FLAT_MIB: Final = 8.0


@dataclass
class Track:
    """Samples of one process: simulated seconds since the warm-up's end (negative in it), and resident MiB."""

    at: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)

    def add(self, at: float, mib: float) -> None:
        self.at.append(at)
        self.mib.append(mib)

    def counted(self) -> tuple[list[float], list[float]]:
        """The samples after the warm-up."""
        pairs = [(at, mib) for at, mib in zip(self.at, self.mib, strict=True) if at >= 0]
        return [at for at, _ in pairs], [mib for _, mib in pairs]

    def growth(self) -> float:
        """Least-squares slope after the warm-up, MiB a simulated hour."""
        return slope(*self.counted()) * 3600

    def is_flat(self) -> bool:
        """Whether that slope keeps within the bounds of this module."""
        counted = self.counted()[1]
        return abs(self.growth()) <= max(FLAT_SHARE * counted[0], FLAT_MIB)

    def near(self, at: float) -> float:
        """MiB of the sample nearest to a moment."""
        return min(zip(self.at, self.mib, strict=True), key=lambda pair: abs(pair[0] - at))[1]


class _SimulatedTime:
    """How far the simulated clock is, read from the ticks of the feed."""

    def __init__(self, bootstrap: str) -> None:
        self._reader = Reader(Kafka(), bootstrap, [FEED_CLOCK])
        self._reader.start({FEED_CLOCK: 0})
        self.first_ns = self.last_ns = 0

    def look(self) -> int:
        """Simulated nanoseconds since the first tick."""
        while records := self._reader.read(10_000, 0.02):
            self.first_ns = self.first_ns or records[0].t_ns
            self.last_ns = records[-1].t_ns
        return self.last_ns - self.first_ns

    def close(self) -> None:
        self._reader.close()


def measure(options: Options) -> Result:
    """Peak, course and slope of every process."""
    hour, warm_up = (QUICK_COUNTED_S, QUICK_WARM_UP_S) if options.quick else (COUNTED_S, WARM_UP_S)
    with tempfile.TemporaryDirectory(prefix="profit-bench-") as place:
        tracks, factor, covered = watch(Path(place), hour, warm_up, SPEED, options)
    result = Result(NAME)
    report(result, tracks, factor, covered, hour, warm_up)
    return result


def report(result: Result, tracks: dict[str, Track], factor: float, covered: float, hour: int, warm_up: int) -> None:
    """Peak, course, slope and verdict of every process, into ``result``."""
    for name, track in sorted(tracks.items()):
        counted = track.counted()[1]
        if len(counted) < 2:
            result.notes.append(f"{name}: ended in the warm-up, or too short-lived for a slope")
            continue
        result.add(f"{name}: peak", "MiB", [max(track.mib)])
        for share in (25, 50, 75, 100):
            result.add(f"{name}: at {share}%", "MiB", [track.near(covered * share / 100)])
        result.add(f"{name}: slope after warm-up", "MiB/h", [track.growth()])
        result.notes.append(f"{name}: {'flat' if track.is_flat() else 'NOT flat'} after warm-up")
    result.add("speed reached", "x", [factor])
    result.notes.append(
        f"{covered:,.0f} of {hour:,} simulated seconds counted, after {warm_up:,} to warm up; slope per simulated "
        f"hour; flat: within {FLAT_SHARE:.0%} of the memory after warm-up (or {FLAT_MIB:g} MiB) an hour"
    )
    if covered < hour:
        result.notes.append("the machine was too slow for all of it: what is said holds for the part counted")


def watch(
    place: Path,
    hour: int,
    warm_up: int,
    speed: float,
    options: Options,
    words: Sequence[str] = (),
    at_end: Callable[[Path], None] = lambda _: None,
) -> tuple[dict[str, Track], float, float]:
    """Samples by process, the speed reached, and the simulated seconds counted.

    ``words``: further options of `profit up`. ``at_end``: called with the run's folder before the run is ended."""
    (place / "defaults.toml").touch()
    log = (place / "log").open("w+b")
    up = subprocess.Popen(
        (*PROFIT, "up", "--feeds", "sim", "--run", RUN, "--config", str(place / "defaults.toml"), *words),
        env=os.environ
        | {"PROFIT_DATA_DIR": str(place), "PROFIT_SIMULATOR_SPEED": str(speed), "PROFIT_API_PORT": "0"}
        | (FAST if speed > 1 else {}),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    simulated: _SimulatedTime | None = None
    tracks: dict[str, Track] = {}
    try:
        simulated = _SimulatedTime(_bootstrap(place, up))
        begun = time.monotonic()
        deadline = begun + START_PATIENCE_S + (hour + warm_up) / speed * SLACK
        mark = 0.0
        reached = 0.0
        said = -1
        while reached < hour + warm_up and time.monotonic() < deadline:
            time.sleep(SAMPLE_S)
            if up.poll() is not None:
                log.seek(0)
                words = log.read().decode(errors="replace").strip().splitlines()
                raise Failure(f"memory: `profit up` ended early: {' '.join(words[-3:])}", "Try it by itself.")
            reached = simulated.look() / SECOND
            if reached and not mark:
                mark = time.monotonic() - reached / speed
            for name, mib in _resident(up.pid).items():
                tracks.setdefault(name, Track()).add(reached - warm_up, mib)
            if int(reached * 10 / (hour + warm_up)) > said:
                said = int(reached * 10 / (hour + warm_up))
                options.say(f"{reached:,.0f} of {hour + warm_up:,} simulated seconds")
        factor = reached / max(time.monotonic() - mark, 1e-9) if mark else 0.0
        at_end(place / "runs" / RUN)
        return tracks, factor, max(min(reached - warm_up, hour), 0.0)
    finally:
        if simulated is not None:
            simulated.close()
        if up.poll() is None:
            up.send_signal(signal.SIGINT)
        try:
            up.wait(15)
        except subprocess.TimeoutExpired:
            up.kill()  # its children end with it: see connectors.lifeline
            up.wait()
        log.close()


def _bootstrap(place: Path, up: subprocess.Popen[bytes]) -> str:
    """The run's broker, once the run says it."""
    record = place / "runs" / RUN / "run.json"
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline and up.poll() is None:
        if record.is_file() and (text := record.read_bytes()).endswith(b"}\n"):
            return str(msgspec.json.decode(text)["kafka"])
        time.sleep(0.05)
    words = (place / "log").read_text(errors="replace").strip().splitlines()
    raise Failure(f"memory: `profit up` did not start: {' '.join(words[-3:])}", "Try it by itself.")


def _resident(pid: int) -> dict[str, float]:
    """MiB by process of the run."""
    found: dict[str, float] = {}
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return found
    for process in family:
        try:
            name = "supervisor" if process.pid == pid else name_of(process.cmdline())
            found[name] = found.get(name, 0.0) + process.memory_info().rss / MIB
        except psutil.Error:
            continue
    return found


def name_of(words: list[str]) -> str:
    """What a process of the run is, by its command line."""
    if "api.cli.main" in words:
        rest = words[words.index("api.cli.main") + 1 :]
        return " ".join(rest[:2]) if rest[:1] == ["flow"] else "".join(rest[:1])
    if "connectors.broker" in words:
        return "broker"
    return Path(words[0]).name if words else "unknown"
