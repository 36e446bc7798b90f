"""Bytewax sources over an archive: one topic, or the feed and input topics in their one order. Both resume exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.archive.reader import ArchiveReader
from connectors.ordering import FeedMerge
from models.message import Lost, Stored
from models.topics import FEEDS, INPUTS

#: Records taken from a topic at once for the merge.
_GULP = 2_048
#: Between two looks for more of a topic that is being written.
_LOOK = timedelta(milliseconds=50)


def never() -> bool:
    return False


def always() -> bool:
    return True


class _TopicPartition(StatefulSourcePartition[Stored, int]):
    """State: the next offset."""

    def __init__(
        self,
        directory: Path,
        topic: str,
        batch_size: int,
        stop: Callable[[], bool],
        written: Callable[[], bool],
        look: timedelta,
        offset: int,
    ) -> None:
        self._reader = ArchiveReader(directory)
        self._topic = topic
        self._batch_size = batch_size
        self._stop = stop
        self._written = written
        self._look = look
        self._offset = offset
        self._batches = self._reader.batches(topic, offset, batch_size)
        self._awake: datetime | None = None

    def next_batch(self) -> list[Stored]:
        self._awake = None
        if self._stop():
            raise StopIteration
        batch = next(self._batches, None)
        if batch is None:
            whole = self._written()  # asked first: what was written before is there
            self._batches = self._reader.batches(self._topic, self._offset, self._batch_size)
            batch = next(self._batches, None)
            if batch is None:
                if whole:
                    raise StopIteration
                self._awake = datetime.now(UTC) + self._look
                return []
        self._offset = batch[-1].offset + 1
        return batch

    def next_awake(self) -> datetime | None:
        return self._awake

    def snapshot(self) -> int:
        return self._offset


class ArchiveSource(FixedPartitionedSource[Stored, int]):
    """All records of one archived topic in offset order, then the end.

    ``stop`` is asked before each batch; true ends the input there, to be resumed. ``written`` says whether the topic is
    whole; while it is not, more is waited for, and ``look`` is the time between two looks."""

    def __init__(
        self,
        directory: Path,
        topic: str,
        batch_size: int = 1_000,
        stop: Callable[[], bool] = never,
        written: Callable[[], bool] | None = None,
        look: timedelta = _LOOK,
    ) -> None:
        self._look = look
        self._directory = directory
        self._topic = topic
        self._batch_size = batch_size
        self._stop = stop
        self._written = written or always

    def list_parts(self) -> list[str]:
        return [self._topic]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _TopicPartition:
        return _TopicPartition(
            self._directory, self._topic, self._batch_size, self._stop, self._written, self._look, resume_state or 0
        )


class _FeedPartition(StatefulSourcePartition[Stored | Lost, dict[str, Any]]):
    """State: that of the merge."""

    def __init__(
        self,
        directory: Path,
        batch_size: int,
        stop: Callable[[], bool],
        state: dict[str, Any] | None,
        until: Mapping[str, int],
        since: Mapping[str, int],
    ) -> None:
        self._batch_size = batch_size
        self._stop = stop
        self._until = until
        self._merge = FeedMerge(midway=bool(since))
        reader = ArchiveReader(directory)
        if state is not None:
            self._merge.restore(state)
        else:
            for topic in (*FEEDS, *INPUTS):
                self._merge.begin(topic, max(0, reader.first_offset(topic), since.get(topic, 0)))
        self._batches: dict[str, Iterator[list[Stored]]] = {
            topic: reader.batches(topic, offset, _GULP) for topic, offset in self._merge.next_offsets().items()
        }

    def next_batch(self) -> list[Stored | Lost]:
        if self._stop():
            raise StopIteration
        batch = self._merge.drain(self._batch_size)
        while len(batch) < self._batch_size and self._read():
            batch += self._merge.drain(self._batch_size - len(batch))
        if not batch:
            raise StopIteration
        return batch

    def _read(self) -> bool:
        """Offer more of the topic with the least waiting; False when there is nothing left to read."""
        wanted = self._merge.wants()
        if not wanted:
            return False
        records = next(self._batches[wanted[0]], None)
        if records and self._until:
            last = self._until.get(wanted[0], -1)
            records = [each for each in records if each.offset <= last]
        if not records:
            self._merge.exhaust(wanted[0])
        else:
            for stored in records:
                self._merge.offer(stored)
        return True

    def snapshot(self) -> dict[str, Any]:
        return self._merge.snapshot()


class ArchiveFeedSource(FixedPartitionedSource[Stored | Lost, dict[str, Any]]):
    """The archived feed and input topics, merged into the one order of ``connectors.ordering``, then the end.

    ``stop`` is asked before each batch; true ends the input there, to be resumed. ``until``: the last offset of each
    topic that is read, where it is not empty; a topic that it does not name has none. ``since``: the first offset of a
    topic that is read, where it is not its first."""

    def __init__(
        self,
        directory: Path,
        batch_size: int = 1_000,
        stop: Callable[[], bool] = never,
        until: Mapping[str, int] | None = None,
        since: Mapping[str, int] | None = None,
    ) -> None:
        self._directory = directory
        self._batch_size = batch_size
        self._stop = stop
        self._until = until or {}
        self._since = since or {}

    def list_parts(self) -> list[str]:
        return ["feeds"]

    def build_part(self, step_id: str, for_part: str, resume_state: dict[str, Any] | None) -> _FeedPartition:
        return _FeedPartition(self._directory, self._batch_size, self._stop, resume_state, self._until, self._since)


def feed_batches(directory: Path, batch_size: int = 1_000) -> Iterator[list[Stored | Lost]]:
    """The same records in the same order, outside a dataflow."""
    partition = ArchiveFeedSource(directory, batch_size).build_part("outside", "feeds", None)
    while True:
        try:
            yield partition.next_batch()
        except StopIteration:
            return
