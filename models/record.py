"""What stands on the output topics: the base of their contracts.

A contract is one definition, a msgspec struct: quick where a flow writes many rows for each journal event. What people
and other programs read comes from the same definition: the fields by ``fields_of``, JSON Schema by ``schema_of``, and a
contract is a field's type in a pydantic model as it stands.

>>> class Example(Record, frozen=True):
...     id: str
...     size: int = 0
>>> Example("a").canonical()
b'{"id":"a","size":0}'
>>> Example.read(b'{"id":"a","size":7}').size
7
>>> [field.name for field in fields_of(Example) if field.required]
['id']
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Self, cast

import msgspec
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from models.decoding import decoder_of


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What every contract is. Made by our own code it is not checked again; ``read`` checks all that comes from
    elsewhere."""

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """The record of these bytes. Raises msgspec.DecodeError for what is none of this contract."""
        return cast(Self, _reader(cls)(raw))

    def canonical(self) -> bytes:
        """The record's one byte form: JSON in field order without blanks."""
        return _encode(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _acceptor(cls), serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return schema_of(cls)


_encode = msgspec.json.Encoder().encode


def fields_of(contract: type[Record]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Name, type and default of each field, in order."""
    return msgspec.structs.fields(contract)


@cache
def schema_of(contract: Any) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a contract, or of a union of such, whole in itself: nested records stand where they
    are used."""
    (schema,), components = msgspec.json.schema_components([contract])
    return cast(dict[str, Any], _inlined(schema, components))


def _inlined(schema: Any, components: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, components) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(components[schema["$ref"].rpartition("/")[2]], components)
    return {name: _inlined(value, components) for name, value in schema.items() if name != "discriminator"}


@cache
def _reader(contract: type[Record]) -> Callable[[bytes], Any]:
    return decoder_of(contract)


def _acceptor(contract: type[Record]) -> Callable[[Any], Record]:
    def accept(value: Any) -> Record:
        if isinstance(value, contract):
            return value
        try:
            return msgspec.convert(value, contract)
        except msgspec.ValidationError as wrong:
            raise ValueError(str(wrong)) from None

    return accept
