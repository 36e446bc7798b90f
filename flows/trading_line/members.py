"""The members of the desk: who hears what happened, may object to an entry, and may make it smaller.

A later capability (allocator, breakers, execution quality, mark-outs) is one more member in a file of its own. A member
leaves spans: what it says is counted under its module, so that none acts unseen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from flows.trading_line.known import KnownMarket
from flows.trading_line.positions import Account
from flows.trading_line.reply import Reply
from models.contracts import MarkOut, Number
from models.control import Command
from models.happenings import Happening
from models.inputs import AnyInput
from models.reasons import Reason
from models.settings import Settings
from models.strategies.instance import Instance
from models.strategies.signal import Intent
from models.trace import Step


class Entry(msgspec.Struct, frozen=True):
    """An entry that is asked for at ``t`` (Unix ns): whose, where, which leg, and all that are wanted together."""

    t: int
    instance: Instance
    known: KnownMarket
    intent: Intent
    intents: tuple[Intent, ...]

    @property
    def legs(self) -> int:
        """Of how many legs this is one."""
        return len(self.intents)


class RiskChange(msgspec.Struct, frozen=True):
    """A multiplier, cap, breaker or gate that was changed: see ``models.contracts.RiskEvent``."""

    kind: Literal["multiplier", "cap", "breaker", "gate", "instance"]
    subject: str
    scope: str
    name: str
    old: str
    new: str
    reason: Reason
    text: str
    numbers: dict[str, Number] = {}


#: A ``RiskChange`` or the mark-out of a fill.
Notice = RiskChange | MarkOut
#: What bounds an entry, and the micro-dollars that it leaves.
Room = tuple[Reason, int]


class Member:
    """A member that objects to nothing. Each overrides what it cares for; ``module`` is its name on trace and
    telemetry."""

    module = ""

    def configure(self, settings: Settings) -> None:
        """Go by these settings from now on: at the beginning, and whenever the journal states others."""

    def on(self, happening: Happening) -> Iterable[Step]:
        """Hear what happened to an order or a position."""
        return ()

    def on_input(self, said: AnyInput, t: int) -> Iterable[Step]:
        """Hear an operator's command (signed, and not verified yet), a venue's execution report or a model's promotion;
        ``t``: Unix ns. Those of before its own time too: the desk hears the journal from its first event on."""
        return ()

    def obey(self, command: Command, t: int) -> Reply | None:
        """Hear a command that is the operator's, at ``t`` (Unix ns); the answer, where it is one's own to give. What a
        member before refused is not heard."""
        return None

    def on_clock(self, t: int) -> Iterable[Step]:
        """Hear that it is ``t`` (Unix ns); every 250 ms."""
        return ()

    def gates(self, entry: Entry) -> Iterable[Step]:
        """Its spans on an entry, ending with the first that does not pass; none where it has no say in entries."""
        return ()

    def multiplier(self, instance: str) -> float:
        """What the size of the instance's entries is multiplied with, 0 to 1."""
        return 1.0

    def on_start(self, t: int) -> Iterable[Step]:
        """Hear that the trading flow was started, for the first time or again."""
        return ()

    def rooms(self, entry: Entry, account: Account) -> Iterable[Room]:
        """The most that an entry may cost, by what bounds it; ``account``: whose money it is."""
        return ()

    def notices(self) -> Iterable[Notice]:
        """What it did since it was asked last: each is published."""
        return ()

    def gauges(self) -> dict[str, Number]:
        """Numbers of its own for telemetry."""
        return {}

    def forget(self, market: str) -> None:
        """Nothing more comes of this market."""


class Announcer(Member):
    """A member that has something to publish: it announces, and the desk takes it after the event."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []

    def announce(self, notice: Notice) -> None:
        """Have it published."""
        self._notices.append(notice)

    def notices(self) -> list[Notice]:
        notices, self._notices = self._notices, []
        return notices
