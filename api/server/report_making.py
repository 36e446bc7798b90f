"""Makes reports beside the server: in a program of their own, one at a time, behind the trading, for so long at most.

Adding up a long run takes seconds of a whole core; the event loop and the flows must not wait for it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final, Literal

from models.failures import Failure

#: A report that takes longer is given up.
LIMIT_S: Final = 300.0
_MOST_WAITING: Final = 8
#: Added to the program's niceness: whatever trades goes first.
_NICE: Final = 10


class ReportMaker:
    """``ask`` for a run's report and look at ``stage`` until it is empty: then it stands in the run's folder, or
    ``failed`` says why not. ``data_dir``: of the program that makes it."""

    def __init__(self, data_dir: Path, limit_s: float = LIMIT_S) -> None:
        self._data_dir = data_dir
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._waiting: list[Path] = []
        self._now: Path | None = None
        self._child: subprocess.Popen[str] | None = None
        self._failed: dict[Path, str] = {}
        self._closed = False

    def ask(self, folder: Path) -> None:
        """Make the report of the run in ``folder``, after those asked for before. Raises Failure for too many."""
        with self._lock:
            if folder == self._now or folder in self._waiting or self._closed:
                return
            if len(self._waiting) >= _MOST_WAITING:
                raise Failure(f"{_MOST_WAITING} reports wait to be made already.", "Wait for them, and ask again.")
            self._failed.pop(folder, None)
            self._waiting.append(folder)
            if self._now is None:
                self._now = self._waiting.pop(0)
                threading.Thread(target=self._run, name="reports", daemon=True).start()

    def stage(self, folder: Path) -> Literal["", "waiting", "making"]:
        with self._lock:
            return "making" if folder == self._now else "waiting" if folder in self._waiting else ""

    def failed(self, folder: Path) -> str:
        """Why the last attempt came to nothing; empty where none did."""
        with self._lock:
            return self._failed.get(folder, "")

    def close(self) -> None:
        """Give up what is being made."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            if self._child is not None:
                self._child.kill()

    def _run(self) -> None:
        while True:
            with self._lock:
                folder = self._now
            if folder is None:
                return
            said = self._make(folder)
            with self._lock:
                if said:
                    self._failed[folder] = said
                self._now = self._waiting.pop(0) if self._waiting else None

    def _make(self, folder: Path) -> str:
        """What went wrong, empty for nothing."""
        with self._lock:
            if self._closed:
                return ""
            child = self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "api.cli.main", "report", str(folder.resolve())],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PROFIT_DATA_DIR": str(self._data_dir.resolve()), "NO_COLOR": "1"},
            )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, _NICE)
        try:
            _, error = child.communicate(timeout=self._limit_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return f"it was given up after {self._limit_s:.0f} s; profit report {folder.name} takes its time."
        finally:
            with self._lock:
                self._child = None
        return " ".join(error.split())[-300:] if child.returncode else ""
