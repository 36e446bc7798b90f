"""The journal that research reads: the archive's own, or for a recording of feeds one that is made once and kept."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from connectors.archive.reader import ArchiveReader
from connectors.archive.source import feed_batches
from connectors.archive.writer import ArchiveWriter
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.failures import Failure
from models.message import Message
from models.settings import Settings
from models.topics import FEEDS, JOURNAL


def data_id(journal: Path) -> str:
    """A short name of a journal's data: the same for the same events, wherever the archive is."""
    contents = ArchiveReader(journal).contents(JOURNAL)
    said = f"{contents.first_ns} {contents.last_ns} {contents.records}"
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def journal_of(
    archive: Path, kept: Path, settings: Settings, progress: Callable[[float], None] = lambda share: None
) -> Path:
    """The archive that holds the journal: ``archive``, where it has one, else ``kept``, which is made from its feeds by
    the market flow's line under ``settings``. A making that was cut off begins anew. Raises Failure where there are
    neither journal nor feeds."""
    reader = ArchiveReader(archive)
    topics = set(reader.topics())
    if JOURNAL in topics:
        return archive
    if kept.is_dir():
        return kept
    if topics.isdisjoint(FEEDS):
        raise Failure(f"{archive} holds neither a journal nor feeds.", "Name a run, or an archive of feeds.")
    total = 0
    for topic in FEEDS:
        total += reader.count(topic) if topic in topics else 0
    making = kept.with_name(f".{kept.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    line = MarketLine(bounds_of(settings.checks), settings.portfolio_name, settings.replayed().telemetry.interval)
    done = 0
    with ArchiveWriter(making, [JOURNAL]) as writer:
        for batch in feed_batches(archive):
            for out in line.advance_all(batch):
                if isinstance(out, Message) and out.topic == JOURNAL:
                    writer.append_message(out)
            done += len(batch)
            progress(min(done / max(total, 1), 1.0))
    making.replace(kept)
    return kept
