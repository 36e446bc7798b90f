"""A clean end of a running flow.

Bytewax dies at once on SIGTERM, and on SIGINT it ends without a snapshot. So the launcher installs ``on_signals`` and
every source asks ``stop.requested``: a source that raises StopIteration lets the flow drain, snapshot and exit with 0.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Stop:
    """A flag that is raised once, from a signal handler or any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        self._event.set()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether the end was requested, after waiting up to ``timeout_s`` seconds for it."""
        return self._event.wait(timeout_s)


def on_signals(stop: Stop) -> None:
    """Make SIGTERM and SIGINT request the end. To be called in the main thread, *after* Bytewax was imported and as
    late as possible before the flow runs."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        stop.request()

    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGINT, handler)
