"""Produce on the wire, by hand: it comes with every record."""

from __future__ import annotations

from typing import NamedTuple

from connectors.broker.errors import NONE
from connectors.broker.messages import PRODUCE
from connectors.broker.wire import Decoder, Encoder, Malformed


class Part(NamedTuple):
    """What is to be appended to one partition; ``records`` None where the client sent none."""

    topic: str
    partition: int
    records: bytes | None


class ProduceRequest(NamedTuple):
    """``acks``: -1, 0 or 1. ``timeout_ms``: how long the client waits for the answer."""

    transactional_id: str | None
    acks: int
    timeout_ms: int
    parts: list[Part]


class Appended(NamedTuple):
    """The answer for one partition. Offsets and times are -1 where there are none."""

    topic: str
    partition: int
    error: int = NONE
    base_offset: int = -1
    append_time_ms: int = -1
    log_start: int = -1
    message: str | None = None


def decode_produce(version: int, decoder: Decoder) -> ProduceRequest:
    """Raises Malformed."""
    flexible = version >= PRODUCE.flexible
    transactional_id = decoder.nullable_string(flexible)
    acks, timeout_ms = decoder.int16(), decoder.int32()
    parts: list[Part] = []
    for _ in range(decoder.count(flexible)):
        topic = decoder.string(flexible)
        for _ in range(decoder.count(flexible)):
            parts.append(Part(topic, decoder.int32(), decoder.nullable_bytes(flexible)))
            if flexible:
                decoder.skip_tags()
        if flexible:
            decoder.skip_tags()
    if flexible:
        decoder.skip_tags()
    if len({(part.topic, part.partition) for part in parts}) != len(parts):
        raise Malformed("a partition comes twice")
    return ProduceRequest(transactional_id, acks, timeout_ms, parts)


def encode_produce(version: int, answers: list[Appended], encoder: Encoder) -> None:
    """Answers of one topic have to follow each other."""
    flexible = version >= PRODUCE.flexible
    topics: dict[str, list[Appended]] = {}
    for answer in answers:
        topics.setdefault(answer.topic, []).append(answer)
    encoder.count(len(topics), flexible)
    for topic, group in topics.items():
        encoder.string(topic, flexible)
        encoder.count(len(group), flexible)
        for answer in group:
            encoder.int32(answer.partition)
            encoder.int16(answer.error)
            encoder.int64(answer.base_offset)
            encoder.int64(answer.append_time_ms)
            if version >= 5:
                encoder.int64(answer.log_start)
            if version >= 8:
                encoder.count(0, flexible)  # single records that were refused
                encoder.string(answer.message, flexible)
            if flexible:
                encoder.varint(0)
        if flexible:
            encoder.varint(0)
    encoder.int32(0)  # throttle time
    if flexible:
        encoder.varint(0)
