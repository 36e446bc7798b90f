"""Writing and merging archive files so that a crash at any moment leaves whole files only."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from connectors.archive.columns import check_rows
from connectors.archive.layout import ArchiveError, Piece, spanning

#: Rows of a row group: what a reader has in memory at least. 8,192 full-depth book frames are about 28 MB.
ROW_GROUP: Final = 8_192
_PRODUCERS: Final = "producers"
#: What reading a damaged file raises: polars, its code in Rust, or the JSON in a footer.
_DAMAGE: Final[tuple[type[BaseException], ...]] = (
    ValueError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)


@contextlib.contextmanager
def named(paths: Sequence[Path], also: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """For reading ``paths``: raises ArchiveError that names the file that is damaged, where one is. ``also``: further
    errors of a reader that may mean so. One that is not there any more stays a FileNotFoundError: it may have been
    merged meanwhile."""
    try:
        yield
    except BaseException as cause:
        path = next((each for each in paths if _is_damaged(each)), None) if isinstance(cause, _DAMAGE + also) else None
        if path is None and isinstance(cause, also) and paths:
            path = paths[0] if len(paths) == 1 else paths[0].parent  # what one reader takes, another may not
        if path is None:
            raise
        said = " ".join(str(cause).split())
        raise ArchiveError(
            f"{path}: cannot be read: {said[:200]}",
            "The file is damaged: restore it from a copy, or leave it out by moving its hour's folder away.",
        ) from None


def _is_damaged(path: Path) -> bool:
    try:
        check_rows(pl.read_parquet(path, glob=False, hive_partitioning=False))
        producers: object = json.loads(pl.read_parquet_metadata(path).get(_PRODUCERS, "{}"))
    except OSError:
        return False
    except _DAMAGE:
        return True
    return not isinstance(producers, dict)


def write_piece(frame: pl.DataFrame, path: Path, producers: dict[str, int]) -> None:
    """Write a file whole or not at all. ``producers``: the last ordinal of each producer up to and with this file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.stem}.making")
    with making.open("wb") as file:
        frame.write_parquet(
            file, compression="zstd", row_group_size=ROW_GROUP, metadata={_PRODUCERS: json.dumps(producers)}
        )
        file.flush()
        os.fsync(file.fileno())
    _publish(making, path)


def _publish(making: Path, path: Path) -> None:
    making.rename(path)
    for folder in (path.parent, path.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def producers_of(path: Path) -> dict[str, int]:
    """The last ordinal of each producer in the topic up to and with this file."""
    with named([path]):
        marks: dict[str, int] = json.loads(pl.read_parquet_metadata(path).get(_PRODUCERS, "{}"))
    return marks


def rows_of(paths: Sequence[Path]) -> int:
    """How many records files hold, from their footers."""
    if not paths:
        return 0
    with named(paths):
        return int(pl.scan_parquet([*paths], glob=False, hive_partitioning=False).select(pl.len()).collect().item())


def merge_pieces(folder: Path, pieces: list[Piece]) -> None:
    """Merge files of one hour that follow each other into one; their parts go away after it stands."""
    if len(pieces) < 2:
        return
    path = spanning(folder, pieces).path
    making = path.with_name(f".{path.stem}.making")
    pl.scan_parquet([piece.path for piece in pieces], glob=False, hive_partitioning=False).sink_parquet(
        making,
        compression="zstd",
        row_group_size=ROW_GROUP,
        maintain_order=True,
        metadata={_PRODUCERS: json.dumps(producers_of(pieces[-1].path))},
        sync_on_close="all",
        engine="streaming",
    )
    _publish(making, path)
    for piece in pieces:
        piece.path.unlink()
