"""Between Kafka's messages and ours: keys, headers and times, in both directions."""

from __future__ import annotations

from typing import Any, Final, Protocol

from models.envelope import HEADER as ENVELOPE_HEADER
from models.message import ORDINAL_HEADER, Message, Stored

#: Event time in nanoseconds. Kafka's own timestamp is the time of writing (see ``admin``), and milliseconds only.
TIME_HEADER: Final = "t_ns"


class Consumed(Protocol):
    """What is used of a ``confluent_kafka.Message``."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def key(self) -> Any: ...
    def value(self) -> Any: ...
    def headers(self) -> Any: ...
    def timestamp(self) -> tuple[int, int]: ...


def headers_of(message: Message) -> list[tuple[str, str | bytes | None]]:
    """Kafka headers of a message to be written."""
    headers: list[tuple[str, str | bytes | None]] = []
    if message.envelope:
        headers.append((ENVELOPE_HEADER, message.envelope))
    else:
        headers.append((TIME_HEADER, b"%d" % message.t_ns))
    if message.producer:
        headers.append((ORDINAL_HEADER, f"{message.producer} {message.ordinal}".encode()))
    return headers


def stored(record: Consumed) -> Stored:
    """The record as read. ``t_ns`` is the envelope's receive time, else the header ``t_ns``, else Kafka's timestamp.

    Never raises on foreign headers: what cannot be read is left empty, and the value is kept as it is."""
    envelope = b""
    producer, ordinal = "", -1
    t_ns = record.timestamp()[1] * 1_000_000
    for name, raw in record.headers() or ():
        if raw is None:
            continue
        if name == ENVELOPE_HEADER:
            envelope = raw
            head, _, _ = raw.partition(b" ")
            if head.isdigit():
                t_ns = int(head)
        elif name == TIME_HEADER:
            if raw.isdigit():
                t_ns = int(raw)
        elif name == ORDINAL_HEADER:
            name_part, _, number = raw.decode("utf-8", "replace").rpartition(" ")
            if name_part and number.isdigit():
                producer, ordinal = name_part, int(number)
    key = record.key()
    return Stored(
        record.topic() or "",
        record.partition() or 0,
        record.offset() or 0,
        key.decode("utf-8", "replace") if key else "",
        record.value() or b"",
        t_ns,
        producer,
        ordinal,
        envelope,
    )
