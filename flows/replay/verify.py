"""Does a replay equal what was recorded? Record by record, and where it first does not."""

from __future__ import annotations

import json
from itertools import zip_longest
from pathlib import Path

import msgspec

from connectors.archive.reader import ArchiveReader
from flows.replay.shortfalls import shortfalls
from models.topics import DIGESTED, JOURNAL


class Difference(msgspec.Struct, frozen=True):
    """A field that differs, as ``spans.2.numbers.edge``, with both values as JSON; "nothing" where one lacks it."""

    field: str
    recorded: str
    replayed: str


class Divergence(msgspec.Struct, frozen=True):
    """The first record that differs; one of the two is empty where only the other has a record there.
    ``differences``: field by field, where both are JSON objects."""

    topic: str
    offset: int
    recorded: str
    replayed: str
    differences: list[Difference] = []


class Verification(msgspec.Struct, frozen=True):
    """``compared``: equal records by topic. ``missing``: records the replay has beyond the recording's end, by topic
    (a run that was stopped before its flows had caught up records less than its feeds allow). ``lacking``: what the
    recording lacks, one sentence each: a run saw what is missing there, and its replay does not."""

    identical: bool
    compared: dict[str, int]
    missing: dict[str, int]
    divergence: Divergence | None
    lacking: list[str] = []


def compare(recorded: Path, replayed: Path, with_journal: bool) -> Verification:
    """Compare two archives' journals (if ``with_journal``), decisions, orders, fills and ledgers."""
    ours, theirs = ArchiveReader(recorded), ArchiveReader(replayed)
    lacking = shortfalls(recorded)
    compared: dict[str, int] = {}
    missing: dict[str, int] = {}
    for topic in (JOURNAL, *DIGESTED) if with_journal else DIGESTED:
        equal = beyond = 0
        for one, two in zip_longest(ours.read(topic), theirs.read(topic)):
            if one is None:
                beyond += 1
            elif two is None or one.value != two.value:
                other = two.value if two is not None else b""
                differences = differences_of(one.value, other)
                divergence = Divergence(topic, one.offset, _text(one.value), _text(other), differences)
                return Verification(False, compared, missing, divergence, lacking)
            else:
                equal += 1
        compared[topic] = equal
        if beyond:
            missing[topic] = beyond
    return Verification(True, compared, missing, None, lacking)


def differences_of(recorded: bytes, replayed: bytes) -> list[Difference]:
    """The fields in which two JSON records differ, in order; empty where one of them is no JSON."""
    try:
        one, two = json.loads(recorded), json.loads(replayed)
    except ValueError:
        return []
    found: list[Difference] = []
    _compare("", one, two, found)
    return found


def _compare(path: str, one: object, two: object, found: list[Difference]) -> None:
    if isinstance(one, dict) and isinstance(two, dict):
        for key in (*one, *(key for key in two if key not in one)):
            _compare(f"{path}.{key}" if path else key, one.get(key, _NOTHING), two.get(key, _NOTHING), found)
    elif isinstance(one, list) and isinstance(two, list):
        for number in range(max(len(one), len(two))):
            left = one[number] if number < len(one) else _NOTHING
            _compare(f"{path}.{number}", left, two[number] if number < len(two) else _NOTHING, found)
    elif one != two or type(one) is not type(two):
        found.append(Difference(path, _reported(one), _reported(two)))


class _Nothing:
    """Where one of two records has no such field."""


_NOTHING = _Nothing()


def _reported(value: object) -> str:
    return "nothing" if isinstance(value, _Nothing) else json.dumps(value)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
