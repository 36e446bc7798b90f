"""The operator at the desk: pause, resume, kill, release, flatten, close. Each command is answered with what was done.

A kill cancels all that works and stops orders of every kind, exits too, until it is released. A pause stops entries
alone. ``flatten`` pauses and sells everything; ``close`` sells one market's positions and bars it.
"""

from __future__ import annotations

from collections.abc import Iterable

from flows.trading_line.known import MarketCache
from flows.trading_line.members import Entry, Member
from flows.trading_line.reply import Reply, done, refused, unknown
from models.control import (
    Close,
    Command,
    Disarm,
    Flatten,
    Kill,
    Pause,
    Release,
    Resume,
    Signed,
    Unsigned,
    verify,
)
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.trace import Step

MODULE = "gate.operator"
_OK = Step(MODULE, Verdict.PASS, Reason.OK)


class Operator(Member):
    """What the operator has said, as state of the line. Commands are the operator's by their signature, for this run by
    its name, and new by their time."""

    module = MODULE

    def __init__(self, settings: Settings, known: MarketCache) -> None:
        self.configure(settings)
        self._known = known
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

    def verified(self, signed: Signed) -> Command | Reply | None:
        """The command, where it is the operator's, for this run, and new; else its refusal, or None for one that came
        before and comes again."""
        try:
            command = verify(signed, self._key)
        except Unsigned as cause:
            step = Step(MODULE, Verdict.BLOCK, Reason.UNSIGNED, {"command": ""})
            return Reply("", "", "command", step, f"{cause}: nothing was done.")
        if command.run != self._run:
            text = f"meant for run {command.run!r}, this is {self._run!r}: nothing was done."
            return refused(MODULE, command, Reason.WRONG_RUN, text)
        if command.id == self._last_id and command.t == self._last:
            return None  # the kill that stands is sent by whoever gave it, and by the watch
        if command.t <= self._last:
            return refused(MODULE, command, Reason.REPEATED, "not newer than the last command: nothing was done.")
        self._last, self._last_id = command.t, command.id
        return command

    def obey(self, command: Command, t: int) -> Reply | None:
        do = command.do
        if isinstance(do, Kill):
            return self._kill(command, t)
        if isinstance(do, Release):
            return self._release(command, do, t)
        if self.killed and not isinstance(do, Disarm):
            text = "trading is killed: release the kill first."
            return refused(MODULE, command, Reason.KILL_SWITCH, text)
        if isinstance(do, Pause):
            if self.paused:
                return refused(MODULE, command, Reason.NOTHING_TO_DO, "entries are paused already.")
            self.paused = True
            self._note(command, t)
            return done(MODULE, command, "entries are paused; exits and settlement go on.")
        if isinstance(do, Resume):
            if not (self.paused or self.flattening or self.closing):
                return refused(MODULE, command, Reason.NOTHING_TO_DO, "nothing is paused.")
            self.paused = self.flattening = False
            self.closing.clear()
            self._note(command, t)
            return done(MODULE, command, "entries are on again.")
        if isinstance(do, Flatten):
            self.paused = self.flattening = True
            self._note(command, t)
            text = "entries are paused and every position is being sold."
            return done(MODULE, command, text, cancel=None, entries_only=True)
        if isinstance(do, Close):
            if do.market not in self._known.markets:
                return unknown(MODULE, command, "market", do.market, self._known.markets)
            self.closing.add(do.market)
            self._note(command, t)
            text = f"positions in {do.market} are being sold; it is not entered again before a resume."
            return done(MODULE, command, text, cancel=frozenset({do.market}), entries_only=True)
        return None

    def _kill(self, command: Command, t: int) -> Reply:
        if self.killed:
            return refused(MODULE, command, Reason.NOTHING_TO_DO, "trading is killed already.")
        self.killed = True
        self._note(command, t)
        return done(MODULE, command, "killed: working orders are cancelled, no order goes out.", cancel=None)

    def _release(self, command: Command, do: Release, t: int) -> Reply | None:
        if do.what != "kill":
            return None
        if not self.killed:
            return refused(MODULE, command, Reason.NOTHING_TO_DO, "there is no kill to release.")
        self.killed = False
        self.paused = True
        self._note(command, t)
        return done(MODULE, command, "the kill is lifted; entries stay paused until a resume.")

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
