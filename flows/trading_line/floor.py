"""The floor: what the parts of the desk share. Who holds what, which orders work, where they go, who hears of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.venues.venue import Venue
from flows.pulse import FlowPulse
from flows.trading_line.blotter import Blotter
from flows.trading_line.known import MarketCache
from flows.trading_line.members import Member
from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Account, account_of
from flows.trading_line.records import Records
from models.accounts import MAIN
from models.happenings import Happening
from models.journal import AnyEvent
from models.money import DOLLAR
from models.orders import WorkingOrder
from models.portfolio.rounds import Rounds
from models.reasons import Reason
from models.settings import Settings
from models.strategies.instance import Instance, Terms, all_instances, retired, terms_of
from models.trace import Step

PRODUCER = "trading"
CHIEF = "portfolio"


class Floor:
    """Every order goes out by ``submit`` and is called back by ``cancel``; every span is counted by ``count``; whatever
    happens to an order or a position is told to all members by ``tell``.

    ``entering``: name of the account that the portfolio's entries are booked on. ``siblings``: of each instance those
    that share a strategy's cap with it."""

    def __init__(self, settings: Settings, venue: Venue) -> None:
        self.known = MarketCache()
        self.accounts: dict[str, Account] = {}
        self.entering = MAIN
        self.blotter = Blotter()
        self.venue = venue
        self.out = Outbox(PRODUCER)
        self.records = Records(self.out, self.known)
        self.members: tuple[Member, ...] = ()
        self.pulse = FlowPulse(PRODUCER, (), CHIEF, settings.telemetry.interval)
        self.settings = settings
        self.instances: dict[str, Instance] = {}
        self.siblings: dict[str, frozenset[str]] = {}
        self._unopened: list[Account] = []
        self._rounds = Rounds()
        self._terms: dict[str, Terms] = {}  # of every instance there ever was

    def __getstate__(self) -> dict[str, Any]:
        """What a snapshot holds: whatever follows from the settings is made anew when it is resumed under them."""
        return {name: value for name, value in self.__dict__.items() if name not in ("instances", "siblings")}

    def configure(self, settings: Settings) -> None:
        """Go by these settings from now on. An instance that is configured no more leaves its positions by its own
        rules, those that were in force for it last. It has no fair value any more: rules that need one do not act."""
        self.settings = settings
        self.instances = all_instances(settings)
        self._terms |= {name: terms_of(each) for name, each in self.instances.items()}
        for name, terms in self._terms.items():
            if name not in self.instances:
                self.instances[name] = retired(name, terms, settings)
        capital = round(settings.portfolio.capital * DOLLAR)
        for name in (MAIN, *(each.id for each in self.instances.values() if each.state == "twin")):
            if name not in self.accounts:
                self.accounts[name] = Account(name, capital)
                self._unopened.append(self.accounts[name])
        self.siblings = {each.id: self._sharing(each) for each in self.instances.values()}
        for member in self.members:
            member.configure(settings)
        self.records.configure(settings)

    def open_accounts(self, event: AnyEvent) -> None:
        """Post the opening of accounts that are new."""
        if self._unopened:
            for account in self._unopened:
                account.open(event.seq, event.t, self.out)
            self._unopened = []

    def account_of(self, instance: str) -> Account:
        """The account of an instance while nothing is armed: the portfolio's, or a twin's own."""
        return account_of(self.accounts, instance)

    def entered_on(self, instance: str) -> Account:
        """The account that an entry of the instance is booked on now."""
        home = self.account_of(instance)
        return self.accounts[self.entering] if home.name == MAIN else home

    def submit(self, event: AnyEvent, account: Account, order: WorkingOrder) -> None:
        """Reserve its money, and send it."""
        account.reserve(event.seq, event.t, self.out, order)
        submitted = self.blotter.add(order)
        self.records.order(event, order, self.blotter.row(order), Reason.SUBMITTED)
        self.venue.send(order)
        self.tell(submitted)

    def cancel(self, order: WorkingOrder, t: int) -> None:
        """Call it back, once."""
        if not order.cancelling:
            order.cancelling = True
            self.venue.cancel(order.id, t)

    def tell(self, happening: Happening) -> None:
        """Let every member hear it, and of the round that it closed."""
        for member in self.members:
            self.count_all(member.on(happening))
        closed = self._rounds.take(happening)
        if closed is not None:
            self.tell(closed)

    def count(self, step: Step) -> None:
        """Count a span under its module."""
        self.pulse.count(step.module, step.verdict, step.reason)

    def count_all(self, steps: Iterable[Step]) -> None:
        """Count each."""
        for step in steps:
            self.count(step)

    def _sharing(self, instance: Instance) -> frozenset[str]:
        account = self.account_of(instance.id)
        return frozenset(
            each.id
            for each in self.instances.values()
            if each.strategy is instance.strategy and self.account_of(each.id) is account
        )
