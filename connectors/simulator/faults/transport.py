"""When frames go: now, later, twice, out of order, or never. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from connectors.clock import NS
from connectors.simulator.faults.strokes import Log, Outgoing, Running, Targets
from connectors.simulator.faults.timeline import Delayed, FrameFault, OnceOfVenue, VenueFault
from connectors.simulator.faults.truth import Injected, Session

PATIENCE_NS: Final = NS  # a frame that waits for the next one to overtake it goes after this at the latest
CARRIED: Final = frozenset({"lost", "duplicated", "reordered"})


@dataclass
class _Connection:
    """What the stage keeps of a session."""

    waiting: deque[tuple[int, Outgoing]] = field(default_factory=deque)  # (when it may go, frame), in order
    overtaken: list[tuple[int, Outgoing]] = field(default_factory=list)
    unseen: list[tuple[int, Injected]] = field(default_factory=list)  # (number, stroke that it or a later one shows)


class Transport:
    """What every session is still to be sent, and what happens to its frames on the way. ``holding``: something is held
    back."""

    def __init__(self, targets: Targets, log: Log) -> None:
        self.holding = False
        self._targets = targets
        self._log = log
        self._connections: dict[str, _Connection] = {}

    def at_rest(self) -> bool:
        """Whether nothing waits, neither a frame nor a stroke for its evidence."""
        return not any(each.waiting or each.overtaken or each.unseen for each in self._connections.values())

    def expect(self, session: Session, stroke: Injected, number: int) -> None:
        """The session's first frame that bears ``number`` or a later one will be the evidence of ``stroke``: frames
        that were held back, and come before it, know nothing of it."""
        self._connection(session).unseen.append((number, stroke))

    def carry(
        self,
        running_now: Sequence[Running],
        session: Session,
        channel: str,
        keys: tuple[str, ...],
        outgoing: Outgoing,
        now_ns: int,
    ) -> list[Outgoing]:
        """Whether the frame goes now, later, twice or never."""
        connection = self._connection(session)
        venue, copies, release, hold = session.venue, 1, now_ns, False
        for running in running_now:
            fault = running.fault
            if isinstance(fault, VenueFault):
                if fault.kind == "frozen" and fault.venue == venue:
                    self._log.lasting(running, session, "", now_ns).frames += 1
                    return []
            elif isinstance(fault, OnceOfVenue):
                if fault.kind != "unknown_frame" and fault.venue == venue and running.strikes():
                    mark = self._log.stroke(running, now_ns, session, channel, keys)
                    how: Literal["cut", "sent_away"] = "cut" if fault.kind == "disconnect" else "sent_away"
                    return [*self._flush(connection), Outgoing(outgoing.frame, how, (mark,), outgoing.number)]
            elif isinstance(fault, Delayed):
                if self._targets.concern(fault, venue, keys) and running.strikes():
                    release = max(release, now_ns + round(fault.delay_s * NS))
                    mark = self._log.stroke(running, now_ns, session, channel, keys)
                    mark.amount, mark.frames = fault.delay_s, 1
                    self._log.take(mark)
                    outgoing = outgoing._replace(marks=(*outgoing.marks, mark))
            elif isinstance(fault, FrameFault) and fault.kind in CARRIED:
                if not self._targets.concern(fault, venue, keys) or not running.strikes():
                    continue
                mark = self._log.stroke(running, now_ns, session, channel, keys)
                mark.frames = 1
                if fault.kind != "duplicated":
                    self._log.take(mark)
                if fault.kind == "lost":
                    if mark.reasons and outgoing.number >= 0:
                        connection.unseen.append((outgoing.number + 1, mark))
                    return []
                if fault.kind == "duplicated":
                    mark.frames = 0
                    copies += 1
                    outgoing = outgoing._replace(marks=(*outgoing.marks, mark))
                else:
                    hold = True
                    outgoing = outgoing._replace(marks=(*outgoing.marks, mark))
        return self._order(connection, outgoing, copies, release, hold, now_ns)

    def _order(
        self, connection: _Connection, outgoing: Outgoing, copies: int, release: int, hold: bool, now_ns: int
    ) -> list[Outgoing]:
        behind = bool(connection.waiting)
        if behind:
            release = max(release, connection.waiting[-1][0])
        if hold and not connection.overtaken:
            connection.overtaken.append((now_ns + PATIENCE_NS, outgoing))
            self.holding = True
            return []
        out = [outgoing] if copies == 1 else _copies(outgoing, copies)
        if connection.overtaken:
            late = [each for _, each in connection.overtaken]
            connection.overtaken.clear()
            swapped = tuple(mark for each in late for mark in each.marks if mark.kind == "reordered")
            late = [each._replace(marks=tuple(m for m in each.marks if m not in swapped)) for each in late]
            out = [out[0]._replace(marks=(*out[0].marks, *swapped)), *out[1:], *late]
        if behind or release > now_ns:
            connection.waiting.extend((release, each) for each in out)
            self.holding = True
            return []
        return out

    def due(self, now_ns: int) -> list[tuple[str, Outgoing]]:
        """Frames whose time has come, with the session each belongs to."""
        if not self.holding:
            return []
        out: list[tuple[str, Outgoing]] = []
        any_waiting = False
        for session, connection in self._connections.items():
            waiting, overtaken = connection.waiting, connection.overtaken
            while waiting and waiting[0][0] <= now_ns:
                out.append((session, waiting.popleft()[1]))
            while overtaken and overtaken[0][0] <= now_ns and not waiting:
                out.append((session, _in_order(overtaken.pop(0)[1])))
            any_waiting = any_waiting or bool(waiting or overtaken)
        self.holding = any_waiting
        return out

    def delivered(self, session: Session, outgoing: Outgoing, number: int, now_ns: int) -> None:
        """``outgoing`` was handed to the session's socket as its frame ``number``."""
        for mark in outgoing.marks:
            if mark.shown_ns is None:
                mark.shown_ns, mark.frame = now_ns, number
                if not mark.frames:
                    mark.frames = 1
                    self._log.take(mark)
        connection = self._connections.get(session.id)
        if connection is not None and connection.unseen and outgoing.how == "whole":
            shown = [mark for least, mark in connection.unseen if least <= outgoing.number]
            for mark in shown:
                mark.shown_ns, mark.frame = now_ns, number
                if mark.kind == "sequence_gap":
                    self._log.take(mark)
            if shown:
                connection.unseen = [each for each in connection.unseen if each[0] > outgoing.number]

    def forget(self, session: Session) -> None:
        """What a session was still to be sent is not sent."""
        self._connections.pop(session.id, None)

    def _connection(self, session: Session) -> _Connection:
        found = self._connections.get(session.id)
        if found is None:
            found = self._connections[session.id] = _Connection()
        return found

    @staticmethod
    def _flush(connection: _Connection) -> list[Outgoing]:
        out = [each for _, each in connection.waiting] + [_in_order(each) for _, each in connection.overtaken]
        connection.overtaken.clear()
        connection.waiting.clear()
        return out


def _in_order(late: Outgoing) -> Outgoing:
    """A frame that nothing came to overtake: it is late, not out of order."""
    return late._replace(marks=tuple(mark for mark in late.marks if mark.kind != "reordered"))


def _copies(outgoing: Outgoing, copies: int) -> list[Outgoing]:
    """The frame several times; the second copy is the evidence of the doubling."""
    doubled = tuple(mark for mark in outgoing.marks if mark.kind == "duplicated")
    first = outgoing._replace(marks=tuple(mark for mark in outgoing.marks if mark.kind != "duplicated"))
    more = outgoing._replace(marks=())
    return [first, outgoing._replace(marks=doubled)] + [more] * (copies - 2)
