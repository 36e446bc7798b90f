"""A client of a few lines, and record batches made by hand: what a test wants to send, byte by byte."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Final

import google_crc32c

from connectors.broker.fetch_codec import Wanted
from connectors.broker.messages import APIS
from connectors.broker.schema import Row, decode, encode
from connectors.broker.wire import Decoder, Encoder

_CHECKED: Final = struct.Struct(">hiqqqhii")


def _varint(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def batch(
    values: Sequence[bytes],
    times: Sequence[int] | None = None,
    producer: tuple[int, int, int] = (-1, -1, -1),
    attributes: int = 0,
) -> bytes:
    """A record batch without compression. ``times``: Unix ms of each record; ``producer``: id, epoch, sequence."""
    times = times or [1_700_000_000_000] * len(values)
    body = b""
    for number, (value, time) in enumerate(zip(values, times, strict=True)):
        record = b"\0" + _varint(time - times[0]) + _varint(number) + _varint(-1) + _varint(len(value)) + value + b"\0"
        body += _varint(len(record)) + record
    checked = _CHECKED.pack(attributes, len(values) - 1, times[0], max(times), *producer, len(values)) + body
    head = struct.pack(">ibI", -1, 2, google_crc32c.value(checked))
    return struct.pack(">qi", 0, len(head) + len(checked)) + head + checked


def frame(key: int, version: int, body: bytes, number: int = 0) -> bytes:
    """A request as it goes out."""
    api = APIS[key]
    head = struct.pack(">hhih", key, version, number, -1) + (b"\0" if version >= api.flexible else b"")
    return struct.pack(">i", len(head) + len(body)) + head + body


def produce_body(version: int, topic: str, records: bytes, partition: int = 0, acks: int = -1) -> bytes:
    flexible = version >= 9
    out = Encoder()
    out.string(None, flexible)
    out.int16(acks)
    out.int32(30_000)
    out.count(1, flexible)
    out.string(topic, flexible)
    out.count(1, flexible)
    out.int32(partition)
    out.bytes_(records, flexible)
    if flexible:
        out.out += b"\0\0\0"
    return bytes(out.out)


def fetch_body(version: int, wanted: Sequence[Wanted], max_wait_ms: int, min_bytes: int, max_bytes: int) -> bytes:
    """Only version 4 to 6 and 12."""
    flexible = version >= 12
    out = Encoder()
    for number in (-1, max_wait_ms, min_bytes, max_bytes):
        out.int32(number)
    out.int8(0)
    if version >= 7:
        out.int32(0)
        out.int32(-1)
    out.count(len(wanted), flexible)
    for each in wanted:
        out.string(each.topic, flexible)
        out.count(1, flexible)
        out.int32(each.partition)
        if version >= 9:
            out.int32(each.leader_epoch)
        out.int64(each.offset)
        if version >= 12:
            out.int32(-1)
        if version >= 5:
            out.int64(-1)
        out.int32(each.max_bytes)
        if flexible:
            out.out += b"\0\0"
    if version >= 7:
        out.count(0, flexible)
    if version >= 11:
        out.string("", flexible)
    if flexible:
        out.out.append(0)
    return bytes(out.out)


class Wire:
    """One connection. ``ask`` sends one request and waits for its answer."""

    def __init__(self, bootstrap: str, timeout_s: float = 60.0) -> None:
        host, _, port = bootstrap.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=timeout_s)
        self._number = 0

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, key: int, version: int, body: bytes) -> int:
        self._number += 1
        self.socket.sendall(frame(key, version, body, self._number))
        return self._number

    def receive(self) -> tuple[int, bytes]:
        """Number and body (with the header's tagged fields) of the next answer. Raises ConnectionError at the end."""
        (size,) = struct.unpack(">i", self._exactly(4))
        raw = self._exactly(size)
        return int(struct.unpack_from(">i", raw)[0]), raw[4:]

    def _exactly(self, size: int) -> bytes:
        out = b""
        while len(out) < size:
            more = self.socket.recv(size - len(out))
            if not more:
                raise ConnectionError("the broker ended the connection")
            out += more
        return out

    def ask(self, key: int, version: int, row: Row) -> Row:
        api = APIS[key]
        assert api.request is not None and api.response is not None
        encoder = Encoder()
        encode(api.request, version, row, encoder)
        number = self.send(key, version, bytes(encoder.out))
        answered, raw = self.receive()
        assert answered == number
        return decode(api.response, version, Decoder(raw[1:] if version >= api.flexible and key != 18 else raw))

    def produce(self, topic: str, records: bytes, partition: int = 0) -> tuple[int, int]:
        """Error and base offset."""
        self.send(0, 7, produce_body(7, topic, records, partition))
        raw = self.receive()[1]
        at = 4 + 2 + len(topic.encode()) + 4 + 4
        error, base = struct.unpack_from(">hq", raw, at)
        return int(error), int(base)

    def fetch(
        self, wanted: Sequence[Wanted], max_wait_ms: int = 0, min_bytes: int = 1, max_bytes: int = 1 << 20
    ) -> dict[tuple[str, int], tuple[int, int, int, bytes]]:
        """Error, end, log start and records of each partition."""
        self.send(1, 5, fetch_body(5, wanted, max_wait_ms, min_bytes, max_bytes))
        return fetched(self.receive()[1])


def fetched(raw: bytes) -> dict[tuple[str, int], tuple[int, int, int, bytes]]:
    """The partitions of an answer to version 5."""
    decoder = Decoder(raw)
    decoder.int32()
    found = {}
    for _ in range(decoder.int32()):
        topic = decoder.string(False)
        for _ in range(decoder.int32()):
            partition, error, end = decoder.int32(), decoder.int16(), decoder.int64()
            decoder.int64()
            start = decoder.int64()
            decoder.int32()
            found[topic, partition] = error, end, start, decoder.nullable_bytes(False) or b""
    return found
