"""One partition: where its records are, what may be read, who waits for more.

The event loop gives batches their offsets and hands them to the writing thread; what that has written can be read and
is acknowledged. So the log has two ends: ``following`` is the next offset to give, ``end`` the one readers see.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from connectors.broker.batches import Batch, checked, first_at, header, placed, walk
from connectors.broker.configs import Configs
from connectors.broker.disk import Disk, Operation, Task
from connectors.broker.errors import FENCED_LEADER_EPOCH, NONE, OFFSET_OUT_OF_RANGE, UNKNOWN_LEADER_EPOCH
from connectors.broker.index import write_atomically
from connectors.broker.producers import Producers
from connectors.broker.segment import LogSegment
from connectors.broker.standing import PartitionStanding

#: The youngest batches stay in memory: most reading is of them.
TAIL_BYTES: Final = 256 * 1024


class Waiter(Protocol):
    """A fetch that waits for more."""

    def arrived(self, size: int) -> None: ...


class Place(NamedTuple):
    """Records that have to be read from a file."""

    segment: LogSegment
    offset: int
    end: int


Acknowledge = Callable[[int, OSError | None], None]


@dataclass(eq=False)
class Pending:
    """A batch that is on its way to the disk. ``heard``: called with its base offset once it is there."""

    log: PartitionLog
    raw: bytes
    batch: Batch
    heard: list[Acknowledge] = field(default_factory=list)
    patient: bool = True

    def join(self, following: Operation) -> bool:
        return isinstance(following, Pending) and following.log is self.log

    def run(self, others: Sequence[Operation]) -> None:
        if self.log.gone:
            return
        todo = [(each.raw, each.batch) for each in others if isinstance(each, Pending)]
        segment = self.log.segments[-1]
        segment.append([pair for pair in todo if pair[1].base >= segment.end])  # not those of an attempt before

    def done(self, failure: OSError | None) -> None:
        self.log.written(self, failure)


@dataclass(eq=False)
class Roll:
    """Begins a new segment; what follows goes there. ``producers``: what they had sent until then."""

    log: PartitionLog
    base: int
    producers: bytes
    patient: bool = True

    def join(self, following: Operation) -> bool:
        return False

    def run(self, others: Sequence[Operation]) -> None:
        if not self.log.gone and self.log.segments[-1].base != self.base:
            self.log.segments.append(LogSegment(self.log.folder, self.base))

    def done(self, failure: OSError | None) -> None:
        if failure is None and not self.log.gone:
            self.log.closed(self)


class PartitionLog:
    """A partition's log. For the event loop's thread, but for what says otherwise."""

    def __init__(
        self,
        topic: str,
        number: int,
        folder: Path,
        configs: Configs,
        standing: PartitionStanding,
        disk: Disk,
        segment_bytes: int,
    ) -> None:
        self.topic = topic
        self.number = number
        self.folder = folder
        self.configs = configs
        self.standing = standing
        self.segments: list[LogSegment] = []
        self.producers = Producers()
        self.start = 0
        self.end = 0
        self.following = 0
        self.gone = False
        self.waiters: set[Waiter] = set()
        self.close_segment: Callable[[LogSegment, Path, bytes], None] = lambda segment, path, producers: None
        self._disk = disk
        self._segment_bytes = configs.segment_bytes or segment_bytes
        self._filled = 0  # bytes of the last segment, those under way included
        self._opened_ms = -1  # when it had its first batch
        self._pending: deque[Pending] = deque()
        self._tail: list[bytes] = []
        self._tail_bases: list[int] = []
        self._tail_bytes = 0

    def open(self, segments: list[LogSegment], producers: Producers) -> None:
        """Begin with what is there: at least one segment, and the state of the producers after the last."""
        self.segments = segments
        self.producers = producers
        self.start = max(self.standing.start, segments[0].base)
        self.end = self.following = segments[-1].end
        self._filled = segments[-1].size
        last = segments[-1]
        # Of a topic with the producers' times these tell nothing of when they came.
        self._opened_ms = last.index.first_time if self.configs.has_append_time else last.written_ms()
        if last.size <= TAIL_BYTES:
            data = last.read(0, last.size)
            for at, batch in walk(data):
                self._keep(data[at : at + batch.size], batch)

    # -- writing

    def append(self, raw: bytes, now_ms: int, heard: Acknowledge) -> None:
        """Take a batch; ``heard`` is called with its base offset when it is on disk, which for one that was sent twice
        may be at once. Raises Refused."""
        batch = checked(raw, self.configs.max_message_bytes)
        duplicate = self.producers.duplicate_of(batch)
        if duplicate is not None:
            for pending in self._pending:
                if pending.batch.base == duplicate:
                    pending.heard.append(heard)
                    return
            heard(duplicate, None)
            return
        if self._is_full(batch.size, now_ms):
            self._disk.put(self.roll(now_ms))
        kept, batch = placed(
            raw, batch, self.following, self.standing.epoch, now_ms if self.configs.has_append_time else None
        )
        pending = Pending(self, kept, batch, [heard])
        self.producers.record(batch)
        self.following = batch.next
        self._filled += batch.size
        if self._opened_ms < 0:
            self._opened_ms = now_ms
        self._pending.append(pending)
        self._disk.weigh(batch.size)
        self._disk.put(pending)

    def _is_full(self, more: int, now_ms: int) -> bool:
        if not self._filled:
            return False
        return self._filled + more > self._segment_bytes or now_ms - self._opened_ms > self.configs.segment_ms

    def roll(self, now_ms: int) -> Roll:
        """A new segment for all that follows."""
        self.producers.forget(now_ms)
        self._filled = 0
        self._opened_ms = -1
        return Roll(self, self.following, self.producers.encode())

    def roll_if_old(self, now_ms: int, age_ms: int) -> None:
        """Close the last segment when it began ``age_ms`` ago, so that retention may have it."""
        if self._filled and not self._pending and now_ms - self._opened_ms > age_ms:
            self._disk.put(self.roll(now_ms))

    def written(self, pending: Pending, failure: OSError | None) -> None:
        """``pending``, the oldest of those under way, is on disk."""
        self._pending.popleft()
        if self.gone and failure is None:
            failure = FileNotFoundError(f"topic {self.topic} was deleted")
        if failure is None:
            self.end = pending.batch.next
            self._keep(pending.raw, pending.batch)
            for waiter in tuple(self.waiters):
                waiter.arrived(pending.batch.size)
        for heard in pending.heard:
            heard(pending.batch.base, failure)
        self._disk.weigh(-pending.batch.size)

    def closed(self, roll: Roll) -> None:
        """A new segment has begun: keep the index of the one before it, and what the producers had sent."""
        place = next(number for number, segment in enumerate(self.segments) if segment.base == roll.base)
        if place:
            self.close_segment(self.segments[place - 1], self.segments[place].producers_path, roll.producers)

    def _keep(self, raw: bytes, batch: Batch) -> None:
        self._tail.append(raw)
        self._tail_bases.append(batch.base)
        self._tail_bytes += len(raw)
        if self._tail_bytes > 2 * TAIL_BYTES:
            drop = 0
            while self._tail_bytes > TAIL_BYTES and drop < len(self._tail) - 1:
                self._tail_bytes -= len(self._tail[drop])
                drop += 1
            del self._tail[:drop], self._tail_bases[:drop]

    # -- reading

    def refuse_epoch(self, theirs: int) -> int:
        """The error for a client that knows of the leader's epoch ``theirs`` (-1: of none)."""
        if theirs < 0 or theirs == self.standing.epoch:
            return NONE
        return FENCED_LEADER_EPOCH if theirs < self.standing.epoch else UNKNOWN_LEADER_EPOCH

    def refuse_offset(self, offset: int) -> int:
        return NONE if self.start <= offset <= self.end else OFFSET_OUT_OF_RANGE

    def available(self, offset: int, enough: int) -> int:
        """Bytes from ``offset`` to the end; no more than ``enough`` are counted. Where the place is not in memory, up
        to an index step too many."""
        if offset >= self.end:
            return 0
        found = self._in_tail(offset)
        if found is None:
            total = 0
            for segment in reversed(self.segments):
                total += segment.size - (segment.index.position(offset) if segment.base <= offset else 0)
                if segment.base <= offset or total >= enough:
                    break
            return total
        total = 0
        for raw in self._tail[found:]:
            total += len(raw)
            if total >= enough:
                break
        return total

    def _in_tail(self, offset: int) -> int | None:
        found = bisect_right(self._tail_bases, offset) - 1
        return found if found >= 0 else None

    def read(self, offset: int, limit: int, whole: bool) -> bytes | Place:
        """Batches from the one that holds ``offset``: ``limit`` bytes of them, with ``whole`` the first in any case; or
        the place to read them from with ``read_place``."""
        if offset >= self.end:
            return b""
        found = self._in_tail(offset)
        if found is None:
            bases = [segment.base for segment in self.segments]
            return Place(self.segments[max(bisect_right(bases, offset) - 1, 0)], offset, self.end)
        first = self._tail[found]
        if len(first) > limit:
            return first if whole else b""
        total, stop = len(first), found + 1
        while stop < len(self._tail) and total + len(self._tail[stop]) <= limit:
            total += len(self._tail[stop])
            stop += 1
        return first if stop == found + 1 else b"".join(self._tail[found:stop])

    def offset_of_time(self, time_ms: int) -> tuple[int, int]:
        """Offset and time of the first record of ``time_ms`` or later; -1, -1 where there is none. For a thread that
        may wait for the disk."""
        for segment in tuple(self.segments):
            if segment.index.max_time < time_ms or segment.end <= self.start:
                continue
            at = segment.index.position_of_time(time_ms)
            while at is not None and (batch := header(segment.read(at, 64))) is not None and batch.base < self.end:
                if batch.max_time >= time_ms and batch.next > self.start:
                    found = first_at(segment.read(at, batch.size), 0, batch, time_ms, self.start)
                    if found is not None:
                        return found
                at += batch.size
        return -1, -1

    def greatest_time(self) -> tuple[int, int]:
        """Offset and time of the youngest record; -1, -1 where there is none. As ``offset_of_time``."""
        youngest = max((segment.index.max_time for segment in tuple(self.segments)), default=-1)
        return (-1, -1) if youngest < 0 else self.offset_of_time(youngest)

    # -- deleting

    @property
    def size(self) -> int:
        return sum(segment.size for segment in self.segments)

    def delete_before(self, offset: int, done: Callable[[OSError | None], None]) -> None:
        """Readers see nothing before ``offset`` any more; segments that hold nothing else are deleted."""
        if offset > self.start:
            self.start = offset
            self.standing = self.standing.starting_at(offset)
        self._disk.put(Task(lambda: self.standing.save(self.folder), done))
        self.drop([segment for segment in self.segments[:-1] if segment.end <= self.start])

    def drop(self, oldest: list[LogSegment]) -> None:
        """Delete the oldest segments, closed ones."""
        if not oldest:
            return
        assert self.segments[: len(oldest)] == oldest and len(oldest) < len(self.segments)
        del self.segments[: len(oldest)]
        self.start = max(self.start, self.segments[0].base)
        for segment in oldest:
            self._disk.put(Task(segment.delete))
        while self._tail_bases and self._tail_bases[0] < self.segments[0].base:
            self._tail_bytes -= len(self._tail.pop(0))
            self._tail_bases.pop(0)

    def flush(self) -> None:
        """Have the disk keep what was written. For the writing thread."""
        for segment in self.segments[-1:]:
            segment.flush()


def read_place(place: Place, limit: int, whole: bool) -> bytes:
    """What is there. For a thread that may wait for the disk; raises OSError."""
    return place.segment.batches_from(place.offset, place.end, limit, whole)


def save_closed(segment: LogSegment, producers_path: Path, producers: bytes) -> None:
    """Make the next start quick: keep the index of a closed segment and what the producers had sent. For a thread that
    may wait for the disk; raises OSError."""
    segment.flush()
    segment.index.save(segment.index_path, segment.size, segment.end)
    write_atomically(producers_path, producers)


def now_ms() -> int:
    """The time of appending, Unix ms."""
    return time.time_ns() // 1_000_000
