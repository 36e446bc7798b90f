"""When a source whose end was requested has read on for long enough.

A system that ends its writers first then has everything read, and archived, to the last record. A source that others
wait for (``profit up``) reads to the end of its topics, however long that takes; one whose input stays in Kafka for its
next start reads on for a second at most.
"""

from __future__ import annotations

import time
from typing import Final

from connectors.kafka.reader import Reader
from connectors.kafka.stopping import Stop

#: The longest reading on after the end was requested, of a source that nobody waits for.
DRAIN_S: Final = 1.0

#: Nothing for this long means that nothing more is on its way; a fetch that waits at the broker is waited for.
QUIET_S: Final = 0.1

#: Records are there, and none of them came for this long: they cannot be had, or have no place in the order.
STALL_S: Final = 20.0
#: What lies between two questions counts at most: who writes to a disk meanwhile does not look for records.
_PAUSE_S: Final = 0.25


class Ending:
    """Asked before each look at the topics; notified of each that gave something. ``drain_s``: the longest reading on,
    in seconds; None: to the end of the topics."""

    def __init__(self, stop: Stop, drain_s: float | None, reader: Reader) -> None:
        self._stop = stop
        self._drain_s = drain_s
        self._reader = reader
        self._since: float | None = None
        self._silent_s = 0.0  # for how long it was asked and nothing came
        self._asked_at = 0.0
        self._ends: dict[str, int] | None = None  # of the topics, when the end was requested
        self._reached_at: float | None = None

    def due(self) -> bool:
        if not self._stop.requested:
            return False
        now = time.monotonic()
        if self._since is None:
            self._since = self._asked_at = now
        self._silent_s += min(now - self._asked_at, _PAUSE_S)
        self._asked_at = now
        quiet_s = QUIET_S + 1.5 * self._reader.fetch_wait_ms / 1000
        silent_s = self._silent_s
        drain_s = DRAIN_S if self._drain_s is None and self._stop.hurried else self._drain_s
        if drain_s is not None:
            return silent_s >= min(quiet_s, drain_s) or now - self._since >= drain_s
        if self._ends is None:
            self._ends = self._reader.ends()
        if self._reached_at is None and self._ends is not None and self._reader.has_reached(self._ends):
            self._reached_at = now
        if self._reached_at is None:
            return silent_s >= STALL_S
        # What was under way when the end was asked for still comes; and some topics never end: telemetry.
        return silent_s >= quiet_s or now - self._reached_at >= DRAIN_S

    def saw_records(self) -> None:
        if self._since is not None:
            self._silent_s = 0.0
            self._asked_at = time.monotonic()
