"""Questions to the run's audit.duckdb, asked while the audit flow writes it: short, and never in the event loop.

A run that has no such file yet has no answers yet; a file that is just being replaced is asked again.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import duckdb

from models.failures import Failure

DATABASE: Final = "audit.duckdb"
_ATTEMPTS: Final = 5
_PAUSE_S: Final = 0.1


class NoAudit(Failure):
    """There is no audit database, or it cannot be read now."""


def ask(run_dir: Path, query: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows. Raises NoAudit."""
    path = run_dir / DATABASE
    said = "there is none yet"
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_S)
        if not path.is_file():
            continue
        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                rows: list[tuple[Any, ...]] = connection.execute(query, values or []).fetchall()
                return rows
        except duckdb.Error as cause:
            said = " ".join(str(cause).split())[:200]
    raise NoAudit(f"{path} cannot be asked: {said}.", "It is written some seconds after a run's start: try again then.")
