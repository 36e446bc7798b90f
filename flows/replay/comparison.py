"""A recorded run against its replay: are the decisions identical, and what did each trade come to in both?

The first record that differs is told with what it rests on: the journal event, as both have it, and the spans of the
decision that differ. The difference of the money is told trade by trade: round trips of both runs, matched by strategy,
market, outcome and opening.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile, zip_longest
from pathlib import Path
from typing import Final

import msgspec

from connectors.archive.reader import ArchiveReader
from flows.replay.verify import Difference, Divergence, differences_of
from flows.report.round_trips import Trip, round_trips
from models.contracts import Decision, Fill, Outcome
from models.message import Stored
from models.topics import DECISIONS, DIGESTED, FILLS, JOURNAL, OUTCOMES

ALL: Final = -1  # instead of a journal number
_COMPARED: Final = (JOURNAL, *DIGESTED, OUTCOMES)


class SpanDifference(msgspec.Struct, frozen=True):
    """A module's span as JSON in both runs; "" where one of them has none."""

    module: str
    recorded: str
    replayed: str


class FirstDifference(msgspec.Struct, frozen=True):
    """The first record that differs, in the order of the journal, and what it rests on. ``recorded_event`` and
    ``replayed_event``: the journal event ``journal`` as both have it, JSON, "" where one has none; ``inputs``: the
    fields in which these differ. ``decision``: id of the decision whose ``spans`` are compared."""

    journal: int
    where: Divergence
    recorded_event: str
    replayed_event: str
    inputs: list[Difference]
    decision: str
    spans: list[SpanDifference]


class TradeDifference(msgspec.Struct, frozen=True):
    """A round trip in both runs. ``live`` and ``replay``: what it came to after fees, micro-dollars; of an open one
    what went in and out so far; None where a run has no such round trip."""

    strategy: str
    market: str
    outcome: str
    opened: int
    live: int | None
    replay: int | None

    @property
    def difference(self) -> int:
        """Replay less live, micro-dollars."""
        return (self.replay or 0) - (self.live or 0)


class ReplayComparison(msgspec.Struct, frozen=True):
    """``journal``: number of the last journal event of which all that followed was compared, -1 for all.
    Decisions: how many the recording has, how many of these the replay has alike. ``trades``: those that differ. Money
    in micro-dollars.
    ``lacking``: what the recording itself lacks, one sentence each."""

    identical: bool
    journal: int
    decisions: int
    identical_decisions: int
    first: FirstDifference | None
    round_trips: int
    live_net: int
    replay_net: int
    trades: list[TradeDifference]
    lacking: list[str] = []


class _Placed(msgspec.Struct, frozen=True):
    """The journal number of a record: of an event its own."""

    journal: int = -1
    seq: int = -1

    @property
    def number(self) -> int:
        return max(self.journal, self.seq)


_placed: Final = msgspec.json.Decoder(_Placed)


def compare_runs(recorded: Path, replayed: Path, last: int = ALL) -> ReplayComparison:
    """Compare two archives of journals, decisions, orders, fills, ledgers and outcomes up to the journal number
    ``last``. What the recording does not have yet of one of them is no difference: it is compared as far as it goes."""
    ours, theirs = ArchiveReader(recorded), ArchiveReader(replayed)
    found: list[tuple[int, int, Divergence]] = []
    decisions = alike = 0
    whole = last  # up to here the recording has all that its feeds allow
    for rank, topic in enumerate(_COMPARED):
        different: Divergence | None = None
        for one, two in zip_longest(_until(ours, topic, last), _until(theirs, topic, last)):
            if one is None:
                assert two is not None
                before = _number(two) - 1
                whole = before if whole == ALL else min(whole, before)
                break
            same = two is not None and one.value == two.value
            decisions += topic == DECISIONS
            alike += topic == DECISIONS and same
            if not same and different is None:
                other = two.value if two is not None else b""
                text = other.decode("utf-8", "backslashreplace")
                differences = differences_of(one.value, other)
                different = Divergence(topic, one.offset, one.value.decode("utf-8", "replace"), text, differences)
                found.append((_number(one), rank, different))
            if different is not None and topic != DECISIONS:
                break
    first = min(found, key=lambda each: each[:2], default=None)
    live, replay = _trips(ours, whole), _trips(theirs, whole)
    trades = [
        TradeDifference(*key, _net(live.get(key)), _net(replay.get(key)))
        for key in sorted(live.keys() | replay.keys(), key=lambda key: (key[3], key))
    ]
    return ReplayComparison(
        identical=first is None,
        journal=whole,
        decisions=decisions,
        identical_decisions=alike,
        first=None if first is None else _explained(ours, theirs, first[0], first[2]),
        round_trips=len(live),
        live_net=_total(each.live for each in trades),
        replay_net=_total(each.replay for each in trades),
        trades=[each for each in trades if each.live != each.replay],
    )


def _until(reader: ArchiveReader, topic: str, last: int) -> Iterator[Stored]:
    records = reader.read(topic)
    return records if last == ALL else takewhile(lambda each: _number(each) <= last, records)


def _number(record: Stored) -> int:
    return _placed.decode(record.value).number


def _explained(ours: ArchiveReader, theirs: ArchiveReader, number: int, where: Divergence) -> FirstDifference:
    events = [_event(reader, number) for reader in (ours, theirs)]
    name = _decision_of(where.recorded) or _decision_of(where.replayed)
    spans = [_spans(reader, name, number) for reader in (ours, theirs)] if name else [{}, {}]
    return FirstDifference(
        journal=number,
        where=where,
        recorded_event=events[0],
        replayed_event=events[1],
        inputs=differences_of(events[0].encode(), events[1].encode()),
        decision=name,
        spans=[
            SpanDifference(module, spans[0].get(module, ""), spans[1].get(module, ""))
            for module in dict.fromkeys((*spans[0], *spans[1]))
            if spans[0].get(module) != spans[1].get(module)
        ],
    )


def _event(reader: ArchiveReader, number: int) -> str:
    """The journal event of that number, "" for none. Offsets are its number at least: Kafka has what came twice."""
    for record in reader.read(JOURNAL):
        found = _number(record)
        if found == number:
            return record.value.decode("utf-8", "backslashreplace")
        if found > number:
            break
    return ""


class _Named(msgspec.Struct, frozen=True):
    id: str = ""
    decision: str = ""
    spans: list[object] | None = None


def _decision_of(text: str) -> str:
    """The id of the decision that a record is, or came of; "" for a journal event or posting."""
    try:
        row = msgspec.json.decode(text or "{}", type=_Named)
    except msgspec.MsgspecError:
        return ""
    return row.decision or (row.id if row.spans is not None else "")


def _spans(reader: ArchiveReader, name: str, number: int) -> dict[str, str]:
    """A decision's spans as JSON by module."""
    for record in reader.read(DECISIONS):
        decision = Decision.read(record.value)
        if decision.id == name:
            return {span.module: msgspec.json.encode(span).decode() for span in decision.spans}
        if decision.journal > number:
            break
    return {}


Key = tuple[str, str, str, int]


def _trips(reader: ArchiveReader, last: int) -> dict[Key, Trip]:
    """Round trips, closed and open, by strategy, market, outcome and opening."""
    closed, standing = round_trips(
        (Fill.read(each.value) for each in _until(reader, FILLS, last)),
        (Outcome.read(each.value) for each in _until(reader, OUTCOMES, last)),
    )
    return {(trip.strategy, trip.market, trip.outcome, trip.opened): trip for trip in (*closed, *standing)}


def _net(trip: Trip | None) -> int | None:
    return None if trip is None else trip.net


def _total(nets: Iterable[int | None]) -> int:
    total = 0
    for net in nets:
        total += net or 0
    return total
