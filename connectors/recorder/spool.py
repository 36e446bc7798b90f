"""What the recorder keeps on disk while Kafka is away: a queue of records in segment files.

A segment begins with ``MAGIC``; each record follows as a frame of length (4 bytes), CRC-32 (4 bytes), both little
endian, and the record as MessagePack. A frame is written with one call to the operating system, so that a killed
recorder leaves whole frames and at most a torn last one, which is cut off when the spool is read again. (The machine's
own sudden end may cost what the operating system had not written yet.)

A folder belongs to one recorder run: ``<spool_dir>/<run>/<number>.segment`` and a file ``cluster`` that names the
cluster it is meant for. A segment is deleted when all its records are known to have reached Kafka.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from connectors.process_lock import acquire
from models.message import Message

MAGIC: Final = b"PROFITS1"
SEGMENT_BYTES: Final = 8 * 1024 * 1024
RESERVE_BYTES: Final = 1024 * 1024  # beyond the limit, for markers and notices
RECORD_BYTES: Final = 64 * 1024 * 1024  # a length above this is none
_HEAD: Final = struct.Struct("<II")
_SUFFIX: Final = ".segment"

_Fields = tuple[str, str, bytes, int, str, int, bytes]
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Fields)


def frame_of(message: Message) -> bytes:
    """The record as it stands on disk."""
    payload = _encoder.encode(
        (
            message.topic,
            message.key,
            message.value,
            message.t_ns,
            message.producer,
            message.ordinal,
            message.envelope,
        )
    )
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def read_frame(file: BinaryIO) -> tuple[Message, int] | None:
    """The next record and its frame's size in bytes; None at the end, or where what follows is no whole frame."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack(head)
    if length > RECORD_BYTES:
        return None
    payload = file.read(length)
    if len(payload) < length or zlib.crc32(payload) != checksum:
        return None
    try:
        topic, key, value, t_ns, producer, ordinal, envelope = _decoder.decode(payload)
    except msgspec.DecodeError:
        return None
    return Message(topic, key, value, t_ns, producer, ordinal, envelope), _HEAD.size + length


class Segment:
    """One file. ``size``: its bytes that hold whole frames. Records are counted: written, taken out, confirmed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = len(MAGIC)
        self.records = 0
        self.taken = 0
        self.confirmed = 0
        self.read_at = len(MAGIC)  # where the next record to take out stands
        self.reader: BinaryIO | None = None
        self.writer: int | None = None

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()
            self.reader = None
        if self.writer is not None:
            os.close(self.writer)
            self.writer = None


class Spool:
    """A queue on disk, first in first out, of at most ``limit`` bytes and a reserve. Not for several threads.

    ``append`` puts a record in, ``take`` hands out the oldest that was not handed out yet, ``confirm`` says that one
    of a segment's records has reached Kafka. OSError is raised where the disk cannot be read; a disk that takes no
    more is a full spool."""

    def __init__(self, folder: Path, limit: int, cluster: str = "", segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self.limit = limit
        self.size = 0  # bytes on disk
        self.waiting = 0  # records that were not taken out yet
        self.cut = 0  # bytes of old segments that were no whole frames
        self.cluster = cluster
        self._segment_bytes = segment_bytes
        self._segments: deque[Segment] = deque()  # the oldest first; the last one is written to
        self._next = 0
        self._adopted: list[tuple[Path, int]] = []  # folders of earlier runs, with their locks
        self._lock: int | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether anything is on disk."""
        return bool(self._segments)

    def append(self, message: Message, taken: bool = False, reserve: bool = False) -> Segment | None:
        """Write the record; None when there is no room. ``taken``: it is under way already and is kept for the next
        run only; nothing may wait then. ``reserve``: it may use the room beyond the limit."""
        frame = frame_of(message)
        tail = self._segments[-1] if self._segments else None
        fresh = tail is None or tail.writer is None or tail.size >= self._segment_bytes
        limit = self.limit + (RESERVE_BYTES if reserve else 0)
        if self.size + len(frame) + (len(MAGIC) if fresh else 0) > limit:
            return None
        try:
            if fresh or tail is None:
                tail = self._open()
            _write(tail, frame)
        except OSError:
            return None
        tail.size += len(frame)
        tail.records += 1
        self.size += len(frame)
        if taken:
            assert not self.waiting
            tail.taken += 1
            tail.read_at = tail.size
        else:
            self.waiting += 1
        return tail

    def take(self) -> tuple[Message, Segment] | None:
        """The oldest record that waits; None when none does."""
        for segment in self._segments:
            while segment.taken < segment.records:
                if segment.reader is None:
                    segment.reader = segment.path.open("rb")
                segment.reader.seek(segment.read_at)
                found = read_frame(segment.reader)
                if found is None:
                    self._give_up_rest(segment)
                    break
                message, length = found
                segment.read_at += length
                segment.taken += 1
                self.waiting -= 1
                return message, segment
        self._delete_done()
        return None

    def confirm(self, segment: Segment) -> None:
        """One of the records of ``segment`` has reached Kafka."""
        segment.confirmed += 1
        if segment.confirmed >= segment.records:
            self._delete_done()

    def adopt(self, folder: Path) -> int:
        """Take over the segments of an earlier run: theirs are the oldest records. Returns how many they are; 0 also
        when another recorder holds them. Must come before the first ``append``."""
        assert not any(segment.writer is not None for segment in self._segments)
        lock = acquire(folder)
        if lock is None:
            return 0
        before = self.waiting
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            segment = Segment(path)
            self._survey(segment)
            if segment.records:
                self._segments.append(segment)
                self.size += segment.size
                self.waiting += segment.records
            else:
                path.unlink()
        self._adopted.append((folder, lock))
        self._delete_done()
        return self.waiting - before

    def close(self) -> None:
        """Leave on disk what is there; folders without records are removed."""
        for segment in self._segments:
            segment.close()
        left = {segment.path.parent for segment in self._segments}
        for folder, lock in self._adopted:
            if folder not in left:
                _remove(folder)
            os.close(lock)
        self._adopted.clear()
        if self._lock is not None:
            if self.folder not in left:
                _remove(self.folder)
            os.close(self._lock)
            self._lock = None

    def _open(self) -> Segment:
        """A new segment to write to. Raises OSError, and leaves things as they were, where the disk takes none: the
        next record may try again."""
        self._take_folder()
        segment = Segment(self.folder / f"{self._next:08d}{_SUFFIX}")
        segment.writer = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            _write_all(segment.writer, MAGIC)
        except OSError:
            segment.close()
            segment.path.unlink(missing_ok=True)
            raise
        if self._segments and (last := self._segments[-1]).writer is not None:
            os.close(last.writer)
            last.writer = None
        self._next += 1
        self._segments.append(segment)
        self.size += segment.size
        return segment

    def _take_folder(self) -> None:
        """The folder with its lock and the name of its cluster, without which the next run would pass it over."""
        if self._lock is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = acquire(self.folder)
            if self._lock is None:
                raise OSError(f"{self.folder} is in use")
        name = self.folder / "cluster"
        if name.is_file():
            return
        making = self.folder / ".cluster"
        try:
            making.write_text(self.cluster, encoding="utf-8")
            making.rename(name)
        except OSError:
            making.unlink(missing_ok=True)
            raise

    def _survey(self, segment: Segment) -> None:
        """Count the whole frames of an old segment."""
        with segment.path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                while (found := read_frame(file)) is not None:
                    segment.records += 1
                    segment.size += found[1]
        self.cut += segment.path.stat().st_size - (segment.size if segment.records else 0)

    def _give_up_rest(self, segment: Segment) -> None:
        """What is left of the segment cannot be read any more: the disk has changed it under us."""
        missing = segment.records - segment.taken
        self.cut += segment.size - segment.read_at
        self.waiting -= missing
        segment.records = segment.taken
        if segment.writer is not None:  # nothing more into this one
            os.close(segment.writer)
            segment.writer = None

    def _delete_done(self) -> None:
        while self._segments and self._segments[0].confirmed >= self._segments[0].records:
            segment = self._segments.popleft()
            segment.close()
            self.size -= segment.size
            with contextlib.suppress(FileNotFoundError):
                segment.path.unlink()


def left_over(root: Path) -> Iterator[tuple[Path, str]]:
    """Folders with records that earlier runs could not deliver, the oldest run first, each with its cluster."""
    if not root.is_dir():
        return
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        name = folder / "cluster"
        if any(folder.glob(f"*{_SUFFIX}")) and name.is_file():
            yield folder, name.read_text(encoding="utf-8")


def inherit(spool: Spool, root: Path) -> list[str]:
    """Take over what earlier runs left under ``root`` for the same cluster; returns what there is to say about it."""
    reported: list[str] = []
    for folder, cluster in left_over(root):
        if folder == spool.folder:
            continue
        if cluster != spool.cluster:
            reported.append(f"{folder} holds records for another cluster ({cluster}); they are left there.")
            continue
        records = spool.adopt(folder)
        if records:
            reported.append(f"{records:,} records of run {folder.name} waited in {folder}; they are written first.")
    if spool.cut:
        reported.append(f"{spool.cut:,} bytes of them were no whole records (a torn end) and are cut off.")
    return reported


def _write(segment: Segment, frame: bytes) -> None:
    """All of it or nothing. Raises OSError."""
    assert segment.writer is not None
    try:
        _write_all(segment.writer, frame)
    except OSError:
        try:
            os.ftruncate(segment.writer, segment.size)
        except OSError:  # its end is torn: nothing more into this one
            os.close(segment.writer)
            segment.writer = None
        raise


def _write_all(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    while written < len(content):
        written += os.write(descriptor, content[written:])


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / "cluster").unlink(missing_ok=True)
        folder.rmdir()
