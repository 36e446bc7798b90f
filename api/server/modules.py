"""The modules as their telemetry has them: status, counts, rates, and which of them is not there.

Told the time in seconds of a monotonic clock. Ages are judged by when something came, never by the event time in it,
which runs faster than real time in a simulation and slower in a slow replay.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

import msgspec

from api.server import formats
from api.server.catalogue import ROOMS, place_of, room_of
from api.server.presenting import meaning_of
from api.server.telling import tell
from api.server.views.health import ModuleView, RoomView
from api.server.views.units import Status
from models.contracts import Telemetry
from models.reasons import Verdict
from models.telemetry import ModuleTotals, Totals
from models.timestamps import SECOND

#: A source says when its next record is due, at least this often; one whose record is this late is offline, and all its
#: modules are.
DUE_S: Final = 1.0
GRACE_S: Final = 3.0
MOST_MODULES: Final = 500
CHIEF: Final = "portfolio"
_RATE_WINDOWS: Final = (10.0, 60.0)
_SHORTEST_S: Final = 1.0  # a rate over less than this says nothing
_SAMPLE_S: Final = 0.5  # rows that come faster, as in a simulation at many times real time, need no sample each
_VERDICTS: Final = frozenset(Verdict)
_WORST: Final = ("offline", "missing", "degraded", "ended", "online")
_DEGRADED: Final = frozenset({"starting", "waiting", "warning"})


class Module:
    """What is known of a module, when it was heard of, and what its counters gained over the last minute."""

    __slots__ = ("before", "came", "gained", "row", "samples", "total")

    def __init__(self, row: ModuleTotals, now: float) -> None:
        self.row = self.before = row
        self.came = now
        self.total = activity(row) or 0
        self.gained = 0
        self.samples: deque[tuple[float, int]] = deque([(now, 0)])

    @property
    def producer(self) -> str:
        return self.row.source

    def take(self, row: ModuleTotals, now: float, backlog: bool) -> None:
        total = activity(row) or 0
        if not backlog and row.whole == self.row.whole:
            # Counters start anew with their process: a fall is no negative rate.
            self.gained += max(total - self.total, 0)
            if now - self.samples[-1][0] >= _SAMPLE_S:
                self.samples.append((now, self.gained))
            while len(self.samples) > 2 and self.samples[1][0] <= now - _RATE_WINDOWS[-1]:
                self.samples.popleft()
        if row.heartbeat > self.row.heartbeat:
            self.before = self.row
        self.row, self.came, self.total = row, now, total

    def rate(self, now: float, window_s: float) -> float | None:
        """Gains a second since the last row before the window began, or since the first row that is known. None for a
        module that counts nothing, and while too little is known."""
        if activity(self.row) is None:
            return None
        first = self.samples[0]
        for sample in self.samples:
            if sample[0] > now - window_s:
                break
            first = sample
        span = now - first[0]
        return None if span < _SHORTEST_S else (self.gained - first[1]) / span

    def as_of(self, t: int) -> ModuleTotals | None:
        """The row that stood at the event time ``t`` (Unix ns), where it is still known."""
        return next((row for row in (self.row, self.before) if row.heartbeat <= t), None)


class Modules:
    """``take`` rows; ask for views. ``expected``: names of the catalogue. ``ended``: the run is over, nobody owes a
    heartbeat."""

    def __init__(self) -> None:
        self.known: dict[str, Module] = {}
        self.expected: tuple[str, ...] = ()
        self.ended = False
        self._totals = Totals()
        self._beat = 0

    def take(self, record: Telemetry, now: float, backlog: bool) -> None:
        """All modules that the record names are alive. One that rests is not known before a record has stated it."""
        self._totals.take(record)
        for name in record.named():
            totals = self._totals.modules.get(name)
            if totals is None:
                continue
            row = msgspec.structs.replace(totals)  # as it is now: the totals go on
            if name == CHIEF:
                self._beat = max(self._beat, row.heartbeat)
            module = self.known.get(name)
            if module is not None:
                module.take(row, now, backlog)
                continue
            if len(self.known) >= MOST_MODULES:
                gone = min(self.known, key=lambda each: self.known[each].came)
                del self.known[gone]
                self._totals.forget(gone)
            self.known[name] = Module(row, now)

    @property
    def beat(self) -> int:
        """Event time (Unix ns) of the newest second of the trading flow: one record has all its modules."""
        return self._beat

    def age(self, name: str, now: float) -> float:
        """Seconds since a record of its source named the module."""
        return now - self.known[name].came

    def status(self, name: str, now: float) -> Status:
        kept = self.known.get(name)
        if kept is None:
            return "missing"
        reported = kept.row.status
        if reported == "stopped" or self.ended:
            return "ended"
        if reported == "failed":
            return "offline"
        if self.age(name, now) > max(DUE_S, kept.row.interval / SECOND) + GRACE_S:
            return "offline"
        state = kept.row.gauges.get("state")
        if state == "down":
            return "offline"
        return "degraded" if reported in _DEGRADED or state in ("degraded", "stale") else "online"

    def names(self) -> list[str]:
        """Every module there is or should be, in the order of the line."""
        return sorted({*self.known, *self.expected}, key=place_of)

    def view(self, name: str, now: float) -> ModuleView:
        room = room_of(name)
        status = self.status(name, now)
        kept = self.known.get(name)
        if kept is None:
            return ModuleView(
                module=name, group=room.group, room=room.id, status="missing", state="missing", reported="", time="",
                heartbeat="", age_s=None, passed=0, held=0, blocked=0, counts={}, counters={}, rate_10s=None,
                rate_60s=None, last_reason="", meaning="it is in the catalogue and has never reported", gauges={},
                gauges_text="",
            )  # fmt: skip
        row = kept.row
        verdicts, counts, counters = split(row.counts)
        return ModuleView(
            module=name,
            group=room.group,
            room=room.id,
            status=status,
            state=_state(row, status),
            reported=row.status,
            time=formats.iso(row.heartbeat),
            heartbeat=formats.iso(row.heartbeat),
            age_s=round(self.age(name, now), 3),
            passed=verdicts[Verdict.PASS],
            held=verdicts[Verdict.HOLD],
            blocked=verdicts[Verdict.BLOCK],
            counts=counts,
            counters=counters,
            rate_10s=_rounded(kept.rate(now, _RATE_WINDOWS[0])),
            rate_60s=_rounded(kept.rate(now, _RATE_WINDOWS[1])),
            last_reason=row.last_reason,
            meaning=meaning_of(row.last_reason),
            gauges=row.gauges,
            gauges_text=tell(row.heartbeat, row.gauges),
        )

    def views(self, now: float) -> list[ModuleView]:
        return [self.view(name, now) for name in self.names()]

    def rooms(self, now: float) -> list[RoomView]:
        """The line as a picture: a room each, the worst of its modules in front."""
        inside: dict[str, list[ModuleView]] = {}
        for view in self.views(now):
            inside.setdefault(view.room, []).append(view)
        return [_room(room.id, room.title, inside[room.id]) for room in ROOMS if room.id in inside]


def activity(row: ModuleTotals) -> int | None:
    """What a module's rate is the rate of: its verdicts, else the frames it received; None where it counts neither."""
    verdicts, counts, _ = split(row.counts)
    return sum(verdicts.values()) if counts else row.counts.get("frames")


def split(counted: dict[str, int]) -> tuple[Counter[str], dict[str, int], dict[str, int]]:
    """Sums by verdict, the counts by ``verdict:reason``, and the counts that are no verdicts."""
    verdicts: Counter[str] = Counter()
    counts: dict[str, int] = {}
    counters: dict[str, int] = {}
    for key, count in counted.items():
        verdict, colon, _ = key.partition(":")
        if colon and verdict in _VERDICTS:
            verdicts[verdict] += count
            counts[key] = count
        else:
            counters[key] = count
    return verdicts, counts, counters


def _room(room: str, title: str, inside: Iterable[ModuleView]) -> RoomView:
    views = sorted(inside, key=lambda view: _WORST.index(view.status))
    worst = views[0]
    rates = [view.rate_10s for view in views if view.rate_10s is not None]
    ages = [view.age_s for view in views if view.age_s is not None]
    newest = max(views, key=lambda view: (bool(view.counts) or bool(view.last_reason), view.time))
    said = f"{newest.last_reason}: {newest.meaning}" if newest.meaning else newest.last_reason
    if worst.status not in ("online", "ended"):
        said = said_of(worst)
    return RoomView(
        room=room,
        title=title,
        status=worst.status,
        modules=len(views),
        heartbeat_age_s=max(ages, default=None),
        rate_per_s=round(sum(rates), 2) if rates else None,
        passed=sum(view.passed for view in views),
        held=sum(view.held for view in views),
        blocked=sum(view.blocked for view in views),
        last_reason=newest.last_reason,
        said=said,
    )


def said_of(view: ModuleView) -> str:
    """What is wrong with a module, in one line."""
    if view.status == "missing":
        return f"{view.module} has never reported"
    why = f": {view.meaning or view.last_reason}" if view.last_reason and view.last_reason != "ok" else ""
    if view.status == "offline" and view.reported not in ("failed",) and view.state != "down":
        return f"{view.module} has not reported for {view.age_s or 0.0:.0f} s"
    return f"{view.module} is {view.state}{why}"


def _state(row: ModuleTotals, status: Status) -> str:
    stated = row.gauges.get("state")
    if isinstance(stated, str) and status not in ("offline", "ended"):
        return stated
    return stated if status == "offline" and stated == "down" else str(status)


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 2)
