"""One recorded run for all that repeat one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.replay.recorded_run import make_run
from tests.once import once


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that ended well; read it only."""
    return once(tmp_path_factory, "a-recorded-run", make_run) / "run"
