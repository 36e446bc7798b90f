"""An audit database made out of an archive, at once: of a replay run, or after the database was lost."""

from __future__ import annotations

from pathlib import Path

import duckdb

from connectors.archive.layout import pieces_of, topic_folder
from connectors.archive.reader import ArchiveReader
from connectors.audit import loading
from connectors.audit.tables import TABLES


def build_from_archive(directory: Path, path: Path) -> dict[str, int]:
    """Make the database ``path`` out of the archive in ``directory``; returns the rows of each table.

    It appears whole or not at all, in place of one that was there. Raises ArchiveError when there is no archive."""
    reader = ArchiveReader(directory)
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.making")
    for left_over in (making, making.with_name(making.name + ".wal")):
        left_over.unlink(missing_ok=True)
    with duckdb.connect(str(making)) as connection:
        loading.create(connection)
        for topic in reader.topics():
            if topic in TABLES:
                pieces = pieces_of(topic_folder(directory, topic))
                for piece in pieces:
                    loading.load_parquet(connection, TABLES[topic], [piece.path], piece.last)
        rows = {name: _rows(connection, name) for name in (*(t.name for t in TABLES.values()), "spans", "rejected")}
        connection.execute("CHECKPOINT")
    making.replace(path)
    return rows


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found[0]) if found else 0
