"""What comes when a played archive is over: operator commands are put in order and answered as before.

Ticks give an input its place, and the archive's last one is out. So they go on as a recorder run of their own, which
begins with the first input that comes and has a tick for each arrival. Its time goes on from the archive's last record.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal

from api.supervisor.played_inputs import PlayedInputs
from connectors.kafka.sink import Writer
from models.envelope import Envelope
from models.markers import Marker, Tick, encode_own
from models.message import Message
from models.topics import FEED_CLOCK, FEEDS

SOURCE: Final = "played"
_LOOK_S: Final = 0.1


class AfterEnd:
    """``run`` until ``stopping`` says so."""

    def __init__(self, writer: Writer, inputs: PlayedInputs, last_ns: int) -> None:
        """``last_ns``: time of the archive's last record, Unix ns."""
        self._writer = writer
        self._inputs = inputs
        self._last_ns = last_ns
        self._ended = time.monotonic()
        self._name = f"after-{last_ns}"
        self._seq = 0
        self._ticks = 0
        self._numbers: Counter[str] = Counter()

    def run(self, stopping: Callable[[], bool]) -> None:
        """Raises Failure when the cluster is away."""
        while not stopping():
            if self._inputs.arrived(_LOOK_S):
                self._tick()
        if self._ticks:
            self._mark("end")

    def _tick(self) -> None:
        if not self._ticks:
            self._mark("start")
        t = self._now()
        self._write(FEED_CLOCK, encode_own(Tick(self._ticks, t, self._inputs.counts, cut=True)), t)
        self._ticks += 1
        self._writer.flush()

    def _mark(self, which: Literal["start", "end"]) -> None:
        t = self._now()
        for topic in FEEDS:
            self._write(topic, encode_own(Marker(which, self._name, SOURCE)), t)
        self._writer.flush()

    def _now(self) -> int:
        return self._last_ns + round((time.monotonic() - self._ended) * 1e9)

    def _write(self, topic: str, value: bytes, t: int) -> None:
        envelope = Envelope(t, self._name, self._seq, topic, self._numbers[topic])
        self._seq += 1
        self._numbers[topic] += 1
        self._writer.write(Message(topic, topic, value, t, envelope=envelope.encode()))
