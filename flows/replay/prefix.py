"""The part of a run that can be repeated while it goes on: up to a journal number, with the feed records before it.

The archive of a running run ends at another moment in each topic. What the market flow had read when it wrote a journal
event is known from the journal itself: every feed and input record leaves an event that names its offset. So the
records up to the greatest offsets that the events up to a number name are exactly those that they were made of.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from connectors.archive.reader import ArchiveReader
from models.failures import Failure
from models.topics import FEEDS, INPUTS, JOURNAL

#: Journal events before the archive's end among which the number is looked for first.
_NEAR: Final = 100_000


class Prefix(msgspec.Struct, frozen=True):
    """``journal``: number of the last event; ``until``: the last offset of each topic that the events rest on."""

    journal: int
    until: dict[str, int]


class _Cited(msgspec.Struct, frozen=True):
    seq: int
    src: tuple[str, int, int]


_cited: Final = msgspec.json.Decoder(_Cited)


def prefix_of(archive: Path) -> Prefix:
    """The longest prefix whose feed and input records are all archived. Raises Failure where there is none."""
    reader = ArchiveReader(archive)
    archived = {topic: reader.last_offset(topic) for topic in (*FEEDS, *INPUTS)}
    end = reader.last_offset(JOURNAL)
    for start in dict.fromkeys((max(end - _NEAR, 0), 0)):
        found = _whole(reader, start, archived)
        if found >= 0:
            return Prefix(found, _cited_until(reader, found))
    raise Failure(
        f"{archive} holds no event whose feed records are archived too.",
        "Wait until the run has recorded more; a replay has no feeds of its own: compare it with --verify.",
    )


def _whole(reader: ArchiveReader, start: int, archived: dict[str, int]) -> int:
    """The number of the last event of a feed record before the first event, from offset ``start`` on, that rests on a
    record which is not archived; -1 for none."""
    found = -1
    for stored in reader.read(JOURNAL, start):
        event = _cited.decode(stored.value)
        topic, _, offset = event.src
        if topic in archived and offset > archived[topic]:
            break
        if topic in FEEDS:
            found = event.seq
    return found


def _cited_until(reader: ArchiveReader, last: int) -> dict[str, int]:
    until: dict[str, int] = {}
    for stored in reader.read(JOURNAL):
        event = _cited.decode(stored.value)
        if event.seq > last:
            break
        topic, _, offset = event.src
        if offset > until.get(topic, -1) and (topic in FEEDS or topic in INPUTS):
            until[topic] = offset
    return until
