"""A first look at a table: its columns, with some of their values, and what these could be."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any, Final

import msgspec

from connectors.imports.files import Found
from connectors.imports.reading import Row, Shape, decode_json, rows_of, shape_of
from connectors.imports.summary import ImportSummary, RefusedRow
from connectors.imports.table.cells import MISSING
from connectors.imports.values import moment, number

SAMPLE: Final = 400
_STEPS: Final = 20_000  # rows that are looked through for the sample
_MOSTLY: Final = 0.9
FORMATS: Final = (
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S.%f",
    "%d/%m/%Y %H:%M:%S.%f",
    "%m/%d/%Y %H:%M:%S.%f",
    "%Y%m%d%H%M%S",
    "%Y%m%d-%H:%M:%S",
    "%Y%m%d-%H:%M:%S.%f",
    "%a %b %d %H:%M:%S %Y",
    "%b %d %Y %H:%M:%S",
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass
class ColumnSample:
    """A column's name, the words in it, and the values of the sampled rows that have one. ``rows``: their places."""

    name: str
    decimal: str
    words: tuple[str, ...] = ()
    values: list[Any] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def has(self, *words: str) -> bool:
        return any(word in self.words for word in words)

    def share(self, test: Callable[[Any], object]) -> float:
        """Of the values, how many pass without being refused."""
        if not self.values:
            return 0.0
        passed = 0
        for value in self.values:
            try:
                passed += test(value) is not None
            except (RefusedRow, ValueError, TypeError):
                continue
        return passed / len(self.values)

    def mostly(self, test: Callable[[Any], object]) -> bool:
        return self.share(test) >= _MOSTLY

    @property
    def numbers(self) -> list[Decimal]:
        found: list[Decimal] = []
        for value in self.values:
            try:
                found.append(number(value, self.decimal))
            except RefusedRow:
                continue
        return found

    @property
    def is_numeric(self) -> bool:
        return bool(self.numbers) and not any(isinstance(value, bool) for value in self.values[:5])

    @property
    def odd_words(self) -> list[str]:
        """Texts that stand where numbers do."""
        odd: dict[str, None] = {}
        for value in self.values:
            try:
                number(value, self.decimal)
            except RefusedRow:
                odd[str(value).strip()] = None
        return list(odd)[:6]

    def median(self) -> Decimal:
        found = sorted(self.numbers)
        return found[len(found) // 2] if found else Decimal(0)

    def time_unit(self) -> str:
        """The unit or format by which nearly all values are times, "" for none."""
        if self.mostly(lambda value: moment(value, "auto", UTC, self.decimal)):
            sizes = self.numbers
            if len(sizes) < len(self.values) * _MOSTLY:
                return "auto" if sizes else "iso"
            size = abs(self.median())
            return next((unit for bound, unit in ((10**11, "s"), (10**14, "ms"), (10**17, "us")) if size < bound), "ns")
        texts = [value for value in self.values if isinstance(value, str)]
        if len(texts) < len(self.values):
            return ""
        return next((form for form in FORMATS if self.mostly(partial(moment, unit=form))), "")

    def times(self) -> list[int]:
        """The values as Unix ns, those that are none left out."""
        unit = self.time_unit()
        found: list[int] = []
        for value in self.values:
            try:
                found.append(moment(value, unit or "auto", UTC, self.decimal))
            except RefusedRow:
                continue
        return found


@dataclass
class TableSample:
    """A file's shape and its columns."""

    found: Found
    shape: Shape
    columns: dict[str, ColumnSample]
    rows: list[Row]
    count: int


def sample(found: Found) -> TableSample:
    """Look at a file: its first rows, and as many spread over those that follow. Raises ImportFailure."""
    shape = shape_of(found.path)
    sampled: list[tuple[int, Row]] = []
    step = 1
    rows = rows_of(found, shape, ImportSummary(""))
    for place, row in islice(rows, _STEPS):
        if place < SAMPLE // 2 or place % step == 0:
            sampled.append((place, row))
        if len(sampled) > SAMPLE:
            step *= 2
            sampled = sampled[: SAMPLE // 2] + sampled[SAMPLE // 2 :: 2]
    columns: dict[str, ColumnSample] = {}
    for place, (_, row) in enumerate(sampled):
        for name, value in flat(row):
            column = columns.get(name)
            if column is None:
                column = columns[name] = ColumnSample(name, shape.decimal, words_of(name))
            if value is not None and not (isinstance(value, str) and value.strip().lower() in MISSING):
                column.values.append(value)
                column.rows.append(place)
    for name in shape.columns:
        columns.setdefault(name, ColumnSample(name, shape.decimal, words_of(name)))
    return TableSample(found, shape, columns, [row for _, row in sampled], len(sampled))


def flat(row: Row, prefix: str = "") -> Iterable[tuple[str, Any]]:
    """The cells of a row, of nested objects by dotted names."""
    for name, value in row.items():
        if isinstance(value, str) and value[:1] == "{":
            with contextlib.suppress(msgspec.DecodeError):
                value = decode_json(value.encode())
        if isinstance(value, dict) and value and not _is_ladder(value):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_ladder(value: dict[Any, Any]) -> bool:
    return all(re.fullmatch(r"[01]?\.?\d+", str(key)) for key in value)


def words_of(name: str) -> tuple[str, ...]:
    """The words of a column's name: ``UpBidLiquidity`` and ``up_bid_liquidity`` are the same."""
    spaced = _CAMEL.sub("_", name.replace("@", ""))
    return tuple(word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word)
