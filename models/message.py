"""A record on its way to or from a topic, whatever carries it (Kafka, Parquet archive, a test's list)."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from msgspec.structs import force_setattr

from models.envelope import Envelope, decode_envelope

ORDINAL_HEADER = "ordinal"


class Message(msgspec.Struct, frozen=True, gc=False):
    """A record to be written.

    ``producer`` and ``ordinal`` make writing idempotent: a producer numbers its records in each topic from 0 without
    a gap, as a function of its input alone, so that a crash re-emits the same numbers and every reader drops what
    it has (Kafka header ``ordinal``: ``"<producer> <ordinal>"``). Feed records carry the envelope instead.
    ``t_ns`` becomes Kafka's timestamp in milliseconds and the archive's hour."""

    topic: str
    key: str
    value: bytes
    t_ns: int
    producer: str = ""
    ordinal: int = -1
    envelope: bytes = b""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A record that was read: a message and where it stands.

    ``receipt`` is the envelope's content, decoded once for all who ask; None where there is none that can be read."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    t_ns: int
    producer: str = ""
    ordinal: int = -1
    envelope: bytes = b""
    receipt: Envelope | None = None

    def __post_init__(self) -> None:
        if self.envelope and self.receipt is None:
            with suppress(ValueError):
                force_setattr(self, "receipt", decode_envelope(self.envelope))


class Lost(msgspec.Struct, frozen=True, gc=False):
    """Records ``first`` to ``last`` (sequence numbers, both included) of a run that never reached the topics."""

    run: str
    first: int
    last: int
