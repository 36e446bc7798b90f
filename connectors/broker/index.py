"""Where in a segment which offset and which time is: an entry for every four KiB, in memory. It is on disk once the
segment is closed, so that a start does not have to read that again."""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_right
from pathlib import Path
from typing import Final, Self

import google_crc32c

from connectors.broker.batches import Batch

STEP_BYTES: Final = 4_096
_HEAD: Final = struct.Struct(">4sqqqqq")  # mark, bytes and end of the segment, first and greatest time, entries
_MARK: Final = b"PIX1"


class Index:
    """Of one segment. One thread adds; others may look up what is before the end that they know."""

    def __init__(self) -> None:
        self.first_time = -1
        self.max_time = -1
        self._offsets = array("q")
        self._positions = array("q")
        self._times = array("q")  # the greatest of each stretch

    def add(self, batch: Batch, position: int) -> None:
        """``batch`` was written at ``position``, after all others."""
        if self.first_time < 0:
            self.first_time = batch.max_time
        self.max_time = max(self.max_time, batch.max_time)
        if not self._positions or position - self._positions[-1] >= STEP_BYTES:
            self._times.append(batch.max_time)
            self._positions.append(position)
            self._offsets.append(batch.base)  # last: who finds it finds the others too
        elif batch.max_time > self._times[-1]:
            self._times[-1] = batch.max_time

    def position(self, offset: int) -> int:
        """Where reading begins to find ``offset``."""
        found = bisect_right(self._offsets, offset) - 1
        return self._positions[found] if found >= 0 else 0

    def position_of_time(self, time_ms: int) -> int | None:
        """Where reading begins to find the first batch of ``time_ms`` or later; None where there is none."""
        for number, time in enumerate(self._times):
            if time >= time_ms:
                return self._positions[number]
        return None

    def save(self, path: Path, size: int, end: int) -> None:
        """Keep it beside its segment, which has ``size`` bytes and ends before ``end``."""
        head = _HEAD.pack(_MARK, size, end, self.first_time, self.max_time, len(self._offsets))
        body = head + self._offsets.tobytes() + self._positions.tobytes() + self._times.tobytes()
        write_atomically(path, body + google_crc32c.value(body).to_bytes(4, "big"))

    @classmethod
    def load(cls, path: Path, size: int) -> tuple[Self, int] | None:
        """Index and end of a closed segment of ``size`` bytes; None where it has to be read instead."""
        try:
            raw = path.read_bytes()
        except OSError:
            return None
        body = raw[:-4]
        if len(raw) < _HEAD.size + 4 or google_crc32c.value(body) != int.from_bytes(raw[-4:], "big"):
            return None
        mark, of_size, end, first_time, max_time, count = _HEAD.unpack_from(body)
        if mark != _MARK or of_size != size or len(body) != _HEAD.size + 24 * count:
            return None
        index = cls()
        index.first_time, index.max_time = first_time, max_time
        for number, values in enumerate((index._offsets, index._positions, index._times)):
            begin = _HEAD.size + 8 * count * number
            values.frombytes(body[begin : begin + 8 * count])
        return index, end


def write_atomically(path: Path, body: bytes) -> None:
    """The file has the old content or the new one, whatever happens."""
    making = path.with_name(f".{path.name}.new")
    with making.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    making.replace(path)
