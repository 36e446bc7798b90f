"""Record batches, the unit in which records come, are kept and go: opaque but for the 61 bytes of their header."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import google_crc32c

from connectors.broker.errors import (
    CORRUPT_MESSAGE,
    INVALID_RECORD,
    MESSAGE_TOO_LARGE,
    UNSUPPORTED_COMPRESSION,
)

#: base offset, length, leader epoch, magic, crc, attributes, last offset delta, first and greatest timestamp,
#: producer's id, epoch and first sequence number, records
_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
HEADER_BYTES: Final = _HEADER.size
_PREFIX: Final = 12  # what the length does not count
_FROM_CRC: Final = struct.Struct(">hiqqqhii")
_CHECKED_FROM: Final = 21  # what the checksum covers begins here
_MAGIC: Final = 2

_COMPRESSION: Final = 0x07
_APPEND_TIME: Final = 0x08
_TRANSACTIONAL: Final = 0x10
_CONTROL: Final = 0x20
_CODECS: Final = 5  # none, gzip, snappy, lz4, zstd

MAX_SEQUENCE: Final = (1 << 31) - 1


class Refused(Exception):
    """A batch that is not taken. ``error``: Kafka's code."""

    def __init__(self, error: int, why: str) -> None:
        super().__init__(why)
        self.error = error
        self.why = why


class Batch(NamedTuple):
    """A batch's header. ``size``: bytes of the whole batch. Times are Unix ms."""

    base: int
    size: int
    epoch: int
    magic: int
    crc: int
    attributes: int
    last_delta: int
    first_time: int
    max_time: int
    producer: int
    producer_epoch: int
    sequence: int
    records: int

    @property
    def next(self) -> int:
        """The offset after the last record."""
        return self.base + self.last_delta + 1

    @property
    def last_sequence(self) -> int:
        return (self.sequence + self.records - 1) & MAX_SEQUENCE

    @property
    def has_append_time(self) -> bool:
        return bool(self.attributes & _APPEND_TIME)

    @property
    def is_compressed(self) -> bool:
        return bool(self.attributes & _COMPRESSION)


def header(data: bytes | memoryview, at: int = 0) -> Batch | None:
    """The header at ``at``; None where the bytes end within it, or it cannot be one."""
    if len(data) - at < HEADER_BYTES:
        return None
    base, length, *rest = _HEADER.unpack_from(data, at)
    batch = Batch(base, length + _PREFIX, *rest)
    if batch.size < HEADER_BYTES or batch.magic != _MAGIC or batch.last_delta < 0 or base < 0:
        return None
    return batch


def walk(data: bytes | memoryview, at: int = 0) -> Iterator[tuple[int, Batch]]:
    """Position and header of each batch that is whole, up to the first that is not."""
    while (batch := header(data, at)) is not None and batch.size <= len(data) - at:
        yield at, batch
        at += batch.size


def is_sound(data: bytes | memoryview, at: int, batch: Batch) -> bool:
    """Whether the checksum agrees."""
    return int(google_crc32c.value(bytes(data[at + _CHECKED_FROM : at + batch.size]))) == batch.crc


def checked(raw: bytes, most: int) -> Batch:
    """The header of a batch as a producer sent it. Raises Refused for one that a consumer could not read, or one of
    more than ``most`` bytes."""
    if len(raw) > most:
        raise Refused(MESSAGE_TOO_LARGE, f"the batch has {len(raw)} bytes, the topic takes {most}")
    if len(raw) >= HEADER_BYTES and raw[16] != _MAGIC:
        raise Refused(INVALID_RECORD, f"record batches of format {raw[16]} are not taken, only of format {_MAGIC}")
    batch = header(raw)
    if batch is None or batch.size > len(raw):
        raise Refused(CORRUPT_MESSAGE, "the record batch is cut off")
    if batch.size != len(raw):
        raise Refused(INVALID_RECORD, "more than one record batch for a partition")
    if not is_sound(raw, 0, batch):
        raise Refused(CORRUPT_MESSAGE, "the record batch's checksum is wrong")
    if batch.records < 1 or batch.records != batch.last_delta + 1:
        raise Refused(INVALID_RECORD, f"{batch.records} records with the last offset {batch.last_delta}")
    if batch.attributes & _COMPRESSION >= _CODECS:
        raise Refused(UNSUPPORTED_COMPRESSION, "the record batch's compression is not known")
    if batch.attributes & (_TRANSACTIONAL | _CONTROL):
        raise Refused(INVALID_RECORD, "the embedded broker has no transactions")
    if batch.producer >= 0 and (batch.producer_epoch < 0 or batch.sequence < 0):
        raise Refused(INVALID_RECORD, "a producer's id without its epoch or sequence")
    return batch


def placed(raw: bytes, batch: Batch, base: int, epoch: int, append_time: int | None) -> tuple[bytes, Batch]:
    """The batch as it is kept: with its offsets, the leader's epoch and, for topics that want it, the time of
    appending (Unix ms), which its checksum has to cover."""
    crc, attributes, most = batch.crc, batch.attributes & ~_APPEND_TIME, batch.max_time
    body = raw[HEADER_BYTES:]
    if append_time is not None:
        attributes, most = batch.attributes | _APPEND_TIME, append_time
    if attributes != batch.attributes or most != batch.max_time:
        covered = _FROM_CRC.pack(attributes, batch.last_delta, batch.first_time, most, *batch[9:])
        crc = google_crc32c.extend(google_crc32c.value(covered), body)
    kept = batch._replace(base=base, epoch=epoch, crc=crc, attributes=attributes, max_time=most)
    return _HEADER.pack(base, batch.size - _PREFIX, *kept[2:]) + body, kept


def first_at(data: bytes | memoryview, at: int, batch: Batch, time_ms: int, least: int) -> tuple[int, int] | None:
    """Offset and time of the batch's first record of ``time_ms`` or later and offset ``least`` or later, None where it
    has none. What is compressed is not looked into: its first record is taken, early perhaps, never late."""
    if batch.has_append_time:
        return max(batch.base, least), batch.max_time
    if batch.is_compressed:
        return max(batch.base, least), max(batch.first_time, time_ms)
    for offset_delta, time_delta in _records(data, at + HEADER_BYTES, at + batch.size, batch.records):
        offset, time = batch.base + offset_delta, batch.first_time + time_delta
        if time >= time_ms and offset >= least:
            return offset, time
    return None


def _records(data: bytes | memoryview, at: int, end: int, records: int) -> Iterator[tuple[int, int]]:
    """Offset and time of each record, as distances from the batch's; ends where they make no sense."""
    for _ in range(records):
        length, at = _signed(data, at, end)
        if length < 3 or length > end - at:
            return
        following = at + length
        time_delta, at = _signed(data, at + 1, following)
        offset_delta, at = _signed(data, at, following)
        yield offset_delta, time_delta
        at = following


def _signed(data: bytes | memoryview, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return (value >> 1) ^ -(value & 1), at
