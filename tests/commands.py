"""The command line as a user meets it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def profit(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``profit`` with ``words`` in ``folder``; the data folder is ``data`` there by default."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PROFIT_")}
    given = {"PYTHONPATH": str(ROOT), "COLUMNS": "160", "PROFIT_API_PORT": "0", **environment}
    command = [sys.executable, "-m", "api.cli.main", *words]
    return subprocess.run(command, cwd=folder, env=own | given, capture_output=True, text=True, timeout=300)


def assert_explained(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 1, one cause and one cure on standard error, each of ``words`` in it, and no traceback."""
    said = done.stderr
    assert done.returncode == 1, f"{done.returncode}: {done.stdout}{said}"
    assert "Traceback" not in said and "this should not happen" not in said, said
    assert "profit: " in said
    assert said.rstrip().splitlines()[-1].startswith("        "), said  # the cure
    for word in words:
        assert word in said, f"{word!r} is not in {said}"
