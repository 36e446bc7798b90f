"""Every module that docs/plan.md names reports itself in a run as users start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.archive.reader import ArchiveReader
from models.contracts import Telemetry
from models.topics import TELEMETRY
from tests.api.test_plan import modules
from tests.conftest import ROOT
from tests.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.own_broker]


def reported(run: Path) -> set[str]:
    """Modules that the run's archive has telemetry of."""
    if not (run / "archive").is_dir():
        return set()
    names: set[str] = set()
    for record in ArchiveReader(run / "archive").read(TELEMETRY):
        names.update(Telemetry.read(record.value).named())
    return names


@pytest.mark.takes(60)
def test_every_module_of_the_plan_is_on_telemetry(tmp_path: Path) -> None:
    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "api.cli.main", "up", "--run", "plan"],
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env=os.environ | {"PROFIT_DATA_DIR": str(tmp_path), "PROFIT_API_PORT": "0"},
        )
    try:
        run = tmp_path / "runs" / "plan"
        wanted = modules()
        assert len(wanted) > 25
        eventually(lambda: wanted <= reported(run), 180, "all modules of the plan")
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(120)
