"""Reports to the recorder how far the trading flow is: what the pipeline's lag is measured by (``models.progress``)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from models.message import Message
from models.progress import Progress, encode_progress
from models.topics import DECISIONS, PROGRESS, SCANS, TELEMETRY

#: Rows that stand for the event they were made at. Others, like counts of a window, are older by design.
TIMELY: Final = frozenset({TELEMETRY, SCANS, DECISIONS})
#: At most one report in so many real seconds.
EVERY_S: Final = 0.1


class ProgressReporter:
    """Makes the reports of one flow. ``monotonic``: seconds."""

    def __init__(self, flow: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._flow = flow
        self._monotonic = monotonic
        self._next = 0.0

    def report(self, acknowledged: Iterable[Message]) -> Message | None:
        """The report after ``acknowledged`` was written, where one is due: of the oldest event in it."""
        now = self._monotonic()
        if now < self._next:
            return None
        t = min((message.t_ns for message in acknowledged if message.topic in TIMELY), default=0)
        if not t:
            return None
        self._next = now + EVERY_S
        return Message(PROGRESS, self._flow, encode_progress(Progress(self._flow, t)), t)
