"""The operator at the desk: pause, resume, kill, release, flatten, close. Each command is answered with what was done.

A kill cancels all that works and stops orders of every kind, exits too, until it is released. A pause stops entries
alone. ``flatten`` pauses and sells everything; ``close`` sells one market's positions and bars it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from flows.trading_line.members import Entry, Member
from models.control import Command, Flatten, Kill, Pause, Release, Resume, Signed, Unsigned, verify
from models.journal import Input
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.trace import Step

MODULE = "gate.operator"
_OK = Step(MODULE, Verdict.PASS, Reason.OK)


class Reply(msgspec.Struct, frozen=True):
    """What becomes of a command. ``step`` is the operator's span; ``cancel``: the markets whose working orders are to
    be cancelled (None: all of them)."""

    command: str
    by: str
    what: str
    step: Step
    text: str
    cancel: frozenset[str] | None = frozenset()
    entries_only: bool = False
    release_anomaly: bool = False


class Operator(Member):
    """What the operator has said, as state of the line. Commands are the operator's by their signature, for this run by
    its name, and new by their time."""

    module = MODULE

    def __init__(self, settings: Settings) -> None:
        self.configure(settings)
        self.killed = False
        self.paused = False
        self.flattening = False
        self.closing: set[str] = set()
        self._since = 0
        self._by = ""
        self._last = 0  # Unix ns of the last command that was the operator's
        self._last_id = ""

    def configure(self, settings: Settings) -> None:
        self._key = settings.operator.public_key
        self._run = settings.run_name

    def on_command(self, event: Input, signed: Signed, anomaly: bool) -> Reply | None:
        """Take a command in that stands at ``event``; None for one that came before and comes again. ``anomaly``:
        whether one stands."""
        try:
            command = verify(signed, self._key)
        except Unsigned as cause:
            return _refused("", "", "command", Reason.UNSIGNED, f"{cause}: nothing was done.")
        what = type(command.do).__struct_config__.tag
        assert isinstance(what, str)
        if command.run != self._run:
            text = f"meant for run {command.run!r}, this is {self._run!r}: nothing was done."
            return _refused(command.id, command.by, what, Reason.WRONG_RUN, text)
        if command.id == self._last_id and command.t == self._last:
            return None  # the kill that stands is sent by whoever gave it, and by the watch
        if command.t <= self._last:
            text = "not newer than the last command: nothing was done."
            return _refused(command.id, command.by, what, Reason.REPEATED, text)
        self._last, self._last_id = command.t, command.id
        return self._apply(command, what, event.t, anomaly)

    def _apply(self, command: Command, what: str, t: int, anomaly: bool) -> Reply:
        do = command.do
        if isinstance(do, Kill):
            return self._kill(command, what, t)
        if isinstance(do, Release):
            return self._release(command, do, what, t, anomaly)
        if self.killed:
            text = "trading is killed: release the kill first."
            return _refused(command.id, command.by, what, Reason.KILL_SWITCH, text)
        if isinstance(do, Pause):
            if self.paused:
                return _refused(command.id, command.by, what, Reason.NOTHING_TO_DO, "entries are paused already.")
            self.paused = True
            self._note(command, t)
            return _done(command, what, "entries are paused; exits and settlement go on.")
        if isinstance(do, Resume):
            if not (self.paused or self.flattening or self.closing):
                return _refused(command.id, command.by, what, Reason.NOTHING_TO_DO, "nothing is paused.")
            self.paused = self.flattening = False
            self.closing.clear()
            self._note(command, t)
            return _done(command, what, "entries are on again.")
        if isinstance(do, Flatten):
            self.paused = self.flattening = True
            self._note(command, t)
            text = "entries are paused and every position is being sold."
            return _done(command, what, text, cancel=None, entries_only=True)
        self.closing.add(do.market)
        self._note(command, t)
        text = f"positions in {do.market} are being sold; it is not entered again before a resume."
        return _done(command, what, text, cancel=frozenset({do.market}), entries_only=True)

    def _kill(self, command: Command, what: str, t: int) -> Reply:
        if self.killed:
            return _refused(command.id, command.by, what, Reason.NOTHING_TO_DO, "trading is killed already.")
        self.killed = True
        self._note(command, t)
        return _done(command, what, "killed: working orders are cancelled, no order goes out.", cancel=None)

    def _release(self, command: Command, do: Release, what: str, t: int, anomaly: bool) -> Reply:
        if do.what == "kill" and self.killed:
            self.killed = False
            self.paused = True
            self._note(command, t)
            return _done(command, what, "the kill is lifted; entries stay paused until a resume.")
        if do.what == "anomaly" and anomaly:
            if not do.why.strip():
                text = "an anomaly is released only with its explanation (--why)."
                return _refused(command.id, command.by, what, Reason.ANOMALY, text)
            return _done(command, what, f"the anomaly is released: {do.why.strip()}", release_anomaly=True)
        text = f"there is no {do.what} to release." if do.what in ("kill", "anomaly") else f"{do.what!r} cannot stand."
        return _refused(command.id, command.by, what, Reason.NOTHING_TO_DO, text)

    def _note(self, command: Command, t: int) -> None:
        self._since, self._by = t, command.by

    def gates(self, entry: Entry) -> Iterable[Step]:
        reason = Reason.OK
        if self.killed:
            reason = Reason.KILL_SWITCH
        elif self.flattening:
            reason = Reason.FLATTENING
        elif self.paused:
            reason = Reason.PAUSED
        elif entry.known.market.key in self.closing:
            reason = Reason.BARRED
        if reason is Reason.OK:
            return (_OK,)
        return (Step(MODULE, Verdict.BLOCK, reason, {"since": self._since, "by": self._by}),)

    def must_leave(self, market: str) -> Reason | None:
        """Why a position in the market is to be sold now, whatever its strategy says; None where it need not."""
        if self.flattening:
            return Reason.FLATTENING
        return Reason.CLOSING if market in self.closing else None

    def forget(self, market: str) -> None:
        self.closing.discard(market)

    def state(self) -> str:
        """``on``, ``paused`` or ``killed``."""
        return "killed" if self.killed else "paused" if self.paused else "on"


def _done(
    command: Command,
    what: str,
    text: str,
    cancel: frozenset[str] | None = frozenset(),
    entries_only: bool = False,
    release_anomaly: bool = False,
) -> Reply:
    step = Step(MODULE, Verdict.PASS, Reason.OK, {"command": command.id, "what": what})
    return Reply(command.id, command.by, what, step, text, cancel, entries_only, release_anomaly)


def _refused(command: str, by: str, what: str, reason: Reason, text: str) -> Reply:
    return Reply(command, by, what, Step(MODULE, Verdict.BLOCK, reason, {"command": command}), text)
