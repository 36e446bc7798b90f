"""The board: what is known now of modules, decisions, orders, fills and quality, from the output topics alone.

A pure class: it is given the time (seconds of a monotonic clock) and given records. Ages are judged by when a row came,
never by the event time in it, which runs faster than real time in a simulation and slower in a slow replay. Records
that a flow wrote again after a crash are known by their ordinals and are dropped.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

import msgspec

from api.server.rows import RecentRows
from api.server.telling import tell
from api.server.views import HealthView, ModuleView, QualityView, Status
from models.contracts import (
    CONTRACTS,
    DeadLetter,
    Decision,
    Fill,
    Order,
    Outcome,
    Quality,
    Scan,
    Telemetry,
)
from models.message import Stored
from models.reasons import Verdict
from models.record import Record
from models.telemetry import ModuleTotals, Totals

#: A module whose last row came longer ago than this is silent. Resting modules send every ten seconds.
SILENT_S: Final = 15.0
MOST_ROWS: Final = 500
MOST_MODULES: Final = 500
MOST_SCANS: Final = 500
_RATE_WINDOWS: Final = (10.0, 60.0)
_SHORTEST_S: Final = 1.0  # a rate over less than this says nothing
_SAMPLE_S: Final = 0.5  # rows that come faster, as in a simulation at many times real time, need no sample each
_VERDICTS: Final = frozenset(Verdict)
_INTEGRITY: Final = "integrity."
_DATA_GATE: Final = "data_gate."

#: Event types of the stream by topic; scans are too many for it.
STREAMED: Final = {
    "telemetry": "telemetry",
    "decisions": "decision",
    "orders": "order",
    "fills": "fill",
    "outcomes": "outcome",
    "quality": "quality",
}
_GROUPS: Final = (
    ("feeds", ("feed.",)),
    ("connections", ("connection.", "door.", "recorder", "simulator", "player")),
    ("integrity", ("integrity.", "journal")),
    ("data gates", ("data_gate.",)),
    ("features and strategies", ("features", "strategy.")),
    ("gates and sizing", ("gate.", "sizing")),
    ("execution and settlement", ("execution", "exits", "settlement", "reconciliation", "portfolio")),
)
_REST: Final = "flows and processes"
GROUPS: Final = (*(name for name, _ in _GROUPS), _REST)


class _Module:
    """The last row of a module, when it came, and what its counters gained over the last minute."""

    __slots__ = ("came", "gained", "row", "samples", "total", "whole")

    def __init__(self, row: ModuleTotals, now: float) -> None:
        self.row = row
        self.whole = row.whole
        self.came = now
        self.total = _activity(row) or 0
        self.gained = 0
        self.samples: deque[tuple[float, int]] = deque([(now, 0)])

    def take(self, row: ModuleTotals, now: float, backlog: bool) -> None:
        total = _activity(row) or 0
        if not backlog and row.whole == self.whole:
            # Counters start anew with their process: a fall is no negative rate.
            self.gained += max(total - self.total, 0)
            if now - self.samples[-1][0] >= _SAMPLE_S:
                self.samples.append((now, self.gained))
            while len(self.samples) > 2 and self.samples[1][0] <= now - _RATE_WINDOWS[-1]:
                self.samples.popleft()
        self.row, self.came, self.total, self.whole = row, now, total, row.whole

    def rate(self, now: float, window_s: float) -> float | None:
        """Gains a second since the last row before the window began, or since the first row that is known. None for a
        module that counts nothing, and while too little is known."""
        if _activity(self.row) is None:
            return None
        first = self.samples[0]
        for sample in self.samples:
            if sample[0] > now - window_s:
                break
            first = sample
        span = now - first[0]
        return None if span < _SHORTEST_S else (self.gained - first[1]) / span


class Board:
    """``take`` the records, ask for views."""

    def __init__(self, now: float) -> None:
        self._started = now
        self._totals = Totals()
        self._modules: dict[str, _Module] = {}
        # Refusals are kept apart: they are many, and must not push out what was done.
        self._actions = RecentRows(Decision, MOST_ROWS)
        self._refusals = RecentRows(Decision, MOST_ROWS)
        self._decided = 0
        self._orders = RecentRows(Order, MOST_ROWS)
        self._fills = RecentRows(Fill, MOST_ROWS)
        self._outcomes = RecentRows(Outcome, MOST_ROWS)
        self._dead = RecentRows(DeadLetter, MOST_ROWS)
        self._scans: dict[tuple[str, str], bytes] = {}
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}  # (feed, reason) -> (window end, count)
        self._ordinals: dict[tuple[str, str], int] = {}
        self._unreadable: Counter[str] = Counter()
        self._dead_letters = 0
        self.kafka = "connecting"  # "connected", or what is wrong

    def take(self, stored: Stored, now: float, backlog: bool = False) -> Record | None:
        """Note a record; returns it parsed, None when it is known already or no record of its contract.

        ``backlog``: it was written before the server started, so that its coming says nothing of rates."""
        if stored.producer:
            key = (stored.topic, stored.producer)
            if stored.ordinal <= self._ordinals.get(key, -1):
                return None
            self._ordinals[key] = stored.ordinal
        try:
            record = CONTRACTS[stored.topic].read(stored.value)
        except (KeyError, msgspec.DecodeError):
            self._unreadable[stored.topic] += 1
            return None
        self._note(record, stored.value, now, backlog)
        return record

    def _note(self, record: Record, value: bytes, now: float, backlog: bool) -> None:
        match record:
            case Telemetry():
                self._totals.take(record)
                for name in record.named():
                    self._heard(name, now, backlog)
            case Decision():
                entry = self._refusals if record.action == "block" else self._actions
                entry.add(value, self._decided)
                self._decided += 1
            case Order():
                self._orders.add(value)
            case Fill():
                self._fills.add(value)
            case Outcome():
                self._outcomes.add(value)
            case DeadLetter():
                self._dead.add(value)
                self._dead_letters += 1
            case Scan():
                self._scans.pop((record.strategy, record.market_key), None)
                self._scans[(record.strategy, record.market_key)] = value
                if len(self._scans) > MOST_SCANS:
                    del self._scans[next(iter(self._scans))]
            case Quality():
                end, count = self._windows.get((record.feed, record.reason), (0, 0))
                count = record.count + (count if end == record.window_end else 0)
                self._windows[(record.feed, record.reason)] = (record.window_end, count)

    def _heard(self, name: str, now: float, backlog: bool) -> None:
        """A module is alive. One that rests is not known before a record has stated it."""
        row = self._totals.modules.get(name)
        if row is None:
            return
        module = self._modules.get(name)
        if module is not None:
            module.take(row, now, backlog)
            return
        if len(self._modules) >= MOST_MODULES:
            gone = min(self._modules, key=lambda each: self._modules[each].came)
            del self._modules[gone]
            self._totals.forget(gone)
        self._modules[name] = _Module(row, now)

    def module(self, name: str, now: float) -> ModuleView:
        """Raises KeyError for a module that never sent a row."""
        entry = self._modules[name]
        row = entry.row
        verdicts: Counter[str] = Counter()
        counts: dict[str, int] = {}
        counters: dict[str, int] = {}
        for key, count in row.counts.items():
            verdict, colon, _ = key.partition(":")
            if colon and verdict in _VERDICTS:
                verdicts[verdict] += count
                counts[key] = count
            else:
                counters[key] = count
        status = self._status(entry, now)
        return ModuleView(
            module=name,
            group=_group(name),
            status=status,
            state=_state(row, status),
            reported=row.status,
            timestamp=row.heartbeat,
            heartbeat=row.heartbeat,
            age_s=round(now - entry.came, 3),
            passed=verdicts[Verdict.PASS],
            held=verdicts[Verdict.HOLD],
            blocked=verdicts[Verdict.BLOCK],
            counts=counts,
            counters=counters,
            rate_10s=_rounded(entry.rate(now, _RATE_WINDOWS[0])),
            rate_60s=_rounded(entry.rate(now, _RATE_WINDOWS[1])),
            last_reason=row.last_reason,
            gauges=row.gauges,
            gauges_text=tell(row.heartbeat, row.gauges),
        )

    def modules(self, now: float) -> list[ModuleView]:
        """All modules, by group in the order of the journey, then by name."""
        views = [self.module(name, now) for name in self._modules]
        return sorted(views, key=lambda view: (GROUPS.index(view.group), view.module))

    @staticmethod
    def _status(entry: _Module, now: float) -> Status:
        if entry.row.status in ("stopped", "failed"):
            return entry.row.status  # its last word: it owes no heartbeat
        return "silent" if now - entry.came > SILENT_S else entry.row.status

    def decisions(self, limit: int, refusals: bool = True) -> list[Decision]:
        """The latest first; without ``refusals`` only what was done."""
        rows = [*self._actions.numbered(limit), *(self._refusals.numbered(limit) if refusals else ())]
        rows.sort(key=lambda row: row[0], reverse=True)
        return [decision for _, decision in rows[:limit]]

    def orders(self, limit: int) -> list[Order]:
        return self._orders.latest(limit)

    def fills(self, limit: int) -> list[Fill]:
        return self._fills.latest(limit)

    def outcomes(self, limit: int) -> list[Outcome]:
        return self._outcomes.latest(limit)

    def dead_letters(self, limit: int) -> list[DeadLetter]:
        return self._dead.latest(limit)

    def scans(self) -> list[Scan]:
        return [Scan.read(self._scans[key]) for key in sorted(self._scans)]

    def quality(self) -> list[QualityView]:
        """Findings by feed and reason, the most first."""
        totals: dict[tuple[str, str], int] = {}
        for name, module in self._modules.items():
            if name.startswith((_INTEGRITY, _DATA_GATE)):
                feed = "feed." + name.removeprefix(_INTEGRITY) if name.startswith(_INTEGRITY) else name
                for key, count in module.row.counts.items():
                    verdict, _, reason = key.partition(":")
                    if verdict == Verdict.BLOCK or (verdict == Verdict.HOLD and feed == name):
                        totals[(feed, reason)] = count
        views = []
        for feed, reason in sorted(totals.keys() | self._windows.keys()):
            end, window = self._windows.get((feed, reason), (0, 0))
            total = totals.get((feed, reason), 0)
            views.append(QualityView(feed=feed, reason=reason, total=total, window=window, window_end=end))
        return sorted(views, key=lambda view: (-view.total, view.feed, view.reason))

    def health(self, now: float) -> HealthView:
        """Well only if Kafka answers, telemetry comes, and no module is silent or failed."""
        wrong: list[str] = []
        warnings: list[str] = []
        if self.kafka != "connected":
            wrong.append(f"Kafka: {self.kafka}")
        if not self._modules:
            wrong.append("no module has sent telemetry yet")
        for name in sorted(self._modules):
            entry = self._modules[name]
            status = self._status(entry, now)
            if status == "silent":
                wrong.append(f"{name} has not reported for {now - entry.came:.0f} s (allowed: {SILENT_S:.0f} s)")
            elif status == "failed":
                wrong.append(f"{name}: failed: {entry.row.last_reason or 'no reason given'}")
            elif status in ("warning", "waiting", "stopped"):
                state = _state(entry.row, status)
                warnings.append(f"{name}: {state}: {entry.row.last_reason or 'no reason given'}")
        warnings.extend(f"{topic}: {count} unreadable records" for topic, count in sorted(self._unreadable.items()))
        return HealthView(
            status="unwell" if wrong else "ok",
            wrong=wrong,
            warnings=warnings,
            kafka=self.kafka,
            modules=len(self._modules),
            dead_letters=self._dead_letters,
            unreadable=dict(sorted(self._unreadable.items())),
            uptime_s=round(now - self._started, 3),
        )


def _activity(row: ModuleTotals) -> int | None:
    """What a module's rate is the rate of: its verdicts, else the frames it received; None where it counts neither."""
    total, verdicts = 0, False
    for key, count in row.counts.items():
        verdict, colon, _ = key.partition(":")
        if colon and verdict in _VERDICTS:
            total += count
            verdicts = True
    return total if verdicts else row.counts.get("frames")


def _state(row: ModuleTotals, status: Status) -> str:
    stated = row.gauges.get("state")
    return stated if isinstance(stated, str) and status == row.status else status


def _group(module: str) -> str:
    for group, prefixes in _GROUPS:
        if module.startswith(prefixes):
            return group
    return _REST


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 2)
