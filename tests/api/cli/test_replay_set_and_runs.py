"""`profit replay --set` changes a replay, is part of its plan, and `profit runs` lists what became of each run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.runs import LOCK, first_begun, locked
from api.server.run_list import EndedRuns, RunList
from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from connectors.simulator.exchange import ExchangeParameters
from models.settings import Settings
from tests.commands import assert_explained, profit
from tests.conftest import ROOT
from tests.once import once
from tests.recordings import LAGGING, simulate

SET = ("--set", "fair_value.min_edge=0.25")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = ExchangeParameters(**{**vars(LAGGING), "frames_per_s": 4.0})
    return once(tmp_path_factory, "two-minutes", lambda folder: simulate(folder / "archive", 120, given)) / "archive"


def rows(folder: Path) -> dict[str, Any]:
    done = profit(folder, "runs", "--json")
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


@pytest.mark.takes(25)
def test_a_key_that_is_set_changes_the_replay_and_is_kept_with_it(recording: Path, tmp_path: Path) -> None:
    for name, words in (("plain", ()), ("picky", SET)):
        done = profit(tmp_path, "replay", str(recording), "--run", name, *words)
        assert done.returncode == 0, done.stderr
    plain, picky = (
        json.loads((tmp_path / "data/runs" / name / "summary.json").read_bytes()) for name in ("plain", "picky")
    )
    assert plain["digest"] != picky["digest"] and picky["orders"] < plain["orders"]
    plan = json.loads((tmp_path / "data/runs/picky/plan.json").read_bytes())
    assert plan["settings"]["fair_value"]["min_edge"] == 0.25
    (tmp_path / "data/runs/picky/summary.json").unlink()
    other = profit(tmp_path, "replay", str(recording), "--run", "picky")
    assert_explained(other, "begun with other parameters (the settings)")
    assert rows(tmp_path)["picky"]["state"] == "unfinished"
    elsewhere = {"PROFIT_API_PORT": "1", "PROFIT_FEEDS_HORIZONS": '["1h"]'}  # neither is anything to a replay
    resumed = profit(tmp_path, "replay", str(recording), "--run", "picky", *SET, **elsewhere)
    assert resumed.returncode == 0 and "resuming" in resumed.stderr, resumed.stderr
    verified = profit(tmp_path, "replay", "picky", "--verify")
    assert verified.returncode == 0 and "identical" in verified.stdout, verified.stderr
    listed = rows(tmp_path)
    assert listed["picky"]["state"] == listed["plain"]["state"] == "finished"
    assert listed["plain"]["kind"] == "replay" and listed["plain"]["source"] == str(recording.resolve())
    assert 119 <= listed["plain"]["seconds"] <= 121 and listed["plain"]["events"] == plain["journal_events"]
    money = [each["net"] for each in plain["strategies"].values()]
    assert listed["plain"]["net"] == pytest.approx(sum(money), abs=1e-6)


def without_its_end(recording: Path, archive: Path, topic: str) -> None:
    """``topic`` as a recorder leaves it that is killed."""
    shutil.rmtree(archive / f"topic={topic}")
    with ArchiveWriter(archive, [topic]) as writer:
        for record in list(ArchiveReader(recording).read(topic))[:-1]:
            writer.append(record)


def test_runs_that_are_running_unfinished_or_damaged_are_called_so_on_the_page_too(
    recording: Path, tmp_path: Path
) -> None:
    for name in ("whole", "cut", "bad"):
        shutil.copytree(recording, tmp_path / "data/runs" / name / "archive")
        (tmp_path / "data/runs" / name / "run.json").write_text('{"feeds": "sim", "started": "2026-11-20T10:00:00Z"}')
    without_its_end(recording, tmp_path / "data/runs/cut/archive", "feed.clock")
    for path in (tmp_path / "data/runs/bad/archive").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-100])
    listed = rows(tmp_path)
    page = RunList(EndedRuns())

    def pages() -> dict[str, str]:
        """As page Runs has them."""
        return {each.name: each.state for each in page.read(tmp_path / "data", tmp_path / "data/runs/whole")}

    assert listed["bad"]["state"] == "damaged" and listed["bad"]["why"]
    assert listed["cut"]["state"] == "unfinished" and "no end marker in feed.clock" in listed["cut"]["why"]
    assert pages() == pages() == {name: each["state"] for name, each in listed.items()}
    assert listed["whole"]["kind"] == "sim" and listed["whole"]["state"] == "finished", listed["whole"]
    assert listed["whole"]["started"] == "2026-11-20T10:00:00+00:00"
    with locked(tmp_path / "data/runs/whole"):
        assert rows(tmp_path)["whole"]["state"] == "running"
        assert pages()["whole"] == "running"
    assert pages()["whole"] == "finished"
    (tmp_path / "data/runs/whole" / LOCK).unlink()
    table = profit(tmp_path, "runs")
    assert "damaged" in table.stdout and "bad: " in table.stdout


def test_a_run_that_was_gone_on_with_shows_its_first_beginning(recording: Path, tmp_path: Path) -> None:
    run = tmp_path / "data/runs/evening"
    shutil.copytree(recording, run / "archive")
    first = datetime(2026, 11, 20, 10, tzinfo=UTC)
    (run / "settings.json").write_text(Settings().model_dump_json())
    os.utime(run / "settings.json", (first.timestamp(), first.timestamp()))
    (run / "run.json").write_text('{"feeds": "sim", "started": "2026-11-20T12:00:00+00:00"}')
    listed = rows(tmp_path)["evening"]
    assert listed["started"] == first.isoformat()
    assert [each.started for each in RunList(EndedRuns()).read(tmp_path / "data", run)] == [first.isoformat()]
    assert first_begun(run) == first  # what `profit up` states when it goes on with it
    assert 119 <= listed["seconds"] <= 121
    shutil.copy(run / "settings.json", run / "settings.copy")
    (run / "settings.copy").replace(run / "settings.json")  # as a copied folder has it
    assert rows(tmp_path)["evening"]["started"] == "2026-11-20T12:00:00+00:00"


def test_an_interrupted_replay_says_how_it_goes_on(recording: Path, tmp_path: Path) -> None:
    words = ("replay", str(recording), "--run", "cut")
    own = {**os.environ, "PYTHONPATH": str(ROOT), "PROFIT_API_PORT": "0"}
    command = [sys.executable, "-m", "api.cli.main", *words]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "data/runs/cut/plan.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith("profit: ended; the same command with --run cut goes on where it stands.\n"), said
    done = profit(tmp_path, *words)
    assert done.returncode == 0 and "resuming" in done.stderr, done.stderr


def test_wrong_words_are_explained(recording: Path, tmp_path: Path) -> None:
    wrong = profit(tmp_path, "replay", str(recording), "--set", "fair_value.min_egde=1")
    assert_explained(wrong, "Did you mean fair_value.min_edge?")
    assert_explained(profit(tmp_path, "replay", str(recording), "--verify", *SET), "--set is not for --verify")
    assert_explained(profit(tmp_path, "runs"), "holds no run")
    assert profit(tmp_path, "runs", "--json").stdout.strip() == "[]"
