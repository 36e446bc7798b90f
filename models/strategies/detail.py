"""What a strategy shows beyond the standard scan row: declared fields, each with its meaning and unit.

A strategy declares one class and answers with an instance of it (``Signal.detail``). Its fields become the numbers of
the strategy's own span and of the scan row, in their order. What is not declared cannot be shown: it fails when the
strategy is rehearsed at start-up (``models.strategies.rehearsal``), with the field's name.

>>> class Example(Detail, frozen=True):
...     edge: Annotated[float, Meta(description="dollars a share after costs")]
...     outcome: Annotated[str, Meta(description="what it would buy")] = "Up"
>>> numbers_of(Example(edge=0.02))
{'edge': 0.02, 'outcome': 'Up'}
>>> [(each.name, each.kind, each.meaning) for each in fields_of(Example)]
[('edge', 'float', 'dollars a share after costs'), ('outcome', 'str', 'what it would buy')]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from models.contracts import Number

__all__ = ["Annotated", "Detail", "DetailField", "Meta", "fields_of", "numbers_of"]

_KINDS = {
    msgspec.inspect.FloatType: "float",
    msgspec.inspect.IntType: "int",
    msgspec.inspect.StrType: "str",
    msgspec.inspect.BoolType: "bool",
}


class Detail(msgspec.Struct, frozen=True, gc=False):
    """The base of every such class."""


class DetailField(NamedTuple):
    """A declared field. ``kind``: float, int, str or bool; "" for what may not be shown. ``meaning``: "" where none is
    declared."""

    name: str
    kind: str
    meaning: str


def numbers_of(detail: Detail | None) -> dict[str, Number]:
    """The fields by name, in their order."""
    return msgspec.structs.asdict(detail) if detail is not None else {}


def fields_of(detail: type[Detail]) -> Iterator[DetailField]:
    """Every field that the class declares."""
    described = msgspec.inspect.type_info(detail)
    assert isinstance(described, msgspec.inspect.StructType)
    for field in described.fields:
        kind, meaning = field.type, ""
        if isinstance(kind, msgspec.inspect.Metadata):
            meaning = (kind.extra_json_schema or {}).get("description", "")
            kind = kind.type
        yield DetailField(field.name, _KINDS.get(type(kind), ""), meaning)
