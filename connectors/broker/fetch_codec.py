"""Fetch on the wire, by hand: it comes all the time."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from connectors.broker.errors import NONE
from connectors.broker.messages import FETCH
from connectors.broker.wire import Decoder, Encoder, Malformed

_ANSWER: Final = struct.Struct(">ihqqq")  # partition, error, high watermark, last stable offset, log start


class Wanted(NamedTuple):
    """What is wanted of one partition: from ``offset`` on, about ``max_bytes``. ``leader_epoch``: the one the client
    knows of, -1 for none."""

    topic: str
    partition: int
    leader_epoch: int
    offset: int
    max_bytes: int


class FetchRequest(NamedTuple):
    max_wait_ms: int
    min_bytes: int
    max_bytes: int
    wanted: list[Wanted]


class Fetched(NamedTuple):
    """The answer for one partition. ``end``: the offset after its last record, -1 where it is not known."""

    topic: str
    partition: int
    error: int = NONE
    end: int = -1
    log_start: int = -1
    records: bytes = b""


def decode_fetch(version: int, decoder: Decoder) -> FetchRequest:
    """Raises Malformed. Fetch sessions are not kept: each request has to name all that it wants."""
    flexible = version >= FETCH.flexible
    decoder.int32()  # replica
    max_wait_ms, min_bytes, max_bytes = decoder.int32(), decoder.int32(), decoder.int32()
    decoder.int8()  # isolation: there are no transactions
    if version >= 7:
        decoder.int64()  # session and its epoch
    wanted: list[Wanted] = []
    for _ in range(decoder.count(flexible)):
        topic = decoder.string(flexible)
        for _ in range(decoder.count(flexible)):
            partition = decoder.int32()
            leader_epoch = decoder.int32() if version >= 9 else -1
            offset = decoder.int64()
            if version >= 12:
                decoder.int32()  # last fetched epoch
            if version >= 5:
                decoder.int64()  # log start of a follower
            wanted.append(Wanted(topic, partition, leader_epoch, offset, decoder.int32()))
            if flexible:
                decoder.skip_tags()
        if flexible:
            decoder.skip_tags()
    if version >= 7:
        for _ in range(decoder.count(flexible)):  # what a session is to forget
            decoder.string(flexible)
            for _ in range(decoder.count(flexible)):
                decoder.int32()
            if flexible:
                decoder.skip_tags()
    if version >= 11:
        decoder.string(flexible)  # rack
    if flexible:
        decoder.skip_tags()
    if len({(each.topic, each.partition) for each in wanted}) != len(wanted):
        raise Malformed("a partition comes twice")
    return FetchRequest(max_wait_ms, min_bytes, max_bytes, wanted)


def encode_fetch(version: int, answers: list[Fetched], encoder: Encoder) -> None:
    flexible = version >= FETCH.flexible
    out = encoder.out
    topics: dict[str, list[Fetched]] = {}
    for answer in answers:
        topics.setdefault(answer.topic, []).append(answer)
    encoder.int32(0)  # throttle time
    if version >= 7:
        encoder.int16(NONE)
        encoder.int32(0)  # no session
    encoder.count(len(topics), flexible)
    for topic, group in topics.items():
        encoder.string(topic, flexible)
        encoder.count(len(group), flexible)
        for answer in group:
            packed = _ANSWER.pack(answer.partition, answer.error, answer.end, answer.end, answer.log_start)
            out += packed if version >= 5 else packed[:-8]
            encoder.count(0, flexible)  # aborted transactions
            if version >= 11:
                encoder.int32(-1)  # no preferred replica
            encoder.bytes_(answer.records, flexible)
            if flexible:
                encoder.varint(0)
        if flexible:
            encoder.varint(0)
    if flexible:
        encoder.varint(0)
