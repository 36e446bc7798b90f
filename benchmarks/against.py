"""This working copy against another revision of the project: ``make bench-against REV=c4ebca5``.

The other revision is checked out and set up in a folder of its own. Both replay the same archive and run the trading
benchmark of their own, in turns; a ratio is taken round by round.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from api.cli.bench import show
from benchmarks.figures import Result, alternate, machine
from models.failures import Failure

ROOT: Final = Path(__file__).parents[1]
RECORDING: Final = "polymarket_hourly_minute"
MIB: Final = 1024  # of ru_maxrss, which counts KiB
HERE: Final = "here"


class Replay(NamedTuple):
    """A whole `profit replay`: seconds of wall and processor time, MiB of its largest process, and what it printed."""

    wall: float
    cpu: float
    mib: float
    summary: dict[str, Any]


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """A folder with the revision, set up. Raises Failure for a revision that is none, or cannot be set up."""
    with tempfile.TemporaryDirectory(prefix="profit-against-") as place:
        tree = Path(place) / "tree"
        _call(["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], ROOT)
        try:
            _call(["make", "setup"], tree)
            yield tree
        finally:
            _call(["git", "worktree", "remove", "--force", str(tree)], ROOT)


def _call(words: list[str], folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise Failure(f"`{' '.join(words)}` in {folder} failed: {last[0]}", "Run it by hand to see all of it.")
    return done.stdout


def replay(tree: Path, feeds: Path, place: Path) -> Replay:
    """One replay of ``feeds`` by the code in ``tree``, into a new folder of ``place``."""
    data = place / f"data-{time.monotonic_ns()}"
    words = [str(tree / ".venv/bin/profit"), "replay", str(feeds), "--run", "bench", "--json"]
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            words, cwd=tree, stdout=out, stderr=errors, env={**os.environ, "PROFIT_DATA_DIR": str(data)}
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
            raise Failure(f"the replay in {tree} failed: {last[0]}", "Run it by hand to see all of it.")
        out.seek(0)
        return Replay(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / MIB, json.load(out))


def trading(tree: Path) -> float:
    """Journal events a second of the trading flow, by the benchmark of ``tree``."""
    text = _call([str(tree / ".venv/bin/profit"), "bench", "trading", "--json"], tree)
    figures = json.loads(text)["results"][0]["figures"]
    return float(next(each["median"] for each in figures if each["name"] == "trading flow"))


def measure(revision: str, data: Path, rounds: int) -> list[Result]:
    recording = data / RECORDING
    if not recording.is_dir():
        raise Failure(f"there is no recording {recording}.", "Name the folder of recordings with --data.")
    with checked_out(revision) as tree, tempfile.TemporaryDirectory(prefix="profit-against-") as name:
        place = Path(name)
        feeds = place / "feeds"
        kind = [str(tree / ".venv/bin/profit"), "import", "hourly-minute", str(recording.resolve())]
        _call([*kind, "--archive", str(feeds)], tree)
        trees = {HERE: ROOT, revision: tree}
        runs = alternate(rounds, {label: lambda at=at: replay(at, feeds, place) for label, at in trees.items()})
        rates = alternate(max(rounds // 2, 1), {label: lambda at=at: trading(at) for label, at in trees.items()})
    replays = Result(f"replay of {RECORDING}")
    for label, each in runs.items():
        replays.add(f"{label}: whole command", "s", [run.wall for run in each])
        replays.add(f"{label}: processor time of all processes", "s", [run.cpu for run in each])
        replays.add(f"{label}: largest process", "MiB", [run.mib for run in each])
    pairs = list(zip(runs[revision], runs[HERE], strict=True))
    replays.add(f"{revision} / {HERE}: whole command", "ratio", [old.wall / new.wall for old, new in pairs])
    replays.add(f"{revision} / {HERE}: processor time", "ratio", [old.cpu / new.cpu for old, new in pairs])
    events = runs[HERE][0].summary["journal_events"]
    replays.notes.append(f"{events:,} journal events; audit.duckdb and report included")
    flow = Result("trading flow, each by its own benchmark")
    for label, values in rates.items():
        flow.add(label, "events/s", values)
    flow.add(
        f"{HERE} / {revision}", "ratio", [new / old for new, old in zip(rates[HERE], rates[revision], strict=True)]
    )
    return [replays, flow]


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("revision")
    asked.add_argument("--data", type=Path, default=Path("../shared/data"))
    asked.add_argument("--rounds", type=int, default=3)
    given = asked.parse_args()
    try:
        for result in measure(given.revision, given.data, given.rounds):
            show(result)
    except Failure as failure:
        print(f"{failure.cause}\n{failure.cure}", file=sys.stderr)
        return 1
    print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine().items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
