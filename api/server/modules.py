"""The modules as their telemetry has them: status, counts, rates, and which of them is not there.

Told the time in seconds of a monotonic clock. Ages are judged by when something came, never by the event time in it,
which runs faster than real time in a simulation and slower in a slow replay.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from api.server import formats
from api.server.catalogue import ROOMS, place_of, room_of
from api.server.presenting import meaning_of
from api.server.telling import tell
from api.server.views import ModuleView, RoomView, Status
from models.contracts import Telemetry
from models.reasons import Verdict

#: Every process sends its telemetry once a second; one whose rows are this late is offline, and all its modules are.
DUE_S: Final = 1.0
GRACE_S: Final = 3.0
MOST_MODULES: Final = 500
CHIEF: Final = "portfolio"
#: Producers whose rows come seldom, with the one that beats for their process.
_BEATS_FOR: Final = {"health": "market"}
_RATE_WINDOWS: Final = (10.0, 60.0)
_SHORTEST_S: Final = 1.0  # a rate over less than this says nothing
_SAMPLE_S: Final = 0.5  # rows that come faster, as in a simulation at many times real time, need no sample each
_VERDICTS: Final = frozenset(Verdict)
_WORST: Final = ("offline", "missing", "degraded", "ended", "online")
_DEGRADED: Final = frozenset({"starting", "waiting", "warning"})


class Module:
    """The last row of a module, when it came, and what its counters gained over the last minute."""

    __slots__ = ("before", "came", "gained", "producer", "row", "samples", "total")

    def __init__(self, row: Telemetry, producer: str, now: float) -> None:
        self.row = self.before = row
        self.producer = producer
        self.came = now
        self.total = activity(row) or 0
        self.gained = 0
        self.samples: deque[tuple[float, int]] = deque([(now, 0)])

    def take(self, row: Telemetry, producer: str, now: float, backlog: bool) -> None:
        total = activity(row) or 0
        if not backlog:
            # Counters start anew with their process: a fall is no negative rate.
            self.gained += max(total - self.total, 0)
            if now - self.samples[-1][0] >= _SAMPLE_S:
                self.samples.append((now, self.gained))
            while len(self.samples) > 2 and self.samples[1][0] <= now - _RATE_WINDOWS[-1]:
                self.samples.popleft()
        if row.timestamp > self.row.timestamp:
            self.before = self.row
        self.row, self.came, self.total, self.producer = row, now, total, producer

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

    def as_of(self, t: int) -> Telemetry | None:
        """The row that stood at the event time ``t`` (Unix ns), where it is still known."""
        return next((row for row in (self.row, self.before) if row.timestamp <= t), None)


class Modules:
    """``take`` rows; ask for views. ``expected``: names of the catalogue. ``ended``: the run is over, nobody owes a
    heartbeat."""

    def __init__(self) -> None:
        self.known: dict[str, Module] = {}
        self.expected: tuple[str, ...] = ()
        self.ended = False
        self._producers: dict[str, float] = {}
        self._beats: deque[int] = deque(maxlen=2)

    def take(self, row: Telemetry, producer: str, now: float, backlog: bool) -> None:
        producer = _BEATS_FOR.get(producer, producer)
        self._producers[producer or row.module] = now
        module = self.known.get(row.module)
        if row.module == CHIEF and (not self._beats or row.timestamp > self._beats[-1]):
            self._beats.append(row.timestamp)
        if module is not None:
            module.take(row, producer, now, backlog)
            return
        if len(self.known) >= MOST_MODULES:
            del self.known[min(self.known, key=lambda name: self.known[name].came)]
        self.known[row.module] = Module(row, producer, now)
        if len(self._producers) > 4 * MOST_MODULES:
            live = {each.producer or name for name, each in self.known.items()}
            self._producers = {name: at for name, at in self._producers.items() if name in live}

    @property
    def beat(self) -> int:
        """Event time (Unix ns) of the newest second of the trading flow that is known whole; 0 for none."""
        return self._beats[0] if len(self._beats) == 2 else 0

    def age(self, name: str, now: float) -> float:
        """Seconds since the module gave a sign of life: its process sends all rows of a second together."""
        kept = self.known[name]
        return now - max(kept.came, self._producers.get(kept.producer or name, kept.came))

    def status(self, name: str, now: float) -> Status:
        kept = self.known.get(name)
        if kept is None:
            return "missing"
        reported = kept.row.status
        if reported == "stopped" or self.ended:
            return "ended"
        if reported == "failed":
            return "offline"
        if self.age(name, now) > DUE_S + GRACE_S:
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
            time=formats.iso(row.timestamp),
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
            gauges_text=tell(row.timestamp, row.gauges),
        )

    def views(self, now: float) -> list[ModuleView]:
        return [self.view(name, now) for name in self.names()]

    def rooms(self, now: float) -> list[RoomView]:
        """The line as a picture: a room each, the worst of its modules in front."""
        inside: dict[str, list[ModuleView]] = {}
        for view in self.views(now):
            inside.setdefault(view.room, []).append(view)
        return [_room(room.id, room.title, inside[room.id]) for room in ROOMS if room.id in inside]


def activity(row: Telemetry) -> int | None:
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


def _state(row: Telemetry, status: Status) -> str:
    stated = row.gauges.get("state")
    if isinstance(stated, str) and status not in ("offline", "ended"):
        return stated
    return stated if status == "offline" and stated == "down" else str(status)


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 2)
