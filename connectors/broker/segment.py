"""One file of a partition's log: batches one after the other, appended and never changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from connectors.broker.batches import HEADER_BYTES, Batch, header, walk
from connectors.broker.index import STEP_BYTES, Index

_AT_ONCE: Final = 512  # buffers of one system call, below what every system takes


class LogSegment:
    """``base``: its first offset; ``size``: the bytes that are written; ``end``: the offset after the last record.

    The file is closed when nobody refers to the segment any more, so a thread that reads one that was deleted is not
    given another file's bytes."""

    def __init__(self, folder: Path, base: int, index: Index | None = None, size: int = 0, end: int = -1) -> None:
        """Opens the file, or makes it. Raises OSError."""
        self.path = segment_path(folder, base)
        self.base = base
        self.index = index or Index()
        self.size = size
        self.end = max(end, base)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    @property
    def index_path(self) -> Path:
        return self.path.with_suffix(".index")

    @property
    def producers_path(self) -> Path:
        """What the producers had sent before this segment."""
        return self.path.with_suffix(".producers")

    def append(self, batches: Sequence[tuple[bytes, Batch]]) -> None:
        """Write them at the end. Raises OSError; what is not whole then is written over by the next attempt."""
        for first in range(0, len(batches), _AT_ONCE):
            group = batches[first : first + _AT_ONCE]
            self._write([raw for raw, _ in group], self.size)
            for raw, batch in group:
                self.index.add(batch, self.size)
                self.size += len(raw)
                self.end = batch.next

    def _write(self, buffers: list[bytes], position: int) -> None:
        written = os.pwritev(self._file, buffers, position)
        wanted = sum(map(len, buffers))
        if written < wanted:  # the disk is nearly full, or a signal came
            rest = memoryview(b"".join(buffers))
            while written < wanted:
                written += os.pwrite(self._file, rest[written:], position + written)

    def flush(self) -> None:
        """Wait until the disk has it."""
        os.fsync(self._file)

    def cut(self, size: int) -> None:
        """Drop all that is behind ``size``."""
        os.ftruncate(self._file, size)

    def written_ms(self) -> int:
        """When it was last written, Unix ms."""
        return os.fstat(self._file).st_mtime_ns // 1_000_000

    def length(self) -> int:
        return os.fstat(self._file).st_size

    def read(self, position: int, length: int) -> bytes:
        return os.pread(self._file, max(min(length, self.size - position), 0), position)

    def batches_from(self, offset: int, end: int, limit: int, whole: bool) -> bytes:
        """Batches from the one that holds ``offset``, before ``end``, ``limit`` bytes of them; with ``whole`` the first
        in any case."""
        at = self.index.position(offset)
        data = self.read(at, limit + 2 * STEP_BYTES)
        begin: int | None = None
        stop = 0
        for found, batch in walk(data):
            if batch.next <= offset:
                stop = found + batch.size
                continue
            if batch.base >= end or (begin is not None and found + batch.size - begin > limit):
                break
            if begin is None:
                if batch.size > limit:
                    return data[found : found + batch.size] if whole else b""
                begin = found
            stop = found + batch.size
        if begin is not None:
            return data[begin:stop]
        return self._large(at + stop, offset, end, limit, whole)

    def _large(self, at: int, offset: int, end: int, limit: int, whole: bool) -> bytes:
        """The batch of ``offset``, which was not whole in what was read."""
        while (batch := header(self.read(at, HEADER_BYTES))) is not None and batch.base < end:
            if batch.next > offset:
                return self.read(at, batch.size) if whole or batch.size <= limit else b""
            at += batch.size
        return b""

    def delete(self) -> None:
        for path in (self.index_path, self.producers_path, self.path):
            path.unlink(missing_ok=True)


def segment_path(folder: Path, base: int) -> Path:
    return folder / f"{base:020d}.log"
