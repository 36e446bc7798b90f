"""Bytewax sources over Kafka: one topic, or all feed and input topics in their one order.

Positions live in Bytewax's snapshots, never in Kafka. Each source is one Bytewax partition, so that a step has one
reader and one state. Polling never blocks the flow: an idle source sleeps a millisecond, then longer, up to
``IDLE_MS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.kafka.ending import DRAIN_S, Ending
from connectors.kafka.meter import Meter
from connectors.kafka.reader import Reader
from connectors.kafka.stopping import Stop
from connectors.ordering import MAX_WAITING, Emitted, FeedMerge
from models import topics
from models.failures import Failure
from models.message import Stored
from models.settings import Kafka

BATCH_SIZE: Final = 200
IDLE_MS: Final = 4


@dataclass(frozen=True)
class ReadRange:
    """Which records of a topic are read, when nothing is resumed.

    ``first``: the first offset, or ``"earliest"``/``"latest"``. ``end``: the offset after the last one. ``from_ns``,
    ``to_ns``: event times (Unix ns; from included, to excluded); they filter, as not every broker can look up times,
    and the first record at or after ``to_ns`` ends the source. ``until``: a record for which it holds is the last."""

    first: int | Literal["earliest", "latest"] = "earliest"
    end: int | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    until: Callable[[Stored], bool] | None = None


class Idle:
    """When to look again: at once after records, then after 1, 2, … up to ``most_ms`` milliseconds."""

    def __init__(self, most_ms: int) -> None:
        self._most = most_ms
        self._sleep_ms = 0
        self.awake: datetime | None = None

    def saw(self, records: bool) -> None:
        self._sleep_ms = 0 if records else min(max(self._sleep_ms * 2, 1), self._most)
        # Kept, not computed when asked: Bytewax asks more than once, and the time must not run away from it.
        self.awake = datetime.now(UTC) + timedelta(milliseconds=self._sleep_ms) if self._sleep_ms else None


class KafkaSource(FixedPartitionedSource[Stored, dict[str, Any]]):
    """Partition 0 of ``topic``.

    ``dedupe``: drop records whose header ``ordinal`` is not above the last one of the same producer: what a crashed
    producer wrote twice is read once. ``strict``: raise Failure when ordinals of a producer leave a gap."""

    def __init__(
        self,
        topic: str,
        kafka: Kafka,
        bootstrap: str,
        stop: Stop | None = None,
        *,
        batch_size: int = BATCH_SIZE,
        bounds: ReadRange = ReadRange(),
        dedupe: bool = False,
        strict: bool = False,
        drain_s: float | None = DRAIN_S,
        meter: Meter | None = None,
    ) -> None:
        self._meter = meter or Meter()
        self._topic = topic
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._stop = stop or Stop()
        self._batch_size = batch_size
        self._bounds = bounds
        self._dedupe = dedupe
        self._strict = strict
        self._drain_s = drain_s

    def list_parts(self) -> list[str]:
        return [self._topic]

    def build_part(self, step_id: str, for_part: str, resume_state: dict[str, Any] | None) -> _TopicPartition:
        reader = Reader(self._kafka, self._bootstrap, [self._topic])
        if resume_state is not None:
            position = int(resume_state["offset"])
        elif isinstance(self._bounds.first, int):
            position = self._bounds.first
        else:
            position = reader.watermarks(self._topic)[self._bounds.first == "latest"]
        reader.start({self._topic: position})
        self._meter.watch(reader)
        ordinals = Ordinals(self._strict, dict(resume_state["ordinals"]) if resume_state else {}, whole=position == 0)
        return _TopicPartition(
            reader,
            Ending(self._stop, self._drain_s, reader),
            self._bounds,
            position,
            ordinals if self._dedupe or self._strict else None,
            self._batch_size,
            Idle(IDLE_MS),
            self._meter,
        )


class Ordinals:
    """The last ordinal of each producer in one topic. ``whole``: the topic is read from its first record."""

    def __init__(self, strict: bool, last: dict[str, int], whole: bool) -> None:
        self._strict = strict
        self._whole = whole
        self.last = last

    def is_new(self, record: Stored) -> bool:
        """False for a record that was written again. Raises Failure on a gap when strict."""
        if record.ordinal < 0:
            return True
        last = self.last.get(record.producer)
        if last is not None and record.ordinal <= last:
            return False
        expected = 0 if last is None else last + 1
        if self._strict and record.ordinal != expected and (last is not None or self._whole):
            raise Failure(
                f"topic {record.topic}, offset {record.offset}: {record.producer} wrote number {record.ordinal} after "
                f"{expected - 1}; {record.ordinal - expected} records are missing.",
                "Do not trust what follows: read the run from its archive, and report this.",
            )
        self.last[record.producer] = record.ordinal
        return True


class _TopicPartition(StatefulSourcePartition[Stored, dict[str, Any]]):
    def __init__(
        self,
        reader: Reader,
        ending: Ending,
        bounds: ReadRange,
        position: int,
        ordinals: Ordinals | None,
        batch_size: int,
        idle: Idle,
        meter: Meter,
    ) -> None:
        self._meter = meter
        self._reader = reader
        self._ending = ending
        self._bounds = bounds
        self._position = position
        self._ordinals = ordinals
        self._batch_size = batch_size
        self._idle = idle
        self._finished = False

    def next_batch(self) -> list[Stored]:
        if self._finished or self._ending.due():
            raise StopIteration
        end = self._bounds.end
        if end is not None and self._position >= end:
            raise StopIteration
        records = self._reader.read(self._batch_size)
        self._idle.saw(bool(records))
        if records:
            self._ending.saw_records()
            self._meter.read(records[0].topic, len(records))
        out: list[Stored] = []
        for record in records:
            if (end is not None and record.offset >= end) or self._is_too_late(record):
                self._finished = True
                break
            self._position = record.offset + 1
            if self._is_too_early(record) or (self._ordinals is not None and not self._ordinals.is_new(record)):
                continue
            out.append(record)
            if self._bounds.until is not None and self._bounds.until(record):
                self._finished = True
                break
        return out

    def _is_too_early(self, record: Stored) -> bool:
        return self._bounds.from_ns is not None and record.t_ns < self._bounds.from_ns

    def _is_too_late(self, record: Stored) -> bool:
        return self._bounds.to_ns is not None and record.t_ns >= self._bounds.to_ns

    def next_awake(self) -> datetime | None:
        return self._idle.awake

    def snapshot(self) -> dict[str, Any]:
        return {"offset": self._position, "ordinals": dict(self._ordinals.last) if self._ordinals else {}}

    def close(self) -> None:
        self._reader.close()


class KafkaFeedSource(FixedPartitionedSource[Emitted, dict[str, Any]]):
    """All feed and input topics through ``FeedMerge``: emits ``Stored`` and ``Lost`` in the one order.

    ``until``: a record for which it holds is the last (an end marker, say). ``max_waiting`` bounds what one topic may
    be ahead of the others, in records."""

    def __init__(
        self,
        kafka: Kafka,
        bootstrap: str,
        stop: Stop | None = None,
        *,
        batch_size: int = BATCH_SIZE,
        until: Callable[[Emitted], bool] | None = None,
        max_waiting: int = MAX_WAITING,
        drain_s: float | None = DRAIN_S,
        meter: Meter | None = None,
    ) -> None:
        self._meter = meter or Meter()
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._stop = stop or Stop()
        self._batch_size = batch_size
        self._until = until
        self._drain_s = drain_s
        self._max_waiting = max_waiting

    def list_parts(self) -> list[str]:
        return ["feeds"]

    def build_part(self, step_id: str, for_part: str, resume_state: dict[str, Any] | None) -> _FeedPartition:
        names = [*topics.FEEDS, *topics.INPUTS]
        reader = Reader(self._kafka, self._bootstrap, names)
        merge = FeedMerge(max_waiting=self._max_waiting)
        if resume_state is not None:
            merge.restore(resume_state)
        else:
            for name in names:
                merge.begin(name, reader.watermarks(name)[0])
        reader.start(merge.next_offsets())
        self._meter.watch(reader)
        ending = Ending(self._stop, self._drain_s, reader)
        idle = Idle(IDLE_MS)
        return _FeedPartition(reader, merge, ending, self._until, self._batch_size, idle, self._meter)


class _FeedPartition(StatefulSourcePartition[Emitted, dict[str, Any]]):
    def __init__(
        self,
        reader: Reader,
        merge: FeedMerge,
        ending: Ending,
        until: Callable[[Emitted], bool] | None,
        batch_size: int,
        idle: Idle,
        meter: Meter,
    ) -> None:
        self._meter = meter
        self._reader = reader
        self._merge = merge
        self._ending = ending
        self._until = until
        self._batch_size = batch_size
        self._idle = idle
        self._names = {*topics.FEEDS, *topics.INPUTS}
        self._finished = False

    def next_batch(self) -> list[Emitted]:
        if self._finished or self._ending.due():
            raise StopIteration
        out = self._next(self._batch_size) if self._until is None else self._until_batch()
        if out:
            self._ending.saw_records()
        return out

    def _next(self, limit: int) -> list[Emitted]:
        out = self._merge.drain(limit)
        if len(out) < limit:
            records = self._reader.read(self._batch_size)
            for record in records:
                self._merge.offer(record)
            self._meter.read("feeds", len(records))
            self._reader.pause(self._names.difference(self._merge.wants()))
            out += self._merge.drain(limit - len(out))
            self._idle.saw(bool(records or out))
        else:
            self._idle.saw(True)
        return out

    def _until_batch(self) -> list[Emitted]:
        # One by one: what is drained beyond the last item would be missing after a resume.
        assert self._until is not None
        out: list[Emitted] = []
        while len(out) < self._batch_size:
            item = self._merge.drain(1) if out else self._next(1)
            if not item:
                break
            out += item
            if self._until(item[0]):
                self._finished = True
                break
        return out

    def next_awake(self) -> datetime | None:
        return self._idle.awake

    def snapshot(self) -> dict[str, Any]:
        return self._merge.snapshot()

    def close(self) -> None:
        self._reader.close()
