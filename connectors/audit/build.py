"""An audit database made out of an archive, at once: of a replay run, or after the database was lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from connectors.archive import files
from connectors.archive.layout import ArchiveError, Piece, pieces_of, topic_folder
from connectors.archive.reader import ArchiveReader
from connectors.audit import loading
from connectors.audit.tables import TABLES, Table
from models.topics import TELEMETRY

_GROUP = 100_000
_LARGE = {TELEMETRY: 1_000}  # records that hold a whole flow each
#: What DuckDB takes at most; beyond it, it goes by its file.
MEMORY = "192MiB"


def build_from_archive(directory: Path, path: Path) -> dict[str, int]:
    """Make the database ``path`` out of the archive in ``directory``; returns the rows of each table.

    It appears whole or not at all, in place of one that was there. Raises ArchiveError when there is no archive."""
    reader = ArchiveReader(directory)
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.making")
    for left_over in (making, making.with_name(making.name + ".wal")):
        left_over.unlink(missing_ok=True)
    with duckdb.connect(str(making), config={"memory_limit": MEMORY}) as connection:
        loading.create_bare(connection)
        for topic in reader.topics():
            if topic in TABLES:
                for group in _groups(pieces_of(topic_folder(directory, topic)), _LARGE.get(topic, _GROUP)):
                    _load(connection, TABLES[topic], group)
        loading.complete(connection)
        rows = {name: _rows(connection, name) for name in (*(t.name for t in TABLES.values()), "spans", "rejected")}
        connection.execute("CHECKPOINT")
    making.replace(path)
    return rows


def _load(connection: duckdb.DuckDBPyConnection, table: Table, group: list[Piece]) -> None:
    """Load files at once, or in halves where that takes more memory than there is."""
    paths = [piece.path for piece in group]
    is_too_much = False
    connection.execute("BEGIN")
    with files.named(paths, (duckdb.Error,)):
        try:
            loading.load_parquet(connection, table, paths, group[-1].last)
        except duckdb.OutOfMemoryException:
            is_too_much = True
    connection.execute("ROLLBACK" if is_too_much else "COMMIT")
    if not is_too_much:
        return
    if len(group) == 1:
        raise ArchiveError(f"{paths[0]}: its records take more than {MEMORY} at once.", "It is whole; report this.")
    middle = len(group) // 2
    _load(connection, table, group[:middle])
    _load(connection, table, group[middle:])


def _groups(pieces: list[Piece], most: int) -> Iterator[list[Piece]]:
    """The files in order, so many at once that a group has about ``most`` records: a statement a file is slow."""
    group: list[Piece] = []
    for piece in pieces:
        group.append(piece)
        if piece.last - group[0].first >= most:
            yield group
            group = []
    if group:
        yield group


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found[0]) if found else 0
