"""When a source whose end was requested has read on for long enough: until its topics have been quiet for a moment.

A system that ends its writers first then has everything read, and archived, to the last record.
"""

from __future__ import annotations

import time
from typing import Final

from connectors.kafka.reader import Reader
from connectors.kafka.stopping import Stop

#: The longest reading on after the end was requested.
DRAIN_S: Final = 1.0

#: Nothing for this long means that nothing more is on its way; a fetch that waits at the broker is waited for.
QUIET_S: Final = 0.1


class Ending:
    """Asked before each look at the topics; told of each that gave something."""

    def __init__(self, stop: Stop, drain_s: float, reader: Reader) -> None:
        self._stop = stop
        self._drain_s = drain_s
        self._reader = reader
        self._since: float | None = None
        self._last_record = 0.0

    def due(self) -> bool:
        if not self._stop.requested:
            return False
        now = time.monotonic()
        if self._since is None:
            self._since = self._last_record = now
        quiet_s = QUIET_S + 1.5 * self._reader.patience.wait_ms / 1000
        return now - self._last_record >= min(quiet_s, self._drain_s) or now - self._since >= self._drain_s

    def saw_records(self) -> None:
        if self._since is not None:
            self._last_record = time.monotonic()
