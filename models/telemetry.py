"""Telemetry as records: what a flow or process says of its modules, and what a reader makes of it.

A writer keeps counters that only grow, and tells what they gained since its last record (``Changes``). A reader adds
that up again (``Totals``). So that one who comes late need not read everything, one record of ``STANDING_EVERY`` also
states every module whole.

>>> changes = Changes("trading", "trading")
>>> first = changes.record(5, 1_000_000_000, [ModuleState("gate.spread", "running", {"pass:ok": 3}, "ok", {})])
>>> second = changes.record(6, 1_000_000_000, [ModuleState("gate.spread", "running", {"pass:ok": 5}, "ok", {})])
>>> second.modules[0].counts
{'pass:ok': 2}
>>> totals = Totals()
>>> _ = totals.take(first), totals.take(second)
>>> totals.modules["gate.spread"].counts
{'pass:ok': 5}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from models.contracts import ModuleTelemetry, Number, Status, Telemetry
from models.message import Message
from models.topics import TELEMETRY

#: Records of one source between two that state every module whole.
STANDING_EVERY: Final = 60


class ModuleState(NamedTuple):
    """A module at a moment: ``counts`` since its beginning, by ``verdict:reason`` or another name."""

    module: str
    status: Status
    counts: dict[str, int]
    last_reason: str
    gauges: dict[str, Number]


class Changes(msgspec.Struct):
    """Makes a source's records: each says what changed since the one before it. ``producer`` names them uniquely."""

    source: str
    producer: str
    ordinal: int = 0
    last: dict[str, ModuleTelemetry] = {}

    def record(self, t: int, interval: int, states: Iterable[ModuleState], whole: bool = False) -> Telemetry:
        """The record of event time ``t`` (Unix ns); the next one is due ``interval`` ns later. ``whole``: states
        everything, as the last record of a run does."""
        modules: list[ModuleTelemetry] = []
        resting: list[str] = []
        for name, status, counts, reason, gauges in states:
            before = self.last.get(name)
            now = ModuleTelemetry(name, status, dict(counts), reason, gauges)
            if before == now:
                resting.append(name)
                continue
            gained = counts if before is None else _gains(before.counts, counts)
            modules.append(ModuleTelemetry(name, status, dict(gained), reason, gauges))
            self.last[name] = now
        standing = list(self.last.values()) if whole or self.ordinal % STANDING_EVERY == 0 else []
        record = Telemetry(f"{self.producer}-{self.ordinal}", t, self.source, interval, modules, resting, standing)
        self.ordinal += 1
        return record

    def message(self, t: int, interval: int, states: Iterable[ModuleState], whole: bool = False) -> Message:
        """``record`` as it is written to the topic: under its source, numbered for its producer."""
        ordinal = self.ordinal
        record = self.record(t, interval, states, whole)
        return Message(TELEMETRY, self.source, record.canonical(), t, self.producer, ordinal)


def _gains(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in now.items() if count != before.get(name, 0)}


class ModuleTotals(msgspec.Struct):
    """A module as its source's records have it. ``heartbeat``: event time of the last that named it, Unix ns;
    ``interval``: ns until the next is due. ``whole``: ``counts`` are since the beginning; before a record stated that,
    they are what was heard."""

    module: str
    source: str
    status: Status
    counts: dict[str, int]
    last_reason: str
    gauges: dict[str, Number]
    heartbeat: int
    interval: int
    whole: bool


class Totals:
    """Adds the records up. ``modules``: every module that was ever named."""

    def __init__(self) -> None:
        self.modules: dict[str, ModuleTotals] = {}

    def take(self, record: Telemetry) -> None:
        """Add a record."""
        for each in record.modules:
            known = self.modules.get(each.module)
            counts = dict(known.counts) if known is not None else {}
            for name, gained in each.counts.items():
                counts[name] = counts.get(name, 0) + gained
            self._set(record, each, counts, known is not None and known.whole)
        for each in record.standing:
            self._set(record, each, dict(each.counts), True)
        for name in record.resting:
            known = self.modules.get(name)
            if known is not None:
                known.heartbeat, known.interval = record.timestamp, record.interval

    def forget(self, module: str) -> None:
        """Make room: the module is not known any more."""
        self.modules.pop(module, None)

    def _set(self, record: Telemetry, each: ModuleTelemetry, counts: dict[str, int], whole: bool) -> None:
        self.modules[each.module] = ModuleTotals(
            each.module,
            record.source,
            each.status,
            counts,
            each.last_reason,
            each.gauges,
            record.timestamp,
            record.interval,
            whole,
        )


def totals_of(records: Iterable[Any]) -> dict[str, ModuleTotals]:
    """Every module after these telemetry records (bytes in ``value``)."""
    totals = Totals()
    for record in records:
        totals.take(Telemetry.read(record.value))
    return totals.modules
