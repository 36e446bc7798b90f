"""A partition as the last process left it, however that ended.

Closed segments are taken by their saved index; the last one is read, checksums and all. What is torn at its end is cut.
Whatever else does not follow is moved aside, to ``aside/``, and never deleted.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.broker.batches import header, is_sound, walk
from connectors.broker.index import Index
from connectors.broker.producers import Producers
from connectors.broker.segment import LogSegment
from connectors.broker.standing import PartitionStanding

ASIDE: Final = "aside"


@dataclass(frozen=True)
class Recovered:
    """``told``: what a person should know."""

    segments: list[LogSegment]
    producers: Producers
    standing: PartitionStanding
    told: list[str]


def recover(folder: Path, was_closed: bool) -> Recovered:
    """Read what is in a partition's folder. ``was_closed``: the last process ended in order, so nothing can be missing
    at the end. Raises OSError."""
    told: list[str] = []
    for leftover in folder.glob(".*.new"):
        leftover.unlink()
    bases = sorted(int(path.stem) for path in folder.glob("*.log") if path.stem.isdigit())
    for path in [*folder.glob("*.index"), *folder.glob("*.producers")]:
        if path.stem.isdigit() and int(path.stem) not in bases:
            path.unlink()  # of a segment that was deleted
    segments: list[LogSegment] = []
    cut = False
    for number, base in enumerate(bases):
        if segments and segments[-1].end != base:
            what = "is missing" if segments[-1].end < base else "is there twice"
            told.append(f"{folder}: what lies between {segments[-1].end} and {base} {what}; the rest was moved aside")
            _move_aside(folder, bases[number:])
            cut = True
            break
        segment = _closed(folder, base) if number < len(bases) - 1 else None
        if segment is None:
            segment, lost = _read(folder, base)
            if lost:
                cut = True
                told.append(lost)
        segments.append(segment)
    if not segments:
        segments = [LogSegment(folder, PartitionStanding.load(folder).start)]
    standing = PartitionStanding.load(folder)
    end = segments[-1].end
    if cut or (not was_closed and end > segments[0].base):
        standing = standing.after_a_loss(end)
        standing.save(folder)
    return Recovered(segments, _producers(segments), standing, told)


def _closed(folder: Path, base: int) -> LogSegment | None:
    segment = LogSegment(folder, base)
    size = segment.length()
    found = Index.load(segment.index_path, size)
    return None if found is None else LogSegment(folder, base, found[0], size, found[1])


def _read(folder: Path, base: int) -> tuple[LogSegment, str]:
    """The segment up to its first unsound batch; what follows is cut, with a word of what was lost."""
    segment = LogSegment(folder, base)
    segment.size = segment.length()
    data = segment.read(0, segment.size)
    index, at, end = Index(), 0, base
    for position, batch in walk(data):
        if batch.base != end or not is_sound(data, position, batch):
            break
        index.add(batch, position)
        at, end = position + batch.size, batch.next
    lost = ""
    if at < len(data):
        # More than one torn batch is no interrupted write: keep it for whoever has to look into it.
        torn = header(data, at)
        if torn is not None and torn.size < len(data) - at:
            place = folder / ASIDE
            place.mkdir(exist_ok=True)
            (place / f"{end:020d}-{time.time_ns()}.bytes").write_bytes(data[at:])
            lost = f"{folder}: a batch at offset {end} is damaged; it and all after it were moved aside"
        else:
            lost = f"{folder}: {len(data) - at} bytes of a write that was interrupted were cut, at offset {end}"
        segment.cut(at)
    return LogSegment(folder, base, index, at, end), lost


def _move_aside(folder: Path, bases: list[int]) -> None:
    place = folder / ASIDE / str(time.time_ns())
    place.mkdir(parents=True)
    for base in bases:
        for path in folder.glob(f"{base:020d}.*"):
            shutil.move(path, place / path.name)


def _producers(segments: list[LogSegment]) -> Producers:
    """What the producers have sent: by the youngest record of it, and what was written since."""
    producers, since = Producers(), 0
    for number in range(len(segments) - 1, 0, -1):
        try:
            producers = Producers.decode(segments[number].producers_path.read_bytes())
        except (OSError, ValueError, TypeError):
            continue
        since = number
        break
    for segment in segments[since:]:
        _each_batch(segment, producers)
    return producers


def _each_batch(segment: LogSegment, producers: Producers, at_once: int = 1 << 20) -> None:
    record: Callable[..., None] = producers.record
    at = 0
    while at < segment.size:
        data = segment.read(at, at_once)
        begin = at
        for position, batch in walk(data):
            record(batch)
            at = begin + position + batch.size
        if at == begin:  # a batch that is larger than what was read
            head = header(segment.read(at, 64))
            if head is None:
                return
            record(head)
            at += head.size
