"""Reading recordings row by row: files that may be compressed, damaged, out of order or many."""

from __future__ import annotations

import csv
import gzip
import heapq
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import polars as pl

from connectors.imports.summary import ImportFailure, Refused, Summary

#: Rows of a file may stand this far from their place in time and are still sorted.
WINDOW: Final = 4_096
_EARLIEST_NS: Final = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp()) * 10**9
_LATEST_NS: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 10**9

#: (receive time in Unix ns, row)
Timed = tuple[int, Any]
#: Opens a file and yields its rows; counts them, and what it refuses, in the summary.
Reader = Callable[[Path, Summary], Iterator[Timed]]


def files_of(paths: Sequence[Path], suffixes: tuple[str, ...]) -> list[Path]:
    """The files named, and those with one of ``suffixes`` in the folders named, by name. Raises ImportFailure."""
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            inside = {file for file in path.iterdir() if file.name.endswith(suffixes)}
            if not inside:
                raise ImportFailure(f"{path}: no {' or '.join(suffixes)} file in it.", "Name a folder that has some.")
            found |= inside
        elif path.is_file():
            found.add(path)
        else:
            raise ImportFailure(f"{path}: no such file or folder.", "Name the recording's files or their folder.")
    return sorted(found, key=lambda path: (path.name, str(path)))


def lines(path: Path, summary: Summary) -> Iterator[tuple[int, bytes]]:
    """(number, line) of a text file, gzip or not. A damaged end is refused as one row."""
    number = 0
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            for line in stream:
                number += 1
                if line.strip():
                    yield number, line
        except (EOFError, gzip.BadGzipFile, zlib.error) as cause:
            summary.rows += 1
            summary.reject("damaged_file", f"{path.name}:{number + 1}: {cause}")


def csv_rows(path: Path, summary: Summary, columns: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a CSV file with a header. Raises ImportFailure when a column is missing."""
    header: list[str] | None = None
    for number, line in lines(path, summary):
        try:
            fields = next(csv.reader(io.StringIO(line.decode("utf-8"), newline="")))
        except (UnicodeDecodeError, csv.Error) as cause:
            summary.rows += 1
            summary.reject("not_csv", f"{path.name}:{number}: {cause}")
            continue
        if header is None:
            header = fields
            missing = [column for column in columns if column not in header]
            if missing:
                raise ImportFailure(
                    f"{path}: column {', '.join(missing)} is missing.", "Choose the kind that fits the file."
                )
            continue
        summary.rows += 1
        if len(fields) != len(header):
            summary.reject("wrong_column_count", f"{path.name}:{number}: {len(fields)} of {len(header)}")
            continue
        yield number, dict(zip(header, fields, strict=True))


def parquet_rows(path: Path, summary: Summary, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row number from 1, row) of a Parquet file. Raises ImportFailure for another file or a missing column."""
    try:
        present = pl.read_parquet_schema(path)
        missing = [column for column in columns if column not in present]
        if missing:
            raise ImportFailure(
                f"{path}: column {', '.join(missing)} is missing.", "Choose the kind that fits the file."
            )
        number = 0
        for frame in pl.scan_parquet(path).select(columns).collect_batches(chunk_size=8_192, maintain_order=True):
            for row in frame.iter_rows(named=True):
                number += 1
                summary.rows += 1
                yield number, row
    except pl.exceptions.PolarsError as cause:
        raise ImportFailure(
            f"{path}: not a readable Parquet file: {str(cause)[:200]}", "Choose the kind that fits the file."
        ) from None


def merged(paths: Sequence[Path], reader: Reader, summary: Summary) -> Iterator[Timed]:
    """Rows of all files by receive time. A file is opened when its time has come, so many files need little memory."""
    summary.files += len(paths)
    heap: list[tuple[int, int, Any, Iterator[Timed] | None]] = []
    for index, path in enumerate(paths):
        peek = in_order(reader(path, Summary(summary.kind)), 64)
        first = next(peek, None)
        heap.append((first[0] if first else 0, index, None, None))
    heapq.heapify(heap)
    while heap:
        t, index, row, rows = heapq.heappop(heap)
        if rows is None:
            rows = in_order(reader(paths[index], summary))
        else:
            yield t, row
        following = next(rows, None)
        if following is not None:
            heapq.heappush(heap, (following[0], index, following[1], rows))


def in_order(rows: Iterator[Timed], window: int = WINDOW) -> Iterator[Timed]:
    """Rows sorted by time as far as a window of ``window`` rows reaches; equal times keep their order."""
    heap: list[tuple[int, int, Any]] = []
    for number, (t, row) in enumerate(rows):
        if len(heap) < window:
            heapq.heappush(heap, (t, number, row))
        else:
            earliest = heapq.heappushpop(heap, (t, number, row))
            yield earliest[0], earliest[2]
    while heap:
        earliest = heapq.heappop(heap)
        yield earliest[0], earliest[2]


def number(value: object) -> Decimal:
    """A finite decimal, exactly as written (floats by their shortest digits). Raises Refused."""
    try:
        exact = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    except InvalidOperation:
        raise Refused("not_a_number", value) from None
    if not exact.is_finite():
        raise Refused("not_a_number", value)
    return exact


def unix_ns(value: object, unit: int) -> int:
    """Unix nanoseconds of a number of ``unit`` nanoseconds, exactly. Raises Refused."""
    return plausible(int(number(value) * unit))


def utc_ns(text: object) -> int:
    """Unix nanoseconds of an ISO time, UTC where it names no zone. Raises Refused."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise Refused("bad_time", text) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return plausible(int(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1000)


def plausible(t_ns: int) -> int:
    """``t_ns`` if it lies within 2019 to 2099. Raises Refused."""
    if not _EARLIEST_NS <= t_ns < _LATEST_NS:
        raise Refused("bad_time", t_ns)
    return t_ns
