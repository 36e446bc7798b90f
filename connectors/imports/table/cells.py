"""A row's cells by the columns of a map: nested names, words for what is missing, numbers, times."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from connectors.imports.reading import Row, decode_json
from connectors.imports.summary import RefusedRow
from connectors.imports.table.contract import FILE_COLUMN, Column, Depth, TimeColumn
from connectors.imports.values import moment, number

MISSING: Final = frozenset({"", "-", "--", "nan", "none", "null", "n/a", "na", "nat", "undefined", "<na>"})
_ABSENT: Final = object()

Getter = Callable[[Row], Any]


def cell(row: Mapping[str, Any], name: str) -> Any:
    """The value of a column, also a nested one (``raw.market``, ``bids.0.price``), in text that holds JSON too; None
    where it is not there."""
    value = row.get(name, _ABSENT)
    if value is not _ABSENT or "." not in name:
        return None if value is _ABSENT else value
    inner: Any = row
    rest = name
    while rest:
        if isinstance(inner, str) and inner[:1] in "{[":
            try:
                inner = decode_json(inner.encode())
            except msgspec.DecodeError:
                return None
        if isinstance(inner, Mapping) and rest in inner:
            return inner[rest]
        head, _, rest = rest.partition(".")
        if isinstance(inner, Mapping):
            inner = inner.get(head)
        elif isinstance(inner, Sequence) and not isinstance(inner, str) and head.lstrip("-").isdigit():
            inner = inner[int(head)] if -len(inner) <= int(head) < len(inner) else None
        else:
            return None
    return inner


def root(name: str, names: Sequence[str]) -> str:
    """The column of the file that a nested name begins with."""
    while name not in names and "." in name:
        name = name.rpartition(".")[0]
    return name


class Cells:
    """Reads cells of one file. ``decimal``: the file's mark; ``stem``: its name, for the column ``@file``."""

    def __init__(self, missing: Sequence[str], decimal: str, stem: str) -> None:
        self._missing = MISSING | {word.strip().lower() for word in missing}
        self._decimal = decimal
        self._stem = stem
        self._zones: dict[str, tzinfo] = {"UTC": UTC}

    def value(self, row: Row, column: Column | None) -> Any:
        """What stands there, None for nothing or a word that means it."""
        if column is None:
            return None
        if column.value is not None:
            return column.value
        names = column.column
        if len(names) > 1:
            parts = [str(cell(row, name) if name != FILE_COLUMN else self._stem).strip() for name in names]
            return None if any(part.lower() in self._missing for part in parts) else " ".join(parts)
        found = self._stem if names[0] == FILE_COLUMN else cell(row, names[0])
        return None if self.is_missing(found) or (column.missing and str(found) in column.missing) else found

    def is_missing(self, found: Any) -> bool:
        if isinstance(found, str):
            return found.strip().lower() in self._missing
        return found is None or (isinstance(found, float) and math.isnan(found))

    def text(self, row: Row, column: Column | None) -> str:
        found = self.value(row, column)
        return "" if found is None else str(found).strip()

    def number(self, row: Row, column: Column | None) -> Decimal | None:
        """The number there, None for nothing. Raises RefusedRow for what is none."""
        found = self.value(row, column)
        if found is None or column is None:
            return None
        return self.exact(found, column.scale)

    def exact(self, found: Any, scale: Decimal = Decimal(1)) -> Decimal:
        value = number(found, self._decimal)
        return value if scale == 1 else value * scale

    def time(self, row: Row, column: TimeColumn | None) -> int | None:
        """Unix ns there, None for nothing. Raises RefusedRow for what is no time."""
        found = self.value(row, column)
        if found is None or column is None:
            return None
        zone = self._zones.get(column.zone)
        if zone is None:
            zone = self._zones[column.zone] = ZoneInfo(column.zone)
        return moment(found, column.unit, zone, self._decimal)

    def levels(self, row: Row, depth: Depth) -> list[tuple[Any, Any]] | None:
        """(price, size) of each level that is there; a size that was not recorded is None. None where no level is.

        Raises RefusedRow."""
        if depth.levels is not None:
            return self._pairs(cell(row, depth.levels))
        assert depth.prices is not None  # the contract says so
        if depth.count:
            count = range(depth.first, depth.first + depth.count)
            prices = [cell(row, depth.prices.replace("{n}", str(n))) for n in count]
            sizes = (
                [cell(row, depth.sizes.replace("{n}", str(n))) for n in count] if depth.sizes else [None] * len(prices)
            )
            return [(p, s) for p, s in zip(prices, sizes, strict=True) if not self.is_missing(p)]
        listed = self._list(cell(row, depth.prices))
        if listed is None:
            return None
        if depth.sizes is None:
            return [(price, None) for price in listed]
        volumes = self._list(cell(row, depth.sizes))
        if volumes is None or len(volumes) != len(listed):
            raise RefusedRow("prices_without_sizes")
        return list(zip(listed, volumes, strict=True))

    def _list(self, found: Any) -> list[Any] | None:
        if isinstance(found, str):
            if self.is_missing(found):
                return None
            try:
                found = decode_json(found.encode())
            except msgspec.DecodeError:
                raise RefusedRow("not_a_list", found) from None
        if found is None:
            return None
        if isinstance(found, Mapping):  # price: size
            return list(found.items())
        if not isinstance(found, Sequence):
            raise RefusedRow("not_a_list", found)
        return list(found)

    def _pairs(self, found: Any) -> list[tuple[Any, Any]] | None:
        listed = self._list(found)
        if listed is None:
            return None
        pairs: list[tuple[Any, Any]] = []
        for level in listed:
            if isinstance(level, Mapping):
                price = next((level[name] for name in ("price", "p", "px") if name in level), None)
                size = next(
                    (level[name] for name in ("size", "s", "sz", "quantity", "qty", "amount") if name in level), None
                )
                pairs.append((price, size))
            elif isinstance(level, Sequence) and not isinstance(level, str) and len(level) >= 2:
                pairs.append((level[0], level[1]))
            else:
                raise RefusedRow("not_a_level", level)
        return pairs
