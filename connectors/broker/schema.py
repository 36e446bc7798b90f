"""Messages as data: their fields, each with the versions that have it, and reading and writing by that.

For all messages but Produce and Fetch, which are written out by hand because they make up nearly all of the traffic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from connectors.broker.wire import NO_UUID, Decoder, Encoder, Malformed

Row: TypeAlias = dict[str, Any]

#: No version has it.
NEVER: Final = 99


@dataclass(frozen=True)
class Array:
    """Several of ``item``: a primitive's name, or the fields of a row."""

    item: str | tuple[Field, ...]


@dataclass(frozen=True)
class Field:
    """One field. ``since``, ``until``: the versions that have it. ``null``: the first version in which it may be null.
    ``absent``: its value where the version has none."""

    name: str
    kind: str | Array
    since: int = 0
    until: int = NEVER
    null: int = NEVER
    absent: Any = None


@dataclass(frozen=True)
class MessageSchema:
    """The fields of one message. ``flexible``: the first version with compact lengths and tagged fields."""

    name: str
    flexible: int
    fields: tuple[Field, ...]


Read: TypeAlias = Callable[[Decoder], Any]
Write: TypeAlias = Callable[[Encoder, Any], None]


def decode(message: MessageSchema, version: int, decoder: Decoder) -> Row:
    """The fields by name. What follows them is passed over, as Kafka does: librdkafka asks for the metadata of all
    topics with three bytes too many. Raises Malformed."""
    row: Row = _row_reader(message.fields, version, version >= message.flexible)(decoder)
    return row


def encode(message: MessageSchema, version: int, row: Row, encoder: Encoder) -> None:
    """Write ``row``; a field that it does not have gets its ``absent`` value, or a neutral one."""
    _row_writer(message.fields, version, version >= message.flexible)(encoder, row)


_NEUTRAL: Final[dict[str, Any]] = {
    "boolean": False,
    "int8": 0,
    "int16": 0,
    "int32": 0,
    "int64": 0,
    "uuid": NO_UUID,
    "string": "",
    "bytes": b"",
}


def _neutral(field: Field) -> Any:
    if field.absent is not None:
        return field.absent
    if field.null != NEVER:
        return None
    return [] if isinstance(field.kind, Array) else _NEUTRAL[field.kind]


@cache
def _row_reader(fields: tuple[Field, ...], version: int, flexible: bool) -> Read:
    present = [
        (field.name, _reader(field, version, flexible)) for field in fields if field.since <= version <= field.until
    ]
    absent = {field.name: _neutral(field) for field in fields if not field.since <= version <= field.until}

    def read(decoder: Decoder) -> Row:
        row: Row = dict(absent)
        for name, each in present:
            row[name] = each(decoder)
        if flexible:
            decoder.skip_tags()
        return row

    return read


def _reader(field: Field, version: int, flexible: bool) -> Read:
    kind = field.kind
    nullable = version >= field.null
    if isinstance(kind, Array):
        return _array_reader(kind, version, flexible, nullable)
    if kind == "string":
        return (lambda d: d.nullable_string(flexible)) if nullable else (lambda d: d.string(flexible))
    if kind == "bytes":
        return lambda d: _required(d.nullable_bytes(flexible), nullable)
    return _primitive(kind)


def _array_reader(kind: Array, version: int, flexible: bool, nullable: bool) -> Read:
    item = (
        _reader(Field("", kind.item), version, flexible)
        if isinstance(kind.item, str)
        else _row_reader(kind.item, version, flexible)
    )

    def read(decoder: Decoder) -> list[Any] | None:
        count = decoder.count(flexible)
        if count < 0:
            _required(None, nullable)
            return None
        return [item(decoder) for _ in range(count)]

    return read


def _required(value: bytes | None, nullable: bool) -> bytes | None:
    if value is None and not nullable:
        raise Malformed("a field is null that may not be")
    return value


def _primitive(kind: str) -> Read:
    read: Read = getattr(Decoder, kind)
    return read


@cache
def _row_writer(fields: tuple[Field, ...], version: int, flexible: bool) -> Write:
    present = [
        (field.name, _neutral(field), _writer(field, version, flexible))
        for field in fields
        if field.since <= version <= field.until
    ]

    def write(encoder: Encoder, row: Row) -> None:
        for name, neutral, each in present:
            each(encoder, row.get(name, neutral))
        if flexible:
            encoder.varint(0)

    return write


def _writer(field: Field, version: int, flexible: bool) -> Write:
    kind = field.kind
    if isinstance(kind, Array):
        return _array_writer(kind, version, flexible)
    if kind == "string":
        return lambda e, value: e.string(value, flexible)
    if kind == "bytes":
        return lambda e, value: e.bytes_(value, flexible)
    write: Write = getattr(Encoder, kind)
    return write


def _array_writer(kind: Array, version: int, flexible: bool) -> Write:
    item = (
        _writer(Field("", kind.item), version, flexible)
        if isinstance(kind.item, str)
        else _row_writer(kind.item, version, flexible)
    )

    def write(encoder: Encoder, rows: list[Any] | None) -> None:
        encoder.count(-1 if rows is None else len(rows), flexible)
        for row in rows or ():
            item(encoder, row)

    return write
