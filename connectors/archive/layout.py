"""Where an archive keeps what: folders, file names, and which files count.

``DIR/topic=<name>/hour=<YYYY-MM-DDTHH>/<first>-<last>.parquet``; first and last are offsets, both included and
zero-padded. A file whose range lies within another's is left over from a merge and does not count. Names that start
with a dot are files in the making or locks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from models.failures import Failure

HOUR_NS: Final = 3_600_000_000_000
_NAME: Final = re.compile(r"(\d{20})-(\d{20})\.parquet")
_TOPIC: Final = "topic="
_HOUR: Final = "hour="


class ArchiveError(Failure):
    """An archive that cannot be used as it is."""


class Piece(NamedTuple):
    """One file: offsets ``first`` to ``last``, both included, of one hour."""

    first: int
    last: int
    hour: str
    path: Path


def topic_folder(directory: Path, topic: str) -> Path:
    return directory / f"{_TOPIC}{topic}"


def hour_of(t_ns: int) -> str:
    """The UTC hour of a Unix time in nanoseconds, as in a folder's name."""
    return datetime.fromtimestamp(t_ns // HOUR_NS * 3600, UTC).strftime("%Y-%m-%dT%H")


def hour_number(hour: str) -> int:
    """Whole hours since 1970 of a folder's hour."""
    return int(datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC).timestamp()) // 3600


def piece_path(folder: Path, hour: str, first: int, last: int) -> Path:
    return folder / f"{_HOUR}{hour}" / f"{first:020d}-{last:020d}.parquet"


def spanning(folder: Path, pieces: Sequence[Piece]) -> Piece:
    """The one file that several of one hour become."""
    first, last, hour = pieces[0].first, pieces[-1].last, pieces[0].hour
    return Piece(first, last, hour, piece_path(folder, hour, first, last))


def topics_in(directory: Path) -> list[str]:
    """Topics with a folder, sorted. Raises ArchiveError when ``directory`` is no folder."""
    if not directory.is_dir():
        raise ArchiveError(f"{directory}: no such archive.", "Name the folder that holds topic=… folders.")
    return sorted(entry.name.removeprefix(_TOPIC) for entry in directory.iterdir() if entry.name.startswith(_TOPIC))


def listed(folder: Path) -> list[Piece]:
    """Every finished file of a topic's folder, leftovers included, by first offset, the longest first.

    A folder that changes while it is read may show neither a merged file nor its parts; hence the second look."""
    before = _scan(folder)
    while (now := _scan(folder)) != before:
        before = now
    return sorted(before, key=lambda piece: (piece.first, -piece.last))


def _scan(folder: Path) -> set[Piece]:
    found: set[Piece] = set()
    try:
        hours = [entry for entry in os.scandir(folder) if entry.name.startswith(_HOUR)]
    except FileNotFoundError:
        return found
    for hour in hours:
        for entry in os.scandir(hour.path):
            match = _NAME.fullmatch(entry.name)
            if match:
                name = hour.name.removeprefix(_HOUR)
                found.add(Piece(int(match[1]), int(match[2]), name, Path(entry.path)))
    return found


def split(pieces: list[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Pieces in ``listed`` order as (those that count, those whose range lies within another's)."""
    valid: list[Piece] = []
    left_over: list[Piece] = []
    for piece in pieces:
        (left_over if valid and piece.last <= valid[-1].last else valid).append(piece)
    return valid, left_over


def pieces_of(folder: Path) -> list[Piece]:
    """The files of a topic that count, in offset order."""
    return split(listed(folder))[0]


def high_water_marks(directory: Path) -> dict[str, int]:
    """The last archived offset of each topic that has one; empty for a folder that is none yet. It looks at the newest
    hours alone, for some ask again and again."""
    marks: dict[str, int] = {}
    if not directory.is_dir():
        return marks
    for topic in topics_in(directory):
        hours = sorted(entry.path for entry in os.scandir(topic_folder(directory, topic)) if _HOUR in entry.name)
        for hour in reversed(hours):
            lasts = [int(match[2]) for entry in os.scandir(hour) if (match := _NAME.fullmatch(entry.name))]
            if lasts:
                marks[topic] = max(lasts)
                break
    return marks
