"""The audit flow's source: every topic in its own order, none between them, for a reader that is in no hurry.

One consumer reads all topics. A consumer for each would ask the broker many times a second whether there is anything
or not, and have threads of its own. And one Bytewax source is all the flow has, which waits where it stands: where one
sleeps 1, 2, 4 … 100 ms beside another that sleeps 250 ms, Bytewax comes to wake them all the time, and a core is busy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.kafka.ending import DRAIN_S, Ending
from connectors.kafka.meter import Meter
from connectors.kafka.reader import Reader
from connectors.kafka.stopping import Stop
from models.message import Stored
from models.settings import Kafka

#: Between two looks at the topics, and how long the broker collects what comes for one answer.
IDLE_MS: Final = 100

#: Records in one look after which it looks again at once: it is behind.
ENOUGH: Final = 500

_ENDING_S: Final = 0.02  # between two looks once the end was requested
_PART: Final = "topics"

#: Where the reading of a topic begins: an offset, or what the cluster has of it.
Position = int | Literal["earliest"]


class Heartbeat:
    """Nothing came: lets the sink look at the time."""


class AuditSource(FixedPartitionedSource[Stored | Heartbeat, dict[str, int]]):
    """Partition 0 of each topic of ``first``, from the offset named there on, and a pulse where nothing comes.

    Raises Failure for an offset that the cluster does not have any more."""

    def __init__(
        self,
        first: Mapping[str, Position],
        kafka: Kafka,
        bootstrap: str,
        stop: Stop | None = None,
        *,
        batch_size: int,
        drain_s: float | None = DRAIN_S,
        meter: Meter | None = None,
    ) -> None:
        self._first = dict(first)
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._stop = stop or Stop()
        self._batch_size = batch_size
        self._drain_s = drain_s
        self._meter = meter or Meter()

    def list_parts(self) -> list[str]:
        return [_PART]

    def build_part(self, step_id: str, for_part: str, resume_state: dict[str, int] | None) -> _Partition:
        reader = Reader(self._kafka, self._bootstrap, list(self._first), collect_ms=IDLE_MS)
        wanted = self._first | (resume_state or {})
        positions = {
            topic: reader.watermarks(topic)[0] if first == "earliest" else first for topic, first in wanted.items()
        }
        reader.start(positions)
        self._meter.watch(reader)
        return _Partition(reader, self._stop, self._drain_s, positions, self._batch_size, self._meter)


class _Partition(StatefulSourcePartition[Stored | Heartbeat, dict[str, int]]):
    def __init__(
        self,
        reader: Reader,
        stop: Stop,
        drain_s: float | None,
        positions: dict[str, int],
        batch_size: int,
        meter: Meter,
    ) -> None:
        self._reader = reader
        self._stop = stop
        self._ending = Ending(stop, drain_s, reader)
        self._positions = positions
        self._batch_size = batch_size
        self._meter = meter
        self._behind = True

    def next_batch(self) -> list[Stored | Heartbeat]:
        if self._ending.due():
            raise StopIteration
        stopping = self._stop.wait(0 if self._behind else IDLE_MS / 1000)
        records = self._reader.read(self._batch_size, _ENDING_S if stopping else 0.0)
        self._behind = len(records) >= ENOUGH
        if not records:
            return [Heartbeat()]
        self._ending.saw_records()
        self._positions.update((record.topic, record.offset + 1) for record in records)
        for topic, count in Counter(record.topic for record in records).items():
            self._meter.read(topic, count)
        return [*records]

    def snapshot(self) -> dict[str, int]:
        return dict(self._positions)

    def close(self) -> None:
        self._reader.close()
