"""`profit import` and `profit sql` as a user meets them."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.archive.writer import ArchiveWriter
from connectors.audit.build import build_from_archive
from models.contracts import Quality
from models.message import Stored
from models.reasons import Reason

ROOT = Path(__file__).parents[3]


def profit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    command = [sys.executable, "-m", "api.cli.main", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    raw = '{"market":"0xm","asset_id":"1","timestamp":"1776323401000","bids":[],"asks":[],"event_type":"book"}'
    path = tmp_path / "btc-updown-5m-1776323400.jsonl.gz"
    path.write_bytes(gzip.compress(f'{{"recv_ts":1776323401.5,"raw":{raw}}}\nbroken\n'.encode()))
    return path


def test_import_tells_what_it_did_as_one_json_object(tmp_path: Path, recording: Path) -> None:
    done = profit(tmp_path, "import", "polymarket-ws", str(recording), "--archive", "out", "--json")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["rejected"]) == (2, {"not_a_frame": 1})
    assert summary["frames"]["feed.polymarket"] == 3  # the frame between the markers
    again = profit(tmp_path, "import", "polymarket-ws", str(recording), "--archive", "out")
    assert again.returncode == 1
    assert "out has btc-updown-5m-1776323400" in again.stderr
    assert "Add other feeds" in again.stderr
    assert "Traceback" not in again.stderr


def test_import_refuses_a_size_that_is_none(tmp_path: Path, recording: Path) -> None:
    done = profit(tmp_path, "import", "hourly-minute", str(recording), "--archive", "out", "--assumed-size", "many")

    assert done.returncode == 1
    assert "--assumed-size 'many' is no number above 0" in done.stderr


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with ArchiveWriter(tmp_path / "archive") as writer:
        for number in range(3):
            row = Quality(
                id=f"q{number}",
                window_start=number,
                window_end=number + 1,
                feed="feed.polymarket",
                market="m",
                reason=Reason.CROSSED_BOOK,
                count=number,
            )
            writer.append(Stored("quality", 0, number, "m", row.canonical(), number))
    path = tmp_path / "data" / "runs" / "first" / "audit.duckdb"
    build_from_archive(tmp_path / "archive", path)
    return path


def test_sql_answers_as_table_and_as_json(tmp_path: Path, database: Path) -> None:
    question = 'SELECT reason, sum("count") AS total FROM quality GROUP BY ALL'
    shown = profit(tmp_path, "sql", question, "--run", "first")
    assert "crossed_book" in shown.stdout and "1 row" in shown.stdout
    found = profit(tmp_path, "sql", question, "--db", str(database), "--json")
    assert json.loads(found.stdout) == [{"reason": "crossed_book", "total": 3}]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["SELECT nothing FROM quality", "--run", "first"], "DuckDB refuses"),
        (["DELETE FROM quality", "--run", "first"], "read-only"),
        (["SELECT 1", "--run", "second"], "there is no run second"),
        (["SELECT 1", "--run", "first", "--db", "x"], "both given"),
    ],
)
def test_sql_names_cause_and_cure(tmp_path: Path, database: Path, words: list[str], cause: str) -> None:
    done = profit(tmp_path, "sql", *words)

    assert done.returncode == 1
    assert cause in done.stderr
    assert "Traceback" not in done.stderr
