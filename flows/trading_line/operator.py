"""The operator at the desk: pause, resume, kill, release, flatten, close. Each command is answered with what was done.

A kill cancels all that works and stops orders of every kind, exits too, until it is released. A pause stops entries
alone. ``flatten`` pauses and sells everything; ``close`` sells one market's positions and bars it. A resume ends both,
also where not all is sold yet; the answers say what is sold, what cannot be now, and what stays unsold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from flows.trading_line.holdings import HeldPositions, Holdings
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
from models.money import SHARE
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.trace import Step

MODULE = "gate.operator"
_OK = Step(MODULE, Verdict.PASS, Reason.OK)
#: Kills that are remembered: each comes again within seconds, from the watch of the file.
_KILLS: Final = 16
#: Positions, or markets, that an answer names one by one.
_TOLD: Final = 5


class Operator(Member):
    """What the operator has said, as state of the line. Commands are the operator's by their signature, for this run by
    its name, and new by their time."""

    module = MODULE

    def __init__(self, settings: Settings, known: MarketCache, holdings: Holdings) -> None:
        self.configure(settings)
        self._known = known
        self._holdings = holdings
        self.killed = False
        self.paused = False
        self.flattening = False
        self.closing: set[str] = set()
        self._since = 0
        self._by = ""
        self._last = 0  # Unix ns of the last command that was the operator's
        self._last_id = ""
        self._kills: tuple[str, ...] = ()  # ids of the last ones that were heard

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
        if (command.id, command.t) == (self._last_id, self._last):
            return None
        if isinstance(command.do, Kill) and command.id in self._kills:
            return None  # sent by who gave it and by the watch, whose copy may come after the next command
        again = isinstance(command.do, Kill) and self.killed  # whoever kills at the same moment is told that it is so
        if command.t <= self._last and not again:
            return refused(MODULE, command, Reason.REPEATED, "not newer than the last command: nothing was done.")
        if command.t > self._last:
            self._last, self._last_id = command.t, command.id
        if isinstance(command.do, Kill):
            self._kills = (*self._kills, command.id)[-_KILLS:]
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
            return self._resume(command, t)
        if isinstance(do, Flatten):
            return self._flatten(command, t)
        if isinstance(do, Close):
            return self._close(command, do.market, t)
        return None

    def _resume(self, command: Command, t: int) -> Reply:
        if not (self.paused or self.flattening or self.closing):
            return refused(MODULE, command, Reason.NOTHING_TO_DO, "nothing is paused.")
        says = ["entries are on again"] if self.paused else []
        if self.flattening:
            says.append(f"the flatten ends with {_unsold(self._holdings.held())}")
        if self.closing:
            left = "" if self.flattening else f", with {_unsold(self._holdings.held(self.closing))} there"
            says.append(f"{_listed(sorted(self.closing))} may be entered again{left}")
        self.paused = self.flattening = False
        self.closing.clear()
        self._note(command, t)
        return done(MODULE, command, f"{'; '.join(says)}.")

    def _flatten(self, command: Command, t: int) -> Reply:
        held = self._holdings.to_sell(t, Reason.FLATTENING)
        sold = _sold(held) if held.positions else "there is no position to sell"
        buying = self._holdings.is_buying()
        if self.flattening or (self.paused and not held.positions and not buying):
            text = f"entries are paused already; {sold}."
            return refused(MODULE, command, Reason.NOTHING_TO_DO, text)
        self.paused = self.flattening = True
        self._note(command, t)
        text = f"entries are paused; {sold}{_LATE if buying else ''}."
        return done(MODULE, command, text, cancel=None, entries_only=True)

    def _close(self, command: Command, market: str, t: int) -> Reply:
        if market not in self._known.markets:
            return unknown(MODULE, command, "market", market, self._known.markets)
        only = frozenset({market})
        held = self._holdings.to_sell(t, Reason.CLOSING, only)
        sold = f"in {market} {_sold(held)}" if held.positions else f"there is no position in {market}"
        if market in self.closing:
            text = f"it is closed already; {sold}."
            return refused(MODULE, command, Reason.NOTHING_TO_DO, text)
        late = _LATE if self._holdings.is_buying(only) else ""
        self.closing.add(market)
        self._note(command, t)
        text = f"{sold}{late}; it is not entered again before a resume."
        return done(MODULE, command, text, cancel=only, entries_only=True)

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
        goes_on = "; the flatten goes on" if self.flattening else ""
        return done(MODULE, command, f"the kill is lifted{goes_on}; entries stay paused until a resume.")

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


#: Orders to buy are called back, and may have been filled before that.
_LATE: Final = "; what an order under way still buys is sold too"


def _sold(held: HeldPositions) -> str:
    """What is being sold, and what cannot be now."""
    every, stuck = held.positions, len(held.stuck)
    if not stuck:
        return f"{_positions(held)} {'is' if every == 1 else 'are'} being sold"
    if every == 1:
        return f"{_positions(held)} cannot be sold now: {held.stuck[0]}; it is tried again until a resume"
    going = "none" if stuck == every else str(every - stuck)
    whole = f"{going} of {_positions(held)} {'is' if every - stuck == 1 else 'are'} being sold"
    again = "it is" if stuck == 1 else "they are"
    return f"{whole}, {stuck} cannot be now: {_listed(held.stuck)}; {again} tried again until a resume"


def _unsold(held: HeldPositions) -> str:
    return f"{_positions(held)} held unsold" if held.positions else "nothing held"


def _positions(held: HeldPositions) -> str:
    """``3 positions (250 shares)``."""
    shares = f"{held.size / SHARE:.2f}".rstrip("0").rstrip(".")
    return f"{held.positions} position{'' if held.positions == 1 else 's'} ({shares} shares)"


def _listed(names: Iterable[str]) -> str:
    """Each once, the first few of many."""
    every = list(dict.fromkeys(names))
    more = len(every) - _TOLD
    return ", ".join(every[:_TOLD]) + (f" and {more} more" if more > 0 else "")
