"""`profit validate` as a user meets it: one at a time, told step by step, and a period is new once."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.archive.reader import ArchiveReader
from connectors.process_lock import acquire
from tests.commands import assert_explained, profit
from tests.conftest import ROOT
from tests.once import once
from tests.recordings import LAGGING, simulate


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long enough to hold a fifth of it out."""
    given = replace(LAGGING, frames_per_s=1.0, steps_per_s=2)
    return (
        once(tmp_path_factory, "fifteen-minutes", lambda folder: simulate(folder / "archive", 900, given)) / "archive"
    )


@pytest.mark.takes(30)
def test_what_was_walked_over_is_no_holdout(recording: Path, tmp_path: Path) -> None:
    walked = profit(tmp_path, "validate", str(recording))
    assert walked.returncode == 0, walked.stderr
    said = [line.partition(" in ")[0] for line in walked.stderr.splitlines()]
    assert [line for line in said if not line.endswith("%")][:4] == [
        "making the journal: begun",
        "making the journal: done",
        "walking: begun",
        "walking: done",
    ]
    refused = profit(tmp_path, "validate", str(recording), "--holdout", "0.2")
    assert_explained(refused, "the period held out", "was looked at on 20", "by profit validate", "--because")
    stricter = profit(tmp_path, "validate", str(recording), "--holdout", "0.2", PROFIT_CHECKS_MAX_SPREAD="0.05")
    assert_explained(stricter, "by profit validate")
    assert "making the journal: done" in stricter.stderr, "other checks make another journal"
    told = profit(tmp_path, "validate", str(recording), "--holdout", "0.2", "--because", "the fees were wrong")
    assert told.returncode == 0 and "held out: insufficient data" in told.stdout, told.stderr


@pytest.mark.takes(30)
def test_a_second_one_waits_for_the_first_and_a_new_period_may_be_held_out(recording: Path, tmp_path: Path) -> None:
    first = profit(tmp_path, "validate", str(recording), "--holdout", "0.2")
    assert first.returncode == 0, first.stderr
    (lock,) = (tmp_path / "data/research/journals").glob(".*.lock")
    held = acquire(lock)
    assert held is not None
    command = [sys.executable, "-m", "api.cli.main", "validate", str(recording)]
    environment = {**os.environ, "PROFIT_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as second:
        assert second.stderr is not None
        assert "is going on: waiting for its end" in second.stderr.readline()
        os.close(held)
        said = second.stderr.read()
        assert second.wait(120) == 0, said
    assert "making the journal" not in said, "the kept one is taken"
    (journal,) = (tmp_path / "data/research/journals").glob("[!.]*")
    assert ArchiveReader(journal).verify() == []
