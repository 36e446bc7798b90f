"""What the archive of a run lacks: where its recording was cut off, and what its flows had not come to.

A run that ended well has an end marker in every feed topic, a journal event of the last feed record, and the pulse of
the portfolio at the last journal event. One that was killed lacks some of these, and its figures are of less than it
saw.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from connectors.archive.reader import ArchiveReader
from models.contracts import Telemetry
from models.journal import decode_event
from models.markers import Marker, decode_own
from models.message import Stored
from models.timestamps import SECOND, utc
from models.topics import FEEDS, JOURNAL, TELEMETRY

TRADING = "trading"  # the source of its telemetry


def shortfalls(archive: Path) -> list[str]:
    """One sentence each; empty for a run that is whole. An archive of feeds alone (a recording) is judged by these."""
    reader = ArchiveReader(archive)
    topics = set(reader.topics())
    found: list[str] = []
    ends = {topic: last for topic in FEEDS if topic in topics for last in (_last(reader, topic),) if last is not None}
    unmarked = sorted(topic for topic, last in ends.items() if not _is_end(last))
    fed = max((_received(last) for last in ends.values()), default=0)
    if unmarked:
        found.append(
            f"the recording was cut off at {utc(fed)} UTC, what came after is missing: "
            f"no end marker in {', '.join(unmarked)}"
        )
    cited = _cited_beyond(reader, topics)
    for topic, offset in sorted(cited.items()):
        lacking = offset - reader.last_offset(topic)
        found.append(f"the archive lacks {topic} from offset {reader.last_offset(topic) + 1} on: {lacking:,} or more")
    if JOURNAL not in topics:
        return found
    last = _last(reader, JOURNAL)
    assert last is not None
    seen = decode_event(last.value).t
    if fed - seen > SECOND:
        found.append(f"the market flow had not come to the last {(fed - seen) / SECOND:.1f} s of the feeds")
    pulse = next((row for row in reader.latest(TELEMETRY) if row.key == TRADING), None)
    if pulse is None:
        found.append("the trading flow had not come to anything")
        return found
    last_word = Telemetry.read(pulse.value)
    decided = last_word.timestamp
    if seen - decided > SECOND + last_word.interval:  # one record an interval of event time
        found.append(f"the trading flow had not come to the last {(seen - decided) / SECOND:.1f} s of the journal")
    return found


def _last(reader: ArchiveReader, topic: str) -> Stored | None:
    return next(iter(reader.read(topic, max(reader.last_offset(topic), 0))), None)


def _received(record: Stored) -> int:
    return record.receipt.recv_ns if record.receipt is not None else record.t_ns


def _is_end(record: Stored) -> bool:
    try:
        own = decode_own(record.value)
    except msgspec.DecodeError:
        return False
    return isinstance(own, Marker) and own.marker == "end"


def _cited_beyond(reader: ArchiveReader, topics: set[str]) -> dict[str, int]:
    """Feed topics of which the journal's end rests on records beyond what is archived: the greatest such offset."""
    if JOURNAL not in topics or not topics.intersection(FEEDS):
        return {}
    beyond: dict[str, int] = {}
    for record in reader.read(JOURNAL, max(reader.last_offset(JOURNAL) - 2_000, 0)):
        topic, _, offset = decode_event(record.value).src
        if topic in FEEDS and offset > max(beyond.get(topic, -1), reader.last_offset(topic)):
            beyond[topic] = offset
    return beyond
