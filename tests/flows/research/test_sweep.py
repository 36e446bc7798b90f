"""Sweeps: the fills of a replay, whatever the number of processes; and a killed one goes on where it stood."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from connectors.archive.reader import ArchiveReader
from connectors.simulator.exchange import ExchangeParameters
from flows.report.round_trips import round_trips
from flows.research.grid import combinations
from flows.research.sweep import CONTENT
from flows.research.workers import run_jobs
from models.contracts import Fill, Outcome
from models.failures import Failure
from models.money import DOLLAR
from models.topics import FILLS, OUTCOMES
from tests.commands import assert_explained, profit
from tests.conftest import ROOT
from tests.once import once
from tests.recordings import LAGGING, simulate

SWEPT = ("--set", "fair_value.min_edge=0.01,0.05", "--set", "parity.enabled=false")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes in which a market opens, trades and resolves."""
    given = ExchangeParameters(**{**vars(LAGGING), "frames_per_s": 2.0, "steps_per_s": 5})
    return once(tmp_path_factory, "ten-minutes", lambda folder: simulate(folder / "archive", 620, given)) / "archive"


def swept(folder: Path, recording: Path, *words: str) -> dict[str, Any]:
    done = profit(folder, "sweep", str(recording), *SWEPT, "--json", *words)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.takes(30)
def test_a_sweep_comes_to_what_replays_come_to(recording: Path, tmp_path: Path) -> None:
    report = swept(tmp_path, recording, "--run", "one", "--workers", "2")
    assert report["looked_at"] == 2 and [row["net"] for row in report["results"]] == sorted(
        (row["net"] for row in report["results"]), reverse=True
    )
    for number, row in enumerate(report["results"]):
        words = [word for change in row["changes"] for word in ("--set", change)]
        done = profit(tmp_path, "replay", str(recording), "--run", f"r{number}", *words)
        assert done.returncode == 0, done.stderr
        reader = ArchiveReader(tmp_path / f"data/runs/r{number}/archive")
        trips, still_open = round_trips(
            [Fill.read(each.value) for each in reader.read(FILLS)],
            [Outcome.read(each.value) for each in reader.read(OUTCOMES)],
        )
        assert len(trips) == row["trades"] > 3 and len(still_open) == row["open"]
        net = 0
        for trip in trips:
            net += trip.net
        assert net / DOLLAR == row["net"]
    alone = swept(tmp_path, recording, "--run", "two", "--workers", "1")
    assert alone["results"] == report["results"]
    trials = (tmp_path / "data/research/trials.jsonl").read_text().splitlines()
    assert len(trials) == 4 and alone["tried"] == 2  # two sets of two strategies; the same again is no further trial


@pytest.mark.takes(30)
def test_a_killed_sweep_goes_on(recording: Path, tmp_path: Path) -> None:
    whole = swept(tmp_path, recording, "--run", "whole", "--workers", "1")
    results = tmp_path / "data/sweeps/whole/results.jsonl"
    lines = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(lines[0] + lines[1][:-20])  # the second line was being written
    again = profit(tmp_path, "sweep", str(recording), *SWEPT, "--json", "--run", "whole")
    assert "going on: 1 of 2 sets are done" in again.stderr
    assert json.loads(again.stdout) == whole
    assert sorted(results.read_bytes().splitlines()) == sorted(line.strip() for line in lines)
    other = profit(tmp_path, "sweep", str(recording), "--set", "parity.enabled=false", "--run", "whole")
    assert_explained(other, "was begun with another archive, other sets or other settings")
    (tmp_path / "data/sweeps/whole" / CONTENT).write_text("of an archive that was replaced")
    assert_explained(profit(tmp_path, "sweep", str(recording), *SWEPT, "--run", "whole"), "is another than its first")


@pytest.mark.takes(30)
def test_no_process_outlives_a_sweep_that_was_killed(recording: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "api.cli.main", "sweep", str(recording), *SWEPT, "--run", "a", "--workers", "2"]
    environment = {**os.environ, "PROFIT_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(_children(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    children = _children(process.pid)
    assert len(children) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    while any(_is_alive(each) for each in children):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in path.read_text().split()] if path.exists() else []


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to sweep"),
        (("--set", "fair_value.min_egde=1,2"), "Did you mean fair_value.min_edge?"),
        (("--set", "fair_value.min_edge=0.05:0.01:0.01"), "The first must be below the second"),
        (("--set", "fair_value.min_edge=a:b:c"), "of three numbers"),
        (("--set", "fair_value.min_edge=0.1,0.1"), "a value is given twice"),
        (("--set", "fair_value.min_edge=0.1,"), "a value is missing"),
        (("--set", "fair_value.min_edge=0:1:0.000001"), "values"),
        (("--set", "checks.max_spread=0.1,0.2"), "the journal depends on it"),
        (("--set", "simulator.lag_s=0.1,0.2"), "no decision of a replay depends on it"),
        (("--set", "parity.enabled=true", "--instance", "nobody"), "there is no instance nobody"),
    ],
    ids=["none", "near", "range", "numbers", "twice", "missing", "many", "checks", "irrelevant", "instance"],
)
def test_what_cannot_be_swept_is_explained(recording: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert_explained(profit(tmp_path, "sweep", str(recording), *words), said)
    assert not (tmp_path / "data").exists()


def test_a_failure_in_a_process_is_told() -> None:
    with pytest.raises(Failure, match="a job failed"):
        list(run_jobs("tests.flows.research.test_sweep:fails", [1, 2], 2))
    with pytest.raises(Failure, match="ended with code 7") as died:
        list(run_jobs("tests.flows.research.test_sweep:dies", [1], 1, again="Begin anew."))
    assert died.value.cure.endswith("use fewer --workers. Begin anew.")


def fails(job: int, progress: object) -> None:
    raise Failure("a job failed", "Mend it.")


def dies(job: int, progress: object) -> None:
    os._exit(7)


def test_combinations_are_all_in_order() -> None:
    sets = combinations(["a=1,2", "b=0.1:0.3:0.1"])
    assert sets == [
        ("a=1", "b=0.1"), ("a=1", "b=0.2"), ("a=1", "b=0.3"), ("a=2", "b=0.1"), ("a=2", "b=0.2"), ("a=2", "b=0.3"),
    ]  # fmt: skip
    with pytest.raises(Failure, match="given twice"):
        combinations(["a=1", "a=2"])
