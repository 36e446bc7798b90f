"""The journal that research reads: the archive's own, or for a recording of feeds one that is made once and kept."""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from connectors.archive.reader import ArchiveReader
from connectors.archive.source import feed_batches
from connectors.archive.writer import ArchiveWriter
from flows.market_line.line import MarketLine
from flows.research.journal_origin import FILE, is_of, origin_of, stamp
from models.bounds import bounds_of
from models.failures import Failure
from models.message import Message
from models.settings import Settings
from models.topics import FEEDS, INPUTS, JOURNAL

#: A recording's beginning, which names it: what is validated has at least as much.
BEGINNING_NS: Final = 600 * 10**9


class JournalData(msgspec.Struct, frozen=True):
    """What a journal is of. ``data``: a short name of its data, the same for the same events, wherever the archive is.
    ``recording``: a short name of what was recorded, by its first ten minutes: the same wherever it is, however the
    journal was made, and also when it has grown. ``first`` and ``last``: times of its events, Unix ns."""

    data: str
    recording: str
    first: int
    last: int


def data_of(archive: Path, journal: Path) -> JournalData:
    """Of the ``journal`` that ``journal_of`` gives for ``archive``."""
    data, first, last = _data(journal)
    return JournalData(data, _recording(archive), first, last)


def _data(journal: Path) -> tuple[str, int, int]:
    contents = ArchiveReader(journal).contents(JOURNAL)
    said = f"{contents.first_ns} {contents.last_ns} {contents.records}"
    return hashlib.sha256(said.encode()).hexdigest()[:12], contents.first_ns, contents.last_ns


def content_of(journal: Path) -> str:
    """A word for what is in a journal that ``journal_of`` gave, to tell whether it was made anew of something else."""
    made_of = journal / FILE
    return hashlib.sha256(made_of.read_bytes()).hexdigest() if made_of.is_file() else _data(journal)[0]


def _recording(archive: Path) -> str:
    """Of the feeds, or of the journal where there are none."""
    reader = ArchiveReader(archive)
    present = set(reader.topics())
    topics: list[str] = [topic for topic in FEEDS if topic in present] or [JOURNAL]
    end = BEGINNING_NS + min(reader.contents(topic).first_ns for topic in topics)
    sha = hashlib.sha256()
    for topic in topics:
        for record in reader.read(topic):
            if record.t_ns >= end:
                break
            fields = (topic.encode(), record.key.encode(), record.value)
            sha.update(struct.pack(">q3I", record.t_ns, *map(len, fields)) + b"".join(fields))
    return sha.hexdigest()[:12]


def journal_of(
    archive: Path, kept: Path, settings: Settings, progress: Callable[[float], None] = lambda share: None
) -> Path:
    """The archive that holds the journal: ``archive``, where it has one, else ``kept``, which is made from its feeds by
    the market flow's line under ``settings``. One that stands there is taken where it was made of the same, and is
    whole; else it is made anew in its place. One process at a time: the caller sees to that. Raises Failure where there
    are neither journal nor feeds."""
    reader = ArchiveReader(archive)
    topics = set(reader.topics())
    if JOURNAL in topics:
        return archive
    if topics.isdisjoint(FEEDS):
        raise Failure(f"{archive} holds neither a journal nor feeds.", "Name a run, or an archive of feeds.")
    origin = origin_of(archive, settings)
    if is_of(kept, origin):
        return kept
    making = kept.with_name(f".{kept.name}.making")
    for former in (kept, making):
        if former.exists():
            shutil.rmtree(former)
    _make(archive, making, settings, progress)
    if origin_of(archive, settings) == origin:  # one whose feeds changed meanwhile is of no use a second time
        stamp(making, origin)
    making.replace(kept)
    return kept


def _make(archive: Path, making: Path, settings: Settings, progress: Callable[[float], None]) -> None:
    reader = ArchiveReader(archive)
    total = 0
    for topic in (*FEEDS, *INPUTS):
        total += reader.count(topic)
    line = MarketLine(bounds_of(settings.checks), settings.portfolio_name, settings.replayed().telemetry.interval)
    done = 0
    with ArchiveWriter(making, [JOURNAL]) as writer:
        for batch in feed_batches(archive):
            for out in line.advance_all(batch):
                if isinstance(out, Message) and out.topic == JOURNAL:
                    writer.append_message(out)
            done += len(batch)
            progress(min(done / max(total, 1), 1.0))
