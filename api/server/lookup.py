"""Finding single records in an archive without reading the rest of it.

File names bound offsets and footers bound ordinals and times, so one record costs one file's row group, however long
the archive is. A file that is merged away meanwhile is looked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

from connectors.archive import files, layout
from connectors.archive.columns import records_of
from connectors.archive.layout import Piece
from models.message import Stored

#: Looks at a topic whose files change under us; a merge takes one of them.
_ATTEMPTS: Final = 5
_T = TypeVar("_T")


class Lookup:
    """Single records of the archive in ``directory``. A topic that is absent has no records."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def holds(self, topic: str) -> bool:
        return bool(self._pieces(topic))

    def at(self, topic: str, offset: int) -> Stored | None:
        """The record at ``offset``."""
        for piece in self._pieces(topic):
            if piece.first <= offset <= piece.last:
                return _one(self._found(topic, lambda p: p.first <= offset <= p.last, pl.col("offset") == offset))
        return None

    def numbered(self, topic: str, producer: str, ordinal: int) -> Stored | None:
        """The record to which ``producer`` gave the number ``ordinal``."""
        place = self._again(lambda: self._piece_of(topic, producer, ordinal))
        if place is None:
            return None
        wanted = (pl.col("ordinal") == ordinal) & (pl.col("producer") == producer)
        return _one(self._found(topic, lambda p: p.first <= place.last and place.first <= p.last, wanted))

    def keyed(self, topic: str, keys: Sequence[str], from_ns: int = 0) -> list[Stored]:
        """Records with one of ``keys`` from the time ``from_ns`` on, in offset order."""
        return self._found(
            topic, lambda p: _ends_after(p, from_ns), pl.col("key").is_in(list(keys)) & (pl.col("t_ns") >= from_ns)
        )

    def between(self, topic: str, from_ns: int, to_ns: int) -> list[Stored]:
        """Records with ``from_ns <= t_ns <= to_ns``, in offset order."""
        return self._found(
            topic, lambda p: _ends_after(p, from_ns), pl.col("t_ns").is_between(from_ns, to_ns, closed="both")
        )

    def containing(self, topic: str, text: bytes) -> list[Stored]:
        """Records whose value contains ``text``: reads the whole topic, so only for what nothing else finds."""
        return self._found(topic, lambda _: True, pl.col("value").bin.contains(text))

    def last(self, topic: str, count: int) -> list[Stored]:
        """The last ``count`` records, in offset order."""
        pieces = self._pieces(topic)
        start = max(pieces[-1].last - count + 1, 0) if pieces else 0
        return self._found(topic, lambda p: p.last >= start, pl.col("offset") >= start)

    def _pieces(self, topic: str) -> list[Piece]:
        return layout.pieces_of(layout.topic_folder(self.directory, topic))

    def _piece_of(self, topic: str, producer: str, ordinal: int) -> Piece | None:
        """The first file whose footer says that the producer had come to ``ordinal``."""
        pieces = self._pieces(topic)
        low, high = 0, len(pieces)
        while low < high:
            middle = (low + high) // 2
            if files.producers_of(pieces[middle].path).get(producer, -1) < ordinal:
                low = middle + 1
            else:
                high = middle
        return pieces[low] if low < len(pieces) else None

    def _found(self, topic: str, place: Callable[[Piece], bool], wanted: pl.Expr) -> list[Stored]:
        def look() -> list[Stored]:
            paths = [piece.path for piece in self._pieces(topic) if place(piece)]
            if not paths:
                return []
            with files.named(paths):
                return records_of(pl.scan_parquet(paths, glob=False).filter(wanted).collect().sort("offset"), topic)

        return self._again(look)

    @staticmethod
    def _again(look: Callable[[], _T]) -> _T:
        for _ in range(_ATTEMPTS - 1):
            try:
                return look()
            except FileNotFoundError:
                continue  # merged meanwhile
        return look()


def _one(records: list[Stored]) -> Stored | None:
    return records[0] if records else None


def _ends_after(piece: Piece, t_ns: int) -> bool:
    """Whether a file may hold records of ``t_ns`` or later: a late record stands in a later hour, never an earlier."""
    return piece.hour >= layout.hour_of(t_ns)
