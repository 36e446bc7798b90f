"""Does a replay equal what was recorded? Record by record, and where it first does not."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import msgspec

from connectors.archive.reader import ArchiveReader
from models.topics import DIGESTED, JOURNAL


class Divergence(msgspec.Struct, frozen=True):
    """The first record that differs; one of the two is empty where only the other has a record there."""

    topic: str
    offset: int
    recorded: str
    replayed: str


class Verification(msgspec.Struct, frozen=True):
    """``compared``: equal records by topic. ``missing``: records the replay has beyond the recording's end, by topic
    (a run that was stopped before its flows had caught up records less than its feeds allow)."""

    identical: bool
    compared: dict[str, int]
    missing: dict[str, int]
    divergence: Divergence | None


def compare(recorded: Path, replayed: Path, with_journal: bool) -> Verification:
    """Compare two archives' journals (if ``with_journal``), decisions, orders, fills and ledgers."""
    ours, theirs = ArchiveReader(recorded), ArchiveReader(replayed)
    compared: dict[str, int] = {}
    missing: dict[str, int] = {}
    for topic in (JOURNAL, *DIGESTED) if with_journal else DIGESTED:
        equal = beyond = 0
        for one, two in zip_longest(ours.read(topic), theirs.read(topic)):
            if one is None:
                beyond += 1
            elif two is None or one.value != two.value:
                divergence = Divergence(topic, one.offset, _text(one.value), _text(two.value) if two else "")
                return Verification(False, compared, missing, divergence)
            else:
                equal += 1
        compared[topic] = equal
        if beyond:
            missing[topic] = beyond
    return Verification(True, compared, missing, None)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
