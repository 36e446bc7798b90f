"""audit.duckdb: written while anyone reads it.

DuckDB lets one process write a file and nobody else open it meanwhile. So there are two replicas, and the published
name is a hard link to one of them. The writer applies a batch to the other, and moves the name over when that is closed
again; the replica left behind gets the same batch with the next one. Whoever has the published name open keeps what
he opened: when the replica to be written is still held by a reader, a fresh copy takes its place and the reader keeps
the old one. A file is thus never written while it is published, and a reader never meets a lock.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb

from connectors.audit import loading
from connectors.process_lock import acquire
from models.failures import Failure
from models.message import Stored

#: A reader that looked up the published name just before it moved has so long to take its lock.
GRACE_S: Final = 1.0

Batches = Mapping[str, Sequence[Stored]]


class AuditError(Failure):
    """An audit database that cannot be used."""


class AuditDatabase:
    """The only writer of the database ``path``. Raises AuditError when another process writes it."""

    def __init__(self, path: Path, grace_s: float = GRACE_S, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._grace_s = grace_s
        self._monotonic = monotonic
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(path.with_name(f".{path.name}.lock"))
        self._replicas = tuple(path.with_name(f".{path.stem}-{letter}{path.suffix}") for letter in "ab")
        self._published = 0
        self._left_at = float("-inf")  # when the spare replica ceased to be the published one
        self._current: set[Path] = set()  # replicas that have today's tables and columns for certain
        self._missed: Batches = {}  # what the published replica has and the spare one lacks
        self.copies = 0
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        """Take up what the last writer left: the published file is whole, anything else is made from it again."""
        for replica in self._replicas:
            if not (self._path.exists() and replica.exists() and replica.samefile(self._path)):
                _remove(replica)
            elif replica == self._replicas[1]:
                self._published = 1
        current = self._replicas[self._published]
        if not self._path.exists():
            with _connect(current) as connection:
                loading.create(connection)
            self._current.add(current)
            self._publish(current)
        elif not current.exists():
            os.link(self._path, current)
        try:
            with duckdb.connect(str(self._path), read_only=True) as connection:
                self.positions = loading.positions(connection)
        except duckdb.Error as cause:
            raise AuditError(
                f"{self._path}: cannot be read: {cause}", "Move it away; it is made again from the archive."
            ) from None

    def apply(self, batches: Batches) -> None:
        """Apply records by topic and publish them. Records at or below a topic's position are passed over."""
        news = {
            topic: [record for record in records if record.offset > self.positions.get(topic, -1)]
            for topic, records in batches.items()
        }
        news = {topic: records for topic, records in news.items() if records}
        if not news:
            return
        spare = 1 - self._published
        with self._open_spare(spare) as connection:
            if self._replicas[spare] not in self._current:
                loading.create(connection)
                self._current.add(self._replicas[spare])
            # What it missed and what is new at once: a statement costs more than its rows.
            both = {topic: [*self._missed.get(topic, ()), *news.get(topic, ())] for topic in {**self._missed, **news}}
            loading.load(connection, both)
            connection.execute("CHECKPOINT")
        self._publish(self._replicas[spare])
        self._published = spare
        self._left_at = self._monotonic()
        self._missed = news
        self.positions.update({topic: records[-1].offset for topic, records in news.items()})

    def _open_spare(self, spare: int) -> duckdb.DuckDBPyConnection:
        replica = self._replicas[spare]
        if replica.exists() and self._monotonic() - self._left_at >= self._grace_s:
            try:
                return _connect(replica)
            except duckdb.IOException as cause:
                if "lock" not in str(cause).lower():
                    raise
        self._renew(replica)
        return _connect(replica)

    def _renew(self, replica: Path) -> None:
        """Put a copy of the published file in the replica's place; who has the old one open keeps it."""
        copy = replica.with_suffix(".copy")
        shutil.copyfile(self._replicas[self._published], copy)
        _remove(replica)
        copy.rename(replica)
        self._current.discard(replica)
        if self._replicas[self._published] in self._current:
            self._current.add(replica)
        self._missed = {}
        self.copies += 1

    def _publish(self, replica: Path) -> None:
        link = self._path.with_name(f".{self._path.name}.link")
        link.unlink(missing_ok=True)
        os.link(replica, link)
        link.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Let another process write. What was applied is published already."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(path), config={"threads": 1})


def _remove(path: Path) -> None:
    for name in (path, path.with_name(path.name + ".wal")):
        name.unlink(missing_ok=True)


def _lock(path: Path) -> int:
    lock = acquire(path)
    if lock is None:
        raise AuditError(
            f"{path.parent}: another process writes this audit database.", "Stop it, or choose another data folder."
        )
    return lock
