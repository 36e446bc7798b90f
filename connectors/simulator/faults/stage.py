"""The faults at work: between what the exchange says and what its clients are sent. Pure, seeded, without sockets.

The gateway asks the stage about every frame of every connection, and once a grid step what else is due. What is left
to chance is drawn from a generator for each fault, so that faults do not change each other's luck.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Any, Final, Literal

from connectors.clock import NS
from connectors.simulator.emission import Emission, Venue
from connectors.simulator.exchange import Exchange
from connectors.simulator.faults.conditions import Conditions, refuses
from connectors.simulator.faults.shows import Shows
from connectors.simulator.faults.spoil import foreign, spoilt
from connectors.simulator.faults.strokes import Log, Outgoing, Running, Targets
from connectors.simulator.faults.timeline import (
    AnyFault,
    AsStrings,
    Beside,
    BookFault,
    FieldLeftOut,
    FrameFault,
    NoFirstBook,
    OddNeighbour,
    OnceOfVenue,
    Oversized,
    ResolutionFault,
    RestStale,
    SequenceGap,
    TickChange,
    Timeline,
)
from connectors.simulator.faults.transport import CARRIED, Transport
from connectors.simulator.faults.truth import Injected, Session, Truth

DOOR_LIMIT: Final = 24 * 1024 * 1024
VENUES: Final[tuple[Venue, Venue]] = ("polymarket", "coinbase")
UNKNOWN: Final[dict[Venue, tuple[str, bytes]]] = {
    "polymarket": ("liquidity_rewards", b'{"event_type":"liquidity_rewards","market":"","rewards":[]}'),
    "coinbase": ("price_bands", b'[{"type":"update","bands":[]}]'),
}
_SPOILS = (FrameFault, FieldLeftOut, AsStrings, OddNeighbour, Oversized)


class FaultStage:
    """All faults of a timeline and those added by hand. ``idle`` while none is at work or to come."""

    def __init__(self, timeline: Timeline, core: Exchange, truth: Truth) -> None:
        self.timeline = timeline
        self.running: list[Running] = []
        self.refusing: frozenset[Venue] = frozenset()
        self.idle = not timeline.fault
        self._core = core
        self._start_ns = core.now_ns
        self._count = len(timeline.fault)
        self._coming = deque(sorted(enumerate(timeline.fault), key=lambda each: (each[1].at_s, each[0])))
        self._targets = Targets(core)
        self._log = Log(truth)
        self._transport = Transport(self._targets, self._log)
        self._shows = Shows(core, self._targets, self._log)
        self._conditions = Conditions(self._targets, self._log)

    # -- time ---------------------------------------------------------------------------------------------------------

    def add(self, fault: AnyFault, now_ns: int | None = None) -> int:
        """Put a fault to work by hand: ``at_s`` counts from ``now_ns``. Returns its number, for ``lift``."""
        number, self._count = self._count, self._count + 1
        now = self._core.now_ns if now_ns is None else now_ns
        self.idle = False
        shifted = fault.model_copy(update={"at_s": fault.at_s + (now - self._start_ns) / NS})
        self._coming = deque(sorted([*self._coming, (number, shifted)], key=lambda each: (each[1].at_s, each[0])))
        self.advance(now)
        return number

    def lift(self, number: int) -> None:
        """End a fault, whether it has begun or not."""
        self._coming = deque(each for each in self._coming if each[0] != number)
        for running in self.running:
            if running.number == number:
                running.until_ns = 0
        self.advance(self._core.now_ns)

    def advance(self, now_ns: int) -> None:
        """Begin and end what is due at ``now_ns``. To be called between two steps of the core."""
        if self.idle:
            return
        for running in [each for each in self.running if each.until_ns <= now_ns or each.left == 0]:
            self.running.remove(running)
            self._end(running, now_ns)
        while self._coming and self._due_ns(self._coming[0][1]) <= now_ns:
            number, fault = self._coming.popleft()
            until = float("inf") if fault.until_s == float("inf") else self._start_ns + round(fault.until_s * NS)
            if until <= now_ns:
                continue
            running = Running(number, fault, until, Random(f"{self.timeline.seed}/{number}"), fault.times)
            self.running.append(running)
            self._begin(running, now_ns)
        if not self.running and not self._coming:
            self.idle = not self._shows.pushes and self._transport.at_rest()

    def _due_ns(self, fault: AnyFault) -> int:
        return self._start_ns + round(fault.at_s * NS)

    def _begin(self, running: Running, now_ns: int) -> None:
        fault = running.fault
        if isinstance(fault, BookFault):
            self._shows.choose(running, fault)
        elif isinstance(fault, TickChange):
            self._conditions.change_tick(running, fault, now_ns)
        elif isinstance(fault, RestStale):
            self._conditions.keep_books(running, fault, now_ns)
        self._reckon(running, now_ns)

    def _end(self, running: Running, now_ns: int) -> None:
        for mark in running.marks.values():
            mark.ends_ns = now_ns
        self._reckon(running, now_ns)

    def _reckon(self, changed: Running, now_ns: int) -> None:
        """A fault came or went: what the venues do and show now."""
        self._shows.reckon(self.running)
        self.refusing = frozenset(venue for venue in VENUES if any(refuses(each, venue) for each in self.running))
        if changed.views and changed.fault.kind != "token_frozen":
            self._shows.push(list(changed.views), now_ns)

    @property
    def calm(self) -> bool:
        """Whether frames pass as they are for now: nothing is at work, and nothing is held back or waited for."""
        return self.idle or (not self.running and self._transport.at_rest())

    # -- frames -------------------------------------------------------------------------------------------------------

    def skew_ns(self, venue: Venue) -> int:
        """How far the venue's clock is ahead now."""
        return self._shows.skew_ns(venue)

    def skipped(self, session: Session, number: int, now_ns: int) -> int:
        """How many sequence numbers are left out before the session's next message, which would bear ``number``."""
        skipped = 0
        strokes: list[Injected] = []
        for running in self.running:
            fault = running.fault
            if isinstance(fault, SequenceGap) and running.strikes():
                skipped += fault.skip
                strokes.append(self._log.stroke(running, now_ns, session, "", ()))
        for stroke in strokes:
            self._transport.expect(session, stroke, number + skipped)
        return skipped

    def pass_on(
        self, session: Session, channel: str, keys: tuple[str, ...], frame: bytes, now_ns: int, number: int = -1
    ) -> list[Outgoing]:
        """What is sent now in place of ``frame``. ``number``: the sequence number it bears; -1 = none."""
        if not self.running and not self._transport.holding:
            return [Outgoing(frame, number=number)]
        marks: list[Injected] = []
        seen = self._shows.shown(self.running, session, channel, frame, now_ns, marks)
        if seen is None:
            return []
        for running in self.running:
            fault = running.fault
            if isinstance(fault, _SPOILS) and fault.kind not in CARRIED:
                seen = self._spoil(running, session, channel, keys, seen, now_ns, marks)
            elif (isinstance(fault, Beside) and channel == fault.kind) or (
                isinstance(fault, OnceOfVenue)
                and fault.kind == "unknown_frame"
                and channel == UNKNOWN[session.venue][0]
            ):
                marks.append(self._log.stroke(running, now_ns, session, channel, keys))
        outgoing = Outgoing(seen, "whole", tuple(marks), number)
        return self._transport.carry(self.running, session, channel, keys, outgoing, now_ns)

    def _spoil(
        self,
        running: Running,
        session: Session,
        channel: str,
        keys: tuple[str, ...],
        frame: bytes,
        now_ns: int,
        marks: list[Injected],
    ) -> bytes:
        fault = running.fault
        if running.left == 0 or not self._targets.concern(fault, session.venue, keys):
            return frame
        if (new := spoilt(fault, session.venue, frame, running.rng)) is None:
            return frame
        if not running.strikes():
            return frame
        mark = self._log.stroke(running, now_ns, session, channel, keys)
        if isinstance(fault, FieldLeftOut) and fault.field not in ("", "price", "price_level"):
            mark.reasons, mark.note = (), fault.field
        if isinstance(fault, Oversized):
            mark.reasons = mark.reasons if fault.size_bytes > DOOR_LIMIT else ()
        marks.append(mark)
        return new

    def withholds(self, session: Session, tokens: tuple[str, ...], now_ns: int) -> bool:
        """Whether the session's subscription to ``tokens`` is answered without books."""
        for running in self.running:
            if isinstance(running.fault, NoFirstBook) and running.strikes():
                mark = self._log.stroke(running, now_ns, session, "book", tokens)
                mark.frames = 1
                self._log.take(mark)
                return True
        return False

    def due(self, now_ns: int) -> list[tuple[str, Outgoing]]:
        """Frames whose time has come, with the session each belongs to."""
        return self._transport.due(now_ns)

    def pushes(self, now_ns: int) -> list[Emission]:
        """What the exchange says of itself because of a fault. To be called after ``advance``."""
        out, self._shows.pushes = self._shows.pushes, []
        for running in self.running:
            fault = running.fault
            if isinstance(fault, OnceOfVenue) and fault.kind == "unknown_frame" and running.strikes():
                channel, frame = UNKNOWN[fault.venue]
                out.append(Emission(now_ns, fault.venue, channel, (), frame))
            elif isinstance(fault, Beside) and running.strikes():
                frame = fault.text.encode() if fault.kind == "control_text" else foreign(now_ns, running.rng)
                out.append(Emission(now_ns, fault.venue, fault.kind, (), frame))
            elif isinstance(fault, ResolutionFault):
                self._conditions.decree(running, fault, self._due_ns(fault), now_ns)
        return out

    def delivered(self, session: Session, outgoing: Outgoing, number: int, now_ns: int) -> None:
        """``outgoing`` was handed to the session's socket as its frame ``number``."""
        self._transport.delivered(session, outgoing, number, now_ns)

    def closed(self, session: Session) -> None:
        """Forget a session: what it was still to be sent is not sent."""
        self._transport.forget(session)

    # -- the exchange itself ------------------------------------------------------------------------------------------

    def http_status(self, host: Literal["gamma", "clob"], now_ns: int) -> tuple[int, float] | None:
        """(status, seconds for Retry-After) in place of an answer, or None."""
        return self._conditions.http_status(self.running, host, now_ns)

    def rest_book(self, token: str) -> bytes | None:
        """The stale answer of ``/book``, or None where the true one is to be given."""
        return self._conditions.rest_book(self.running, token)

    def refused(self, venue: Venue, now_ns: int, session: Session | None = None) -> None:
        """A client was refused, or its standing ``session`` ended because of it."""
        self._conditions.refuse(self.running, venue, now_ns, session)

    def summary(self) -> dict[str, Any]:
        """For ``/sim/faults``: the timeline, what is at work, and how much is to come."""
        return {
            "seed": self.timeline.seed,
            "timeline": [fault.model_dump(exclude_none=True) for fault in self.timeline.fault],
            "running": [{"fault": each.number, **each.fault.model_dump(exclude_none=True)} for each in self.running],
            "coming": len(self._coming),
        }
