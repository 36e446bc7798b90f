"""Writing an archive: records in, whole Parquet files out, nothing twice.

One process writes a topic at a time (a lock in its folder says so). What is on disk is what was flushed; after a
crash the writer finds from the files where it stood and skips what it has: records at or below the last offset, and
records whose producer's ordinal is there already (a flow that crashed emits some again, at new offsets).

The hour of a file is that of its records' ``t_ns``; a record that is late for an hour already passed stands in the
hour after it, so that offsets ascend through the hours. Files are merged in the background: ``PIECES`` small ones of an
hour as they come, and those of an hour that is over into one.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from connectors.archive import files, layout
from connectors.archive.columns import Row, frame_of, row_of
from connectors.archive.layout import ArchiveError
from connectors.process_lock import acquire
from models.message import Message, Stored

MAX_ROWS: Final = 65_536
MAX_BYTES: Final = 48 * 1024 * 1024
#: So many small files of an hour become one: five minutes of a feed that is flushed every five seconds. An hour has
#: some seventy files of a topic then at most, where there were seven hundred to remember, and to open when it was over.
PIECES: Final = 60
#: Bytes of an unfinished hour that are merged on closing, which must not take long; the next writer does the rest.
MERGED_AT_CLOSE: Final = 32 * 1024 * 1024


class TopicWriter:
    """Writes one topic. Raises ArchiveError when another process writes it."""

    def __init__(self, directory: Path, topic: str, background: ThreadPoolExecutor | None = None) -> None:
        self.topic = topic
        self.skipped = 0
        self._folder = layout.topic_folder(directory, topic)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._folder)
        self._background = background
        self._merges: list[Future[None]] = []
        self._rows: list[Row] = []
        self._bytes = 0
        pieces = self._recover()
        self.next_offset = pieces[-1].last + 1 if pieces else 0
        self._hour = layout.hour_number(pieces[-1].hour) if pieces else -1
        self._parts = [piece for piece in pieces if piece.hour == pieces[-1].hour]  # the current hour's files
        self._merged = 0  # of those, the first that are large enough
        self._producers = files.producers_of(pieces[-1].path) if pieces else {}

    def _recover(self) -> list[layout.Piece]:
        """Finish what a crash left: files in the making, parts of merged files, hours that were not merged."""
        for making in self._folder.glob("hour=*/.*.making"):
            making.unlink()
        pieces, left_over = layout.split(layout.listed(self._folder))
        for piece in left_over:
            piece.path.unlink()
        for hour, parts in groupby(pieces, key=lambda piece: piece.hour):
            if hour != pieces[-1].hour:
                self._merge(list(parts))
        return pieces

    def last_ordinal(self, producer: str) -> int:
        """The producer's last ordinal in this topic, -1 for none."""
        return self._producers.get(producer, -1)

    @property
    def waiting(self) -> int:
        """Records that were taken and are not on disk yet."""
        return len(self._rows)

    def append(self, stored: Stored) -> bool:
        """Take a record at its own offset; False when it is there already.

        Raises ArchiveError for a record of another partition than 0: topics have one."""
        if stored.partition:
            raise ArchiveError(
                f"{self.topic}: a record of partition {stored.partition}.", "An archived topic has one partition."
            )
        known = stored.offset < self.next_offset
        if known or (stored.producer and stored.ordinal <= self.last_ordinal(stored.producer)):
            self.skipped += 1
            return False
        hour = stored.t_ns // layout.HOUR_NS
        if hour > self._hour:
            self.flush()
            self._merge(self._parts)
            self._parts, self._merged = [], 0
            self._hour = hour
        if stored.producer:
            self._producers[stored.producer] = stored.ordinal
        self._rows.append(row_of(stored))
        self._bytes += len(stored.value)
        self.next_offset = stored.offset + 1
        if len(self._rows) >= MAX_ROWS or self._bytes >= MAX_BYTES:
            self.flush()
        return True

    def append_message(self, message: Message) -> bool:
        """Take a record at the next offset; False when its producer's ordinal is there already."""
        return self.append(
            Stored(
                self.topic,
                0,
                self.next_offset,
                message.key,
                message.value,
                message.t_ns,
                message.producer,
                message.ordinal,
                message.envelope,
            )
        )

    def flush(self) -> None:
        """All that was taken is on disk after this."""
        for merge in [merge for merge in self._merges if merge.done()]:
            self._merges.remove(merge)
            merge.result()
        if self._rows:
            frame = frame_of(self._rows)
            first, last = self._rows[0][0], self._rows[-1][0]
            hour = layout.hour_of(self._hour * layout.HOUR_NS)
            piece = layout.Piece(first, last, hour, layout.piece_path(self._folder, hour, first, last))
            files.write_piece(frame, piece.path, self._producers)
            self._parts.append(piece)
            self._rows = []
            self._bytes = 0
            if len(self._parts) - self._merged >= PIECES:
                small = self._parts[self._merged :]
                self._merge(small)
                self._parts[self._merged :] = [layout.spanning(self._folder, small)]
                self._merged += 1

    def _merge(self, pieces: list[layout.Piece]) -> None:
        if len(pieces) < 2:
            return
        if self._background is None:
            files.merge_pieces(self._folder, pieces)
        else:
            self._merges.append(self._background.submit(files.merge_pieces, self._folder, pieces))

    def close(self, until: float = math.inf) -> None:
        """Flush, merge the last hour, and let others write. What is not merged by ``until``, a moment of the monotonic
        clock, is left to the next writer."""
        try:
            self.flush()
            for merge in self._merges:
                if time.monotonic() < until or not merge.cancel():
                    merge.result()
            self._merges = []
            if time.monotonic() < until and sum(piece.path.stat().st_size for piece in self._parts) <= MERGED_AT_CLOSE:
                files.merge_pieces(self._folder, self._parts)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Give up the lock without flushing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _lock(folder: Path) -> int:
    lock = acquire(folder / ".lock")
    if lock is None:
        raise ArchiveError(f"{folder}: another process writes this archive.", "Stop it, or choose another folder.")
    return lock


class ArchiveWriter:
    """Writes any number of topics of one archive. A context manager; on an exception it only gives up its locks."""

    def __init__(self, directory: Path, topics: Iterable[str] = ()) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._background = ThreadPoolExecutor(1, thread_name_prefix="archive-merge")
        self._writers: dict[str, TopicWriter] = {}
        for topic in topics:
            self.topic(topic)

    def topic(self, name: str) -> TopicWriter:
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = TopicWriter(self.directory, name, self._background)
        return writer

    def append(self, stored: Stored) -> bool:
        """See TopicWriter.append."""
        return self.topic(stored.topic).append(stored)

    def append_message(self, message: Message) -> bool:
        """See TopicWriter.append_message."""
        return self.topic(message.topic).append_message(message)

    @property
    def skipped(self) -> int:
        """Records that were there already."""
        return sum(writer.skipped for writer in self._writers.values())

    def flush(self) -> None:
        """All that was taken is on disk after this."""
        for writer in self._writers.values():
            writer.flush()

    def close(self, merge_s: float = math.inf) -> None:
        """Flush, merge for ``merge_s`` seconds at most, and let others write."""
        try:
            self.flush()
            until = time.monotonic() + merge_s
            for writer in self._writers.values():
                writer.close(until)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Give up the locks without flushing, as a crash would."""
        self._background.shutdown(wait=True, cancel_futures=True)
        for writer in self._writers.values():
            writer.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
