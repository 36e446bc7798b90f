"""Frames in time order become a recorder run: markers, envelopes, clock ticks, and the four feed topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, Literal

from connectors.archive.writer import ArchiveWriter
from connectors.imports.frames import Frame
from connectors.imports.summary import ImportSummary
from models.envelope import Envelope
from models.markers import Marker, Own, Tick, encode_own
from models.message import Message
from models.topics import FEED_CLOCK, FEEDS

#: Ticks by the age of the last record: each 250 ms for a second, so that orders come due; each second for six, so that
#: what goes stale is noticed; then each ten seconds. A recording of one row a minute needs no more.
TICK_NS: Final = 250_000_000
ACTIVE_NS: Final = 1_000_000_000
FADING_TICK_NS: Final = 1_000_000_000
FADING_NS: Final = 6_000_000_000
SILENT_NS: Final = 10_000_000_000
#: The run ends so long after its last record: every window of quality counts has closed by then.
END_NS: Final = 12_000_000_000
_RECORDER: Final = "recorder"


def _pace(age: int) -> int:
    if age < ACTIVE_NS:
        return TICK_NS
    return FADING_TICK_NS if age < FADING_NS else SILENT_NS


class Assembler:
    """Writes one recorder run. A frame earlier than the one before it is taken at that one's time, and counted."""

    def __init__(self, writer: ArchiveWriter, run: str, source: str, summary: ImportSummary) -> None:
        self._writer = writer
        self._run = run
        self._source = source
        self._summary = summary
        self._seq = 0
        self._numbers: Counter[str] = Counter()
        self._tick = 0
        self._next_tick = 0
        self._last = 0

    def run(self, frames: Iterator[Frame]) -> None:
        """Write all of it; nothing when there is no frame."""
        for frame in frames:
            t = frame.recv_ns
            if not self._seq:
                self._last = self._next_tick = t
                self._summary.first_ns = t
                self._markers("start", t)
            if t < self._last:
                self._summary.count("received_earlier_than_the_one_before")
                t = self._last
            self._ticks(t)
            self._put(t, frame.topic, frame.source, frame.key, frame.value)
            self._last = t
            self._next_tick = min(self._next_tick, t + TICK_NS)
        if self._seq:
            end = self._last + END_NS
            self._ticks(end - 1)
            self._next_tick = end
            self._ticks(end)
            self._summary.last_ns = self._last
            self._markers("end", end)

    def _ticks(self, until: int) -> None:
        while self._next_tick <= until:
            t = self._next_tick
            self._own(t, FEED_CLOCK, Tick(self._tick, t, {}))
            self._tick += 1
            self._next_tick = t + _pace(t - self._last)

    def _markers(self, which: Literal["start", "end"], t: int) -> None:
        for topic in FEEDS:
            self._own(t, topic, Marker(which, self._run, self._source))

    def _own(self, t: int, topic: str, record: Own) -> None:
        self._put(t, topic, _RECORDER, "", encode_own(record))

    def _put(self, t: int, topic: str, source: str, key: str, value: bytes) -> None:
        conn = f"{self._run}.{source}"
        envelope = Envelope(t, self._run, self._seq, conn, self._numbers[source])
        self._writer.append_message(Message(topic, key or conn, value, t, envelope=envelope.encode()))
        self._summary.frames[topic] += 1
        self._seq += 1
        self._numbers[source] += 1
