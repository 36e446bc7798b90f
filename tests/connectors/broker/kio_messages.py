"""Random messages of kio's classes, and their bytes."""

from __future__ import annotations

import dataclasses
import io
import random
import types
import typing
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from kio.schema.errors import ErrorCode
from kio.serial import entity_writer


def written(entity: Any) -> bytes:
    out = io.BytesIO()
    entity_writer(type(entity))(out, entity)
    return out.getvalue()


def made(kind: Any, chance: random.Random) -> Any:
    """A random message of kio's class ``kind``. Tagged fields keep their defaults: they are never sent here."""
    hints = typing.get_type_hints(kind)
    values = {}
    for each in dataclasses.fields(kind):
        if "tag" not in each.metadata:
            values[each.name] = _value(hints[each.name], each.metadata.get("kafka_type"), chance)
    return kind(**values)


def _value(hint: Any, kind: str | None, chance: random.Random) -> Any:
    options = typing.get_args(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        if type(None) in options and chance.random() < 0.3:
            return None
        return _value(next(each for each in options if each is not type(None)), kind, chance)
    if typing.get_origin(hint) is tuple:
        return tuple(_value(options[0], kind, chance) for _ in range(chance.randrange(4)))
    if dataclasses.is_dataclass(hint):
        return made(hint, chance)
    return _leaf(kind, chance)


def _leaf(kind: str | None, chance: random.Random) -> Any:
    match kind:
        case "bool":
            return chance.random() < 0.5
        case "int8" | "int16" | "int32" | "int64":
            bits = int(kind[3:])
            return chance.choice([0, -1, 1, (1 << bits - 1) - 1, -(1 << bits - 1), chance.randrange(100)])
        case "string":
            return chance.choice(["", "a", "feed.clock", "ä€𝄞", "x" * 200])
        case "bytes" | "records":
            return chance.randbytes(chance.choice([0, 1, 300]))
        case "uuid":
            return uuid.UUID(bytes=chance.randbytes(16))
        case "error_code":
            return chance.choice([ErrorCode.none, ErrorCode.unknown_topic_or_partition, ErrorCode.unknown_server_error])
        case "timedelta_i32" | "timedelta_i64":
            return timedelta(milliseconds=chance.randrange(1 << 20))
        case "datetime_i64":
            return datetime.fromtimestamp(chance.randrange(2_000_000_000), UTC)
    raise AssertionError(f"kio has a type {kind} that this test does not know")
