"""Reading an archive: records in offset order with bounded memory, also while it is being written and merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import polars as pl

from connectors.archive import files, layout
from connectors.archive.columns import check_columns, records_of
from connectors.archive.files import ROW_GROUP
from connectors.archive.layout import ArchiveError, Piece
from models.message import Stored
from models.topics import BY_NAME

T = TypeVar("T")


@dataclass(frozen=True)
class TopicContents:
    """What an archive holds of a topic. Offsets are -1 and times 0 where there is nothing."""

    topic: str
    records: int
    first_offset: int
    last_offset: int
    first_ns: int
    last_ns: int


class ArchiveReader:
    """Reads the archive in ``directory``. Raises ArchiveError when that is no folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        layout.topics_in(directory)

    def topics(self) -> list[str]:
        """Topics that have records, sorted."""
        return [topic for topic in layout.topics_in(self.directory) if self._pieces(topic)]

    def _pieces(self, topic: str) -> list[Piece]:
        return layout.pieces_of(layout.topic_folder(self.directory, topic))

    def last_offset(self, topic: str) -> int:
        """The last offset of the topic, -1 for none."""
        pieces = self._pieces(topic)
        return pieces[-1].last if pieces else -1

    def first_offset(self, topic: str) -> int:
        """The first offset of the topic, -1 for none."""
        pieces = self._pieces(topic)
        return pieces[0].first if pieces else -1

    def count(self, topic: str) -> int:
        """Records of the topic, from the files' footers."""
        return self._ask(topic, lambda pieces: files.rows_of([piece.path for piece in pieces]))

    def counts(self) -> dict[str, int]:
        """Records of each topic that has some."""
        return {topic: self.count(topic) for topic in self.topics()}

    def contents(self, topic: str) -> TopicContents:
        """What there is of the topic."""

        def ask(pieces: list[Piece]) -> TopicContents:
            if not pieces:
                return TopicContents(topic, 0, -1, -1, 0, 0)
            times = pl.col("t_ns")
            wanted = (pl.len(), times.min().alias("first"), times.max().alias("last"))
            records, first_ns, last_ns = _scan(pieces).select(*wanted).collect().row(0)
            return TopicContents(topic, records, pieces[0].first, pieces[-1].last, first_ns, last_ns)

        return self._ask(topic, ask)

    def latest(self, topic: str) -> list[Stored]:
        """The last record of each key, in offset order. Only the keys of the others are looked at."""

        def ask(pieces: list[Piece]) -> list[Stored]:
            if not pieces:
                return []
            last = _scan(pieces).group_by("key").agg(pl.col("offset").max()).collect()["offset"]
            rows = _scan(pieces).filter(pl.col("offset").is_in(last.implode())).sort("offset").collect()
            return records_of(rows, topic)

        return self._ask(topic, ask)

    def _ask(self, topic: str, question: Callable[[list[Piece]], T]) -> T:
        """The answer of the topic's files; asked for again when they were merged meanwhile."""
        while True:
            pieces = self._pieces(topic)
            try:
                with files.named([piece.path for piece in pieces]):
                    return question(pieces)
            except FileNotFoundError:
                continue

    def read(
        self, topic: str, start_offset: int = 0, batch: int = 4096, start_ns: int = 0, end_ns: int | None = None
    ) -> Iterator[Stored]:
        """The topic's records from ``start_offset`` on, in offset order; see ``batches``."""
        for records in self.batches(topic, start_offset, batch, start_ns, end_ns):
            yield from records

    def batches(
        self, topic: str, start_offset: int = 0, batch: int = 4096, start_ns: int = 0, end_ns: int | None = None
    ) -> Iterator[list[Stored]]:
        """The same in lists of at most ``batch``. ``start_ns <= t_ns < end_ns`` where given.

        Ends where the archive ended when its last file was reached; a later call goes on from there."""
        offset = start_offset
        pieces = iter(self._pieces(topic))
        more = False
        while True:
            piece = next((piece for piece in pieces if piece.last >= offset), None)
            if piece is None:
                if not more:
                    return
                pieces, more = iter(self._pieces(topic)), False
                continue
            if start_ns <= 0 or piece.hour >= layout.hour_of(start_ns):
                try:
                    for records in self._records(piece, topic, offset, batch, start_ns, end_ns):
                        yield records
                        offset = records[-1].offset + 1
                except FileNotFoundError:  # merged meanwhile: the merged file has the rest
                    pieces, more = iter(self._pieces(topic)), False
                    continue
            offset = piece.last + 1
            more = True

    def _records(
        self, piece: Piece, topic: str, offset: int, batch: int, start_ns: int, end_ns: int | None
    ) -> Iterator[list[Stored]]:
        """The file's rows from ``offset`` on, read a row group at a time. The open file outlives its name."""
        with files.named([piece.path]), piece.path.open("rb") as file:
            scan = pl.scan_parquet(file)
            check_columns(scan.collect_schema())
            wanted = pl.col("offset") >= offset
            if start_ns > 0:
                wanted &= pl.col("t_ns") >= start_ns
            if end_ns is not None:
                wanted &= pl.col("t_ns") < end_ns
            for frame in scan.filter(wanted).collect_batches(chunk_size=ROW_GROUP, maintain_order=True):
                for part in frame.iter_slices(batch):
                    yield records_of(part, topic)

    def verify(self) -> list[str]:
        """Findings, empty when all is well: files that overlap or cannot be read, offsets that are missing in feed
        and input topics, ordinals of a producer that are missing or double elsewhere."""
        findings: list[str] = []
        for topic in self.topics():
            pieces = self._pieces(topic)
            for before, piece in pairwise(pieces):
                if piece.first <= before.last:
                    findings.append(f"{topic}: {piece.path.name} overlaps {before.path.name}")
            try:
                findings.extend(self._gaps(topic))
            except ArchiveError as damaged:
                findings.append(f"{topic}: {damaged.cause}")
        return findings

    def _gaps(self, topic: str) -> Iterator[str]:
        verbatim = topic in BY_NAME and BY_NAME[topic].role in ("feed", "in")
        expected: int | None = None
        ordinals: dict[str, int] = {}
        for record in self.read(topic):
            if verbatim and expected is not None and record.offset != expected:
                yield f"{topic}: offsets {expected} to {record.offset - 1} are missing"
            expected = record.offset + 1
            if record.producer:
                following = ordinals.get(record.producer, -1) + 1
                if record.ordinal != following:
                    yield f"{topic}: ordinal {record.ordinal} of {record.producer} where {following} was expected"
                ordinals[record.producer] = record.ordinal


def _scan(pieces: list[Piece]) -> pl.LazyFrame:
    return pl.scan_parquet([piece.path for piece in pieces], glob=False, hive_partitioning=False)


def open_archive(directory: Path) -> ArchiveReader:
    """A reader of an archive that holds something. Raises ArchiveError when it does not."""
    reader = ArchiveReader(directory)
    if not reader.topics():
        raise ArchiveError(
            f"{directory}: holds no archived records.", "Make one with `profit record` or `profit import`."
        )
    return reader
