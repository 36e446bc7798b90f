"""The codec against kio's, which is generated from Kafka's own descriptions of the messages."""

from __future__ import annotations

import dataclasses
import importlib
import random
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode
from kio.serial import entity_reader

from connectors.broker.fetch_codec import Fetched, decode_fetch, encode_fetch
from connectors.broker.messages import APIS, FETCH, PRODUCE
from connectors.broker.produce_codec import Appended, decode_produce, encode_produce
from connectors.broker.schema import Row, decode, encode
from connectors.broker.wire import NO_UUID, Decoder, Encoder, Malformed
from tests.connectors.broker.kio_messages import made, written

ROUNDS = 30


def versions() -> Iterator[tuple[int, int]]:
    for api in APIS.values():
        for version in range(api.served, api.highest + 1):
            yield api.key, version


def theirs(key: int, version: int, side: str) -> Any:
    """kio's class of a message; skips a version that Kafka itself has given up."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", APIS[key].name).lower()
    try:
        module = importlib.import_module(f"kio.schema.{name}.v{version}.{side}")
    except ModuleNotFoundError:
        pytest.skip(f"kio does not know {name} v{version}: Kafka 4 does not serve it")
    return getattr(module, APIS[key].name + side.capitalize())


def plain(value: Any) -> Any:
    """A message of kio's as what is on the wire, by name."""
    if dataclasses.is_dataclass(value):
        fields = [each for each in dataclasses.fields(value) if "tag" not in each.metadata]
        return {_name(each): plain(getattr(value, each.name)) for each in fields}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, timedelta):
        return value // timedelta(milliseconds=1)
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, ErrorCode):
        return int(value)
    return value


def _name(field: Any) -> str:
    """kio leaves the unit of a duration away."""
    return f"{field.name}_ms" if str(field.metadata.get("kafka_type")).startswith("timedelta") else str(field.name)


def assert_has(ours: Row, wanted: Row) -> None:
    """Every field of theirs is there in ours, under its name."""
    for name, value in wanted.items():
        _assert_same(ours[name], NO_UUID if name == "topic_id" and value is None else value)


def _assert_same(ours: Any, value: Any) -> None:
    if isinstance(value, dict):
        assert_has(ours, value)
    elif isinstance(value, list):
        assert len(ours) == len(value)
        for each, wanted in zip(ours, value, strict=True):
            _assert_same(each, wanted)
    else:
        assert ours == value


@pytest.mark.parametrize(("key", "version"), [each for each in versions() if each[0] > 1])
def test_requests_are_read_and_answers_written_as_kafka_describes_them(key: int, version: int) -> None:
    api, chance = APIS[key], random.Random(f"{key} {version}")
    assert api.request is not None and api.response is not None
    request, response = theirs(key, version, "request"), theirs(key, version, "response")
    assert bool(request.__flexible__) == (version >= api.flexible)
    for _ in range(ROUNDS):
        entity = made(request, chance)
        assert_has(decode(api.request, version, Decoder(written(entity))), plain(entity))
        answer = made(response, chance)
        encoder = Encoder()
        encode(api.response, version, _ours(plain(answer)), encoder)
        assert bytes(encoder.out) == written(answer)


def _ours(row: Any) -> Any:
    if isinstance(row, dict):
        return {name: NO_UUID if name == "topic_id" and value is None else _ours(value) for name, value in row.items()}
    return [_ours(each) for each in row] if isinstance(row, list) else row


@pytest.mark.parametrize("version", range(PRODUCE.served, PRODUCE.highest + 1))
def test_produce(version: int) -> None:
    chance = random.Random(version)
    for _ in range(ROUNDS):
        entity = made(theirs(0, version, "request"), chance)
        wanted = plain(entity)
        parts = [
            (topic["name"], each["index"], each["records"])
            for topic in wanted["topic_data"]
            for each in topic["partition_data"]
        ]
        if len({part[:2] for part in parts}) < len(parts):
            with pytest.raises(Malformed):
                decode_produce(version, Decoder(written(entity)))
            continue
        found = decode_produce(version, Decoder(written(entity)))
        assert (found.transactional_id, found.acks, found.timeout_ms) == (
            wanted["transactional_id"],
            wanted["acks"],
            wanted["timeout_ms"],
        )
        assert [tuple(part) for part in found.parts] == parts
    answers = [Appended("a", 0, 0, 7, 1_700_000_000_000, 2), Appended("a", 1, 2, message="why"), Appended("b", 0)]
    encoder = Encoder()
    encode_produce(version, answers, encoder)
    read, _ = _read(theirs(0, version, "response"), bytes(encoder.out))
    rows = [
        (topic.name, each.index, int(each.error_code), each.base_offset)
        for topic in read.responses
        for each in topic.partition_responses
    ]
    assert rows == [("a", 0, 0, 7), ("a", 1, 2, -1), ("b", 0, 0, -1)]
    if version >= 8:
        assert read.responses[0].partition_responses[1].error_message == "why"
    if version >= 5:
        assert read.responses[0].partition_responses[0].log_start_offset == 2


@pytest.mark.parametrize("version", range(FETCH.served, FETCH.highest + 1))
def test_fetch(version: int) -> None:
    chance = random.Random(version)
    for _ in range(ROUNDS):
        entity = made(theirs(1, version, "request"), chance)
        wanted = plain(entity)
        parts = [
            (
                topic["topic"],
                each["partition"],
                each.get("current_leader_epoch", -1),
                each["fetch_offset"],
                each["partition_max_bytes"],
            )
            for topic in wanted["topics"]
            for each in topic["partitions"]
        ]
        if len({part[:2] for part in parts}) < len(parts):
            with pytest.raises(Malformed):
                decode_fetch(version, Decoder(written(entity)))
            continue
        found = decode_fetch(version, Decoder(written(entity)))
        assert (found.max_wait_ms, found.min_bytes, found.max_bytes) == (
            wanted["max_wait_ms"],
            wanted["min_bytes"],
            wanted["max_bytes"],
        )
        assert [tuple(part) for part in found.wanted] == parts
    answers = [Fetched("a", 0, 0, 9, 3, b"records"), Fetched("a", 1, 1), Fetched("b", 0, 0, 5, 0)]
    encoder = Encoder()
    encode_fetch(version, answers, encoder)
    read, _ = _read(theirs(1, version, "response"), bytes(encoder.out))
    rows = [
        (topic.topic, each.partition_index, int(each.error_code), each.high_watermark, each.records)
        for topic in read.responses
        for each in topic.partitions
    ]
    assert rows == [("a", 0, 0, 9, b"records"), ("a", 1, 1, -1, b""), ("b", 0, 0, 5, b"")]


def _read(kind: Any, raw: bytes) -> tuple[Any, int]:
    found = entity_reader(kind)(raw, 0)
    assert found[1] == len(raw)
    return found


@given(st.sampled_from(list(versions())), st.binary(max_size=200))
def test_arbitrary_bytes_raise_malformed_at_most(which: tuple[int, int], raw: bytes) -> None:
    api, version = APIS[which[0]], which[1]
    try:
        if api is PRODUCE:
            decode_produce(version, Decoder(raw))
        elif api is FETCH:
            decode_fetch(version, Decoder(raw))
        else:
            assert api.request is not None
            decode(api.request, version, Decoder(raw))
    except Malformed:
        pass


def test_a_stated_length_allocates_nothing() -> None:
    """29 bytes that announce two thousand million topics."""
    for version in (4, 12):
        with pytest.raises(Malformed):
            assert APIS[3].request is not None
            decode(APIS[3].request, version, Decoder(b"\x7f\xff\xff\xff" + b"\xff" * 25))
