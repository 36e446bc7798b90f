"""The audit flow's sink: every record to the Parquet archive, and those of the typed topics to audit.duckdb.

Single worker. Times here are the machine's own: they decide when rows become visible and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bytewax.outputs import DynamicSink, StatelessSinkPartition

from connectors.archive.layout import high_water_marks
from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from connectors.audit.build import build_from_archive
from connectors.audit.database import AuditDatabase
from connectors.audit.source import Heartbeat
from connectors.audit.tables import TABLES
from models.message import Stored
from models.settings import Archive

#: Records of the typed topics that may wait for publication; more are published at once.
MAX_WAITING: Final = 50_000
#: How long files are merged at the end; the supervisor does not wait for ever.
MERGE_S: Final = 0.5


class AuditStore:
    """The archive in ``directory`` and the database ``path``, kept level with each other.

    On opening, the database is made from the archive where it is absent, and brought up to it where it is behind."""

    def __init__(self, directory: Path, path: Path, settings: Archive, topics: Iterable[str]) -> None:
        self._flush_s = settings.flush_s
        self._publish_s = settings.publish_s
        if not path.exists() and high_water_marks(directory):
            build_from_archive(directory, path)
        self._database = AuditDatabase(path)
        try:
            self._archive = ArchiveWriter(directory, topics)
        except BaseException:
            self._database.close()
            raise
        self._waiting: dict[str, list[Stored]] = {}
        self._count = 0
        self._flushed_at = self._published_at = time.monotonic()
        self._catch_up(ArchiveReader(directory))

    def _catch_up(self, reader: ArchiveReader) -> None:
        for topic in TABLES:
            position = self._database.positions.get(topic, -1)
            if reader.last_offset(topic) > position:
                for records in reader.batches(topic, position + 1, MAX_WAITING):
                    self._database.apply({topic: records})

    def put(self, record: Stored) -> None:
        """Take one record; what the archive has already is dropped."""
        if self._archive.append(record) and record.topic in TABLES:
            self._waiting.setdefault(record.topic, []).append(record)
            self._count += 1

    def settle(self) -> None:
        """Write and publish what is due."""
        now = time.monotonic()
        if now - self._flushed_at >= self._flush_s:
            self._archive.flush()
            self._flushed_at = now
        if now - self._published_at >= self._publish_s or self._count >= MAX_WAITING:
            self.publish()

    def publish(self) -> None:
        """Everything taken so far is in the published database after this."""
        if self._waiting:
            self._database.apply(self._waiting)
            self._waiting = {}
            self._count = 0
        self._published_at = time.monotonic()

    def close(self) -> None:
        """Write and publish everything, and let others write: the archive first, as an embedded broker ends too."""
        try:
            self._archive.flush()
            self.publish()
            self._archive.close(MERGE_S)
        finally:
            self._database.close()


class _Partition(StatelessSinkPartition[Stored | Heartbeat]):
    def __init__(self, store: AuditStore) -> None:
        self._store = store

    def write_batch(self, items: list[Stored | Heartbeat]) -> None:
        for item in items:
            if isinstance(item, Stored):
                self._store.put(item)
        self._store.settle()

    def close(self) -> None:
        self._store.close()


class AuditSink(DynamicSink[Stored | Heartbeat]):
    """Everything to ``directory`` and ``path``; see AuditStore."""

    def __init__(self, directory: Path, path: Path, settings: Archive, topics: Iterable[str]) -> None:
        self._directory = directory
        self._path = path
        self._settings = settings
        self._topics = tuple(topics)

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Partition:
        return _Partition(AuditStore(self._directory, self._path, self._settings, self._topics))
