"""The tables of audit.duckdb, derived from the contracts: columns, keys, and how a topic's records become rows.

A mapping of names to integers is a MAP, nested records are STRUCTs in lists, a mapping of mixed values is JSON.
"""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, Union, get_args, get_origin

from models.contracts import CONTRACTS, Span
from models.record import Record, fields_of

_KEYS: Final = {"orders": ("id", "number"), "telemetry": ("id", "module")}
#: Topics whose records are lists of rows: which field holds the rows, and which of the record's own stand beside each.
_ROWS: Final = {"telemetry": ("modules", ("id", "timestamp", "source"))}
_SCALARS: Final = {int: "BIGINT", float: "DOUBLE", str: "VARCHAR", bool: "BOOLEAN"}


@dataclass(frozen=True)
class Table:
    """One table. ``columns``: name to DuckDB type. ``key``: the primary key. ``rows``: the field of the record whose
    elements are the rows, "" where the record is the row."""

    name: str
    topic: str
    columns: dict[str, str]
    key: tuple[str, ...]
    rows: str = ""

    def insertion(self, source: str, order: str, anew: bool = True) -> str:
        """The statement that inserts the records ``r`` of ``source``, in the order of its column ``order``. ``anew``:
        those that are there already are passed over, which needs the key."""
        insert = "INSERT OR IGNORE" if anew else "INSERT"
        names = ", ".join(f'"{name}"' for name in self.columns)
        if not self.rows:
            values = ", ".join(f'r."{name}"' for name in self.columns)
            return f'{insert} INTO {self.name} ({names}) SELECT {values} FROM {source} ORDER BY "{order}"'
        beside = _ROWS[self.topic][1]
        values = ", ".join(f'r."{name}"' if name in beside else f'each."{name}"' for name in self.columns)
        return (
            f"{insert} INTO {self.name} ({names}) SELECT {values} FROM "
            f'(SELECT r, "{order}", unnest(r."{self.rows}") AS each FROM {source}) ORDER BY "{order}"'
        )

    @property
    def structure(self) -> str:
        """The structure of a record for DuckDB's from_json."""
        return json.dumps({name: _structure(kind) for name, kind in self._kinds().items()})

    def _kinds(self) -> dict[str, Any]:
        return {field.name: field.type for field in fields_of(CONTRACTS[self.topic])}

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that every record has."""
        return tuple(field.name for field in fields_of(CONTRACTS[self.topic]) if field.required)

    @property
    def defaults(self) -> dict[str, str | int | float | bool]:
        """Columns that came later than the first records, with what stands there for those: plain values only."""
        fields = fields_of(CONTRACTS[self.topic])
        return {field.name: field.default for field in fields if isinstance(field.default, str | int | float)}


def _structure(kind: Any) -> Any:
    """A type for DuckDB's from_json: text, or nested lists and objects of it."""
    if isinstance(kind, type) and issubclass(kind, Record):
        return {field.name: _structure(field.type) for field in fields_of(kind)}
    if get_origin(kind) is list:
        return [_structure(get_args(kind)[0])]
    return _type(kind)


def _type(kind: Any) -> str:
    """The DuckDB type of an annotation. Raises TypeError for one that has none here."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "VARCHAR"
    if isinstance(kind, type) and issubclass(kind, Record):
        inner = ", ".join(f'"{field.name}" {_type(field.type)}' for field in fields_of(kind))
        return f"STRUCT({inner})"
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "VARCHAR"
    if origin is list:
        return f"{_type(arguments[0])}[]"
    if origin is dict:
        return "MAP(VARCHAR, BIGINT)" if arguments[1] is int else "JSON"
    if origin in (Union, types.UnionType):
        return _optional(arguments)
    raise TypeError(f"no DuckDB type for {kind!r}")


def _optional(arguments: tuple[Any, ...]) -> str:
    stated = {_type(argument) for argument in arguments if argument is not type(None)}
    return stated.pop() if len(stated) == 1 else "JSON"


def _table(topic: str, contract: type[Record]) -> Table:
    kinds = {field.name: field.type for field in fields_of(contract)}
    rows = ""
    if topic in _ROWS:
        rows, beside = _ROWS[topic]
        (element,) = get_args(kinds[rows])
        kinds = {name: kinds[name] for name in beside} | {field.name: field.type for field in fields_of(element)}
    columns = {name: _type(kind) for name, kind in kinds.items()}
    return Table(topic.replace("-", "_"), topic, columns, _KEYS.get(topic, ("id",)), rows)


TABLES: Final[dict[str, Table]] = {topic: _table(topic, contract) for topic, contract in CONTRACTS.items()}

#: One row a span of each decision, in the order of the line.
SPAN_COLUMNS: Final = {
    "decision": "VARCHAR",
    "position": "BIGINT",
    "timestamp": "BIGINT",
    **{field.name: _type(field.type) for field in fields_of(Span)},
}

_SPAN_KEY: Final = ("decision", "position")
#: What was no record, and how far each topic was applied.
_BOOKKEEPING: Final = (
    'CREATE TABLE IF NOT EXISTS rejected (topic VARCHAR, "offset" BIGINT, "value" VARCHAR, '
    'PRIMARY KEY (topic, "offset"))',
    'CREATE TABLE IF NOT EXISTS applied (topic VARCHAR PRIMARY KEY, "offset" BIGINT)',
)


def bare_schema() -> list[str]:
    """The statements that make the tables without their keys, for filling them in bulk."""
    made = [_create(table.name, table.columns) for table in TABLES.values()]
    return [*made, _create("spans", SPAN_COLUMNS), *_BOOKKEEPING]


def keys() -> dict[str, tuple[str, ...]]:
    """The key of each table that is filled from records."""
    return {table.name: table.key for table in TABLES.values()} | {"spans": _SPAN_KEY}


def schema() -> list[str]:
    """The statements that make the tables, and the columns that a database of an earlier version lacks."""
    made = [_create(table.name, table.columns, table.key) for table in TABLES.values()]
    for table in TABLES.values():
        for name, value in table.defaults.items():
            column = f'"{name}" {table.columns[name]} DEFAULT {_literal(value)}'
            made.append(f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS {column}")
    made.append(_create("spans", SPAN_COLUMNS, _SPAN_KEY))
    return [*made, *_BOOKKEEPING]


def _literal(value: str | int | float | bool) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _create(name: str, columns: dict[str, str], key: tuple[str, ...] = ()) -> str:
    defined = [f'"{column}" {kind}' for column, kind in columns.items()]
    if key:
        defined.append(f"PRIMARY KEY ({', '.join(key)})")
    return f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(defined)})"
