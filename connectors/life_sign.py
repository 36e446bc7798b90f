"""A file whose age tells how long ago its process last did its work: what a health probe can look at for nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

EVERY_S: Final = 1.0


class LifeSign:
    """Touches ``path`` at most once a second. Call it where the work is done, never from a thread that outlives it.

    What cannot be written is passed over: the file grows old then, and that is seen."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._last = float("-inf")

    def give(self) -> None:
        now = self._monotonic()
        if now - self._last >= EVERY_S:
            self._last = now
            with contextlib.suppress(OSError):
                self._path.touch()
