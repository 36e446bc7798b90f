"""A range of an archive by time: which records of each feed and input topic belong to it.

A replay of a range begins as a recorder would that starts at that moment: a book is not known before its next snapshot,
and a market not before it is defined again. What is lost by that is refused with its reason, never guessed.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from connectors.archive.reader import ArchiveReader
from models.failures import Failure
from models.topics import FEEDS, INPUTS


class ReplayRange(msgspec.Struct, frozen=True):
    """First and last offset by topic; a topic that is not in ``until`` has no record in the range. Both are empty where
    no bound was given."""

    since: dict[str, int] = {}
    until: dict[str, int] = {}


def range_of(archive: Path, since_ns: int = 0, until_ns: int = 0) -> ReplayRange:
    """The records with ``since_ns <= t < until_ns`` (Unix ns of receipt; 0 = no bound). Raises Failure where no feed
    has one."""
    if not since_ns and not until_ns:
        return ReplayRange()
    reader = ArchiveReader(archive)
    since: dict[str, int] = {}
    until: dict[str, int] = {}
    for topic in (*FEEDS, *INPUTS):
        last = reader.last_offset(topic)
        first = _first_from(reader, topic, since_ns) if since_ns else max(reader.first_offset(topic), 0)
        if until_ns:
            last = min(last, _first_from(reader, topic, until_ns) - 1)
        since[topic] = first
        if 0 <= first <= last:
            until[topic] = last
    if not any(topic in until for topic in FEEDS):
        raise Failure("no feed has a record in that time.", f"`profit runs` says what {archive} spans.")
    return ReplayRange(since, until)


def _first_from(reader: ArchiveReader, topic: str, t_ns: int) -> int:
    """The first offset at or after a time; one behind the last where there is none."""
    record = next(reader.read(topic, batch=1, start_ns=t_ns), None)
    return record.offset if record is not None else reader.last_offset(topic) + 1
