"""Reading recordings row by row: CSV, JSON lines and Parquet, packed, damaged, in any encoding."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, cast

import msgspec
import polars as pl

from connectors.imports.files import CSV, DAMAGE, LINES, PARQUET, Found, content, open_unpacked, suffix_of, unpacked
from connectors.imports.summary import ImportFailure, ImportSummary, WrongShape

Row = Mapping[str, Any]
Format = Literal["csv", "json lines", "json", "parquet"]

_PULSE: Final = 2_000  # rows between two words on progress
_BATCH: Final = 8_192
_DELIMITERS: Final = ",;\t|"
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?(0,\d+|\d+,(\d{1,2}|\d{4,}))", re.ASCII)
_POINT = re.compile(r"[+-]?(?![1-9]\d{0,2}(\.\d{3})+$)\d+\.\d+", re.ASCII)  # 90.911 may be grouped
_MOST_FIELD: Final = 1 << 26
_PARQUET_FAULTS: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, *DAMAGE)


@dataclass(frozen=True)
class Layout:
    """How text is laid out where the file does not tell. ``auto`` and None: read off its first bytes."""

    format: str = "auto"
    encoding: str = "auto"
    delimiter: str = "auto"
    decimal: str = "auto"
    columns: tuple[str, ...] | None = None  # names of a CSV without a header


@dataclass(frozen=True)
class Shape:
    """What a file's first bytes tell. ``columns`` is empty where only the rows tell."""

    format: Format
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = "."
    columns: tuple[str, ...] = ()
    has_header: bool = True
    skip: int = 0  # lines before the header


def shape_of(path: Path, layout: Layout = Layout()) -> Shape:
    """The shape of a file. Raises ImportFailure for one that cannot be opened."""
    try:
        head = content(path)
    except OSError as cause:
        raise ImportFailure(f"{path}: {cause.strerror}.", "Name a file that can be read.") from None
    form = layout.format if layout.format != "auto" else _format_of(path, head)
    if form == "parquet":
        return Shape("parquet", columns=tuple(parquet_schema(path)))
    encoding = layout.encoding if layout.encoding != "auto" else _encoding_of(head)
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    if form in ("json lines", "jsonl", "json"):
        whole = form == "json" or (suffix_of(path.name) == ".json" and text.lstrip()[:1] == "[")
        return Shape("json" if whole else "json lines", encoding)
    return _csv_shape(text, encoding, layout, whole=len(head) < 1 << 16)


def _format_of(path: Path, head: bytes) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    suffix = suffix_of(path.name)
    if suffix in PARQUET:
        return "parquet"
    if suffix in LINES:
        return "json lines"
    if suffix in CSV:
        return "csv"
    return "json lines" if head.lstrip(b"\xef\xbb\xbf \r\n")[:1] in (b"{", b"[") else "csv"


def _encoding_of(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if b"\0" in head[:64]:
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _csv_shape(text: str, encoding: str, layout: Layout, whole: bool) -> Shape:
    lines = text.splitlines()
    if not whole and len(lines) > 1:
        lines.pop()  # cut off
    skip = 0
    delimiter = layout.delimiter
    if lines and lines[0].lower().startswith("sep=") and len(lines[0]) == 5:
        delimiter = lines[0][4] if delimiter == "auto" else delimiter
        skip = 1
    lines = lines[skip:]
    if delimiter == "auto":
        first_row = next((line for line in lines if not line.startswith("#")), lines[0] if lines else "")
        delimiter = max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", first_row).count)
    comments = _comments(lines, delimiter)
    skip += comments
    lines = lines[comments : comments + 200]
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    first = rows[0] if rows else []
    has_header = layout.columns is None and not any(_NUMBER.fullmatch(cell.strip()) for cell in first)
    columns = layout.columns or _told_apart(
        cell.strip() if has_header else f"column_{place}" for place, cell in enumerate(first, 1)
    )
    cells = [cell.strip() for row in rows[has_header:] for cell in row]
    decimal = layout.decimal
    if decimal == "auto":
        comma = any(map(_COMMA.fullmatch, cells)) and not any(map(_POINT.fullmatch, cells))
        decimal = "," if comma else "."
    return Shape("csv", encoding, delimiter, decimal, columns, has_header, skip)


def _comments(lines: list[str], delimiter: str) -> int:
    """How many lines with a # stand before the header: those that have not as many columns as what follows."""
    count = next((place for place, line in enumerate(lines) if not line.startswith("#")), 0)
    while count and lines[count - 1].count(delimiter) == lines[count].count(delimiter) > 0:
        count -= 1  # a header that begins with one
    return count


def _told_apart(names: Iterable[str]) -> tuple[str, ...]:
    """The names of columns; of two alike the second gets a number: ``bid``, ``bid_2``."""
    told: dict[str, None] = {}
    for name in names:
        place, apart = 1, name
        while apart in told:
            place += 1
            apart = f"{name}_{place}"
        told[apart] = None
    return tuple(told)


def rows_of(
    found: Found, shape: Shape, summary: ImportSummary, columns: Iterable[str] | None = None
) -> Iterator[tuple[int, Row]]:
    """(line or row number from 1, row) of a file; counted in the summary, and so are those that are no rows.

    ``columns``: of Parquet, those that are read; all for None. Raises ImportFailure for a Parquet file that cannot be
    read."""
    if shape.format == "parquet":
        rows = _parquet(found.path, summary, columns)
    elif shape.format == "csv":
        rows = _csv(found, shape, summary)
    else:
        rows = _json(found, shape, summary)
    if found.partitions:
        return ((number, dict(found.partitions) | dict(row)) for number, row in rows)
    return rows


def _open_text(stream: BinaryIO, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")


def _csv(found: Found, shape: Shape, summary: ImportSummary) -> Iterator[tuple[int, dict[str, str]]]:
    csv.field_size_limit(_MOST_FIELD)
    names = shape.columns
    width = len(names)
    before = summary.progress.done
    number = 0
    with found.path.open("rb") as raw:
        text = _open_text(open_unpacked(raw), shape.encoding)
        reader = csv.reader(text, delimiter=shape.delimiter)
        passed = shape.skip + shape.has_header
        while True:
            try:
                fields = next(reader)
                number = reader.line_num
                if not fields or (len(fields) == 1 and not fields[0].strip()):
                    continue
                if passed > 0:
                    passed -= 1
                    continue
                summary.rows += 1
                if summary.rows % _PULSE == 0:
                    summary.progress.reach(before + raw.tell())
            except StopIteration:
                break
            except csv.Error as cause:
                summary.rows += 1
                summary.reject("not_csv", f"{found.label}:{reader.line_num}: {cause}")
                continue
            except (UnicodeError, *DAMAGE) as cause:
                _damaged(summary, found, number + 1, cause)
                break
            if len(fields) != width and not (len(fields) == width + 1 and not fields[-1].strip()):
                summary.reject("wrong_column_count", f"{found.label}:{number}: {len(fields)} of {width}")
                continue
            yield number, dict(zip(names, fields, strict=False))


def _damaged(summary: ImportSummary, found: Found, number: int, cause: Exception) -> None:
    summary.rows += 1
    summary.reject("damaged_file", f"{found.label}:{number}: {cause}")


def lines(found: Found, summary: ImportSummary, encoding: str = "auto") -> Iterator[tuple[int, bytes]]:
    """(number, line in UTF-8) of a text file; a damaged end is refused as one row. Rows are the caller's to count."""
    number = 0
    if encoding == "auto":
        encoding = _encoding_of(content(found.path, 1 << 12))
    before = summary.progress.done
    with found.path.open("rb") as raw:
        stream = open_unpacked(raw)
        plain: Iterable[bytes] = stream
        if encoding not in ("utf-8", "utf-8-sig"):
            plain = (line.encode("utf-8", "replace") for line in _open_text(stream, encoding))
        try:
            for line in plain:
                number += 1
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                if number % _PULSE == 0:
                    summary.progress.reach(before + raw.tell())
                if line.strip():
                    yield number, line
        except (UnicodeError, *DAMAGE) as cause:
            _damaged(summary, found, number + 1, cause)


def json_objects(found: Found, summary: ImportSummary, shape: Shape | None = None) -> Iterator[tuple[int, bytes]]:
    """(number, text) of each line of a JSON lines file, or of each element of a file that is one array. Rows are the
    caller's to count."""
    shape = shape or shape_of(found.path, Layout(format="json lines"))
    if shape.format != "json":
        yield from lines(found, summary, shape.encoding)
        return
    whole = b"".join(line for _, line in lines(found, summary, shape.encoding))
    try:
        elements = msgspec.json.decode(whole, type=list[msgspec.Raw])
    except msgspec.DecodeError as cause:
        summary.rows += 1
        summary.reject("not_json", f"{found.label}:1: {cause}")
        return
    yield from enumerate(map(bytes, elements), 1)


def _json(found: Found, shape: Shape, summary: ImportSummary) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in json_objects(found, summary, shape):
        summary.rows += 1
        try:
            row = decode_json(line)
            if isinstance(row, str):  # encoded twice
                row = decode_json(row.encode())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
            summary.reject("not_json", f"{found.label}:{number}: {cause}")
            continue
        if isinstance(row, dict):
            yield number, cast(dict[str, Any], row)
        else:
            summary.reject("not_an_object", f"{found.label}:{number}: {line[:60]!r}")


_json_decoder = msgspec.json.Decoder(float_hook=lambda text: text)
_NO_NUMBER = re.compile(rb"\b(NaN|Infinity)\b")


def decode_json(text: bytes) -> Any:
    """JSON with numbers as they are written: a fraction stays text, so that no digit is lost. NaN and Infinity, which
    Python's and JavaScript's writers put where no number is, are null. Raises DecodeError."""
    try:
        return _json_decoder.decode(text)
    except msgspec.DecodeError:
        if _NO_NUMBER.search(text) is None:
            raise
        try:
            return json.loads(text, parse_float=str, parse_constant=lambda _: None)
        except ValueError as cause:
            raise msgspec.DecodeError(str(cause)) from None


def parquet_schema(path: Path) -> dict[str, pl.DataType]:
    """Column types of a Parquet file. Raises ImportFailure."""
    try:
        with unpacked(path) as plain:
            return dict(pl.read_parquet_schema(plain.open("rb")))
    except _PARQUET_FAULTS as cause:
        raise _unreadable(path, cause) from None


def _unreadable(path: Path, cause: BaseException) -> ImportFailure:
    first = str(cause).splitlines()[0][:200] if str(cause) else type(cause).__name__
    return WrongShape(f"{path}: not a readable Parquet file: {first}.", "Name a whole Parquet file.")


def _parquet(
    path: Path, summary: ImportSummary, columns: Iterable[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    schema = parquet_schema(path)
    wanted = [name for name in schema if columns is None or name in set(columns)]
    before, size = summary.progress.done, path.stat().st_size
    number = 0
    try:
        with unpacked(path) as plain:
            scan = pl.scan_parquet(plain, glob=False, hive_partitioning=False)
            total = max(1, int(scan.select(pl.len()).collect().item()))
            chosen = scan.select([_as_written(name, schema[name]) for name in wanted])
            for frame in chosen.collect_batches(chunk_size=_BATCH, maintain_order=True):
                for row in frame.iter_rows(named=True):
                    number += 1
                    summary.rows += 1
                    yield number, row
                summary.progress.reach(before + size * number // total)
    except _PARQUET_FAULTS as cause:
        raise _unreadable(path, cause) from None


def _as_written(name: str, kind: pl.DataType) -> pl.Expr:
    """A column as people would write it: times as ISO text with all digits, floats of 32 bits by their own digits."""
    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            return column.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%dT%H:%M:%S%.9fZ")
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.9f")
    if kind == pl.Float32 or isinstance(kind, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if isinstance(kind, pl.List) and kind.inner == pl.Float32:
        return column.cast(pl.List(pl.String))
    return column
