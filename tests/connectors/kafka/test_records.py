"""A message keeps its key, value, headers and time on the way through Kafka."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.records import headers_of, stored
from models.envelope import Envelope
from models.message import Message


@dataclass
class FakeRecord:
    """What a consumer returns, from what a producer was given."""

    message: Message
    raw_headers: list[tuple[str, Any]] | None = None
    millis: int = 5
    extra: list[tuple[str, Any]] = field(default_factory=list)

    def topic(self) -> str:
        return self.message.topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7

    def key(self) -> bytes | None:
        return self.message.key.encode() or None

    def value(self) -> bytes | None:
        return self.message.value or None

    def headers(self) -> list[tuple[str, Any]] | None:
        return headers_of(self.message) if self.raw_headers is None else self.raw_headers

    def timestamp(self) -> tuple[int, int]:
        return 1, self.millis


messages = st.builds(
    Message,
    topic=st.just("journal"),
    key=st.text(max_size=9),
    value=st.binary(max_size=20),
    t_ns=st.integers(0, 2**63),
    producer=st.sampled_from(["market-main", "recorder r1", "p"]),
    ordinal=st.integers(0, 2**40),
)


@given(messages)
def test_there_and_back(message: Message) -> None:
    back = stored(FakeRecord(message))
    assert (back.topic, back.partition, back.offset) == ("journal", 0, 7)
    assert (back.key, back.value, back.t_ns) == (message.key, message.value, message.t_ns)
    assert (back.producer, back.ordinal, back.envelope) == (message.producer, message.ordinal, b"")


def test_the_envelope_is_kept_and_tells_the_time() -> None:
    envelope = Envelope(1_790_000_000_123_456_789, "r1", 3, "pm-1", 2).encode()
    back = stored(FakeRecord(Message("feed.polymarket", "pm-1", b"[]", 0, envelope=envelope)))
    assert back.envelope == envelope
    assert back.t_ns == 1_790_000_000_123_456_789


@pytest.mark.parametrize(
    "headers",
    [
        [("ordinal", b"nonsense")],
        [("ordinal", b"\xff\xfe")],
        [("t_ns", b"yesterday")],
        [("envelope", None)],
        [("foreign", b"x")],
        [],
    ],
)
def test_foreign_headers_do_no_harm(headers: list[tuple[str, Any]]) -> None:
    back = stored(FakeRecord(Message("t", "k", b"v", 0), raw_headers=headers))
    assert (back.value, back.producer, back.ordinal, back.t_ns) == (b"v", "", -1, 5_000_000)
