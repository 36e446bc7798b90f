"""The desk: everything after the barrier. It hears every event in journal order and alone sends orders and moves money.

For each event, in this order: the venue says what became of the orders (``hearing``); the event is taken in, a
resolution settles its market, and a command is answered; the lanes' evaluations are counted; positions are judged by
the exit rules (``leaving``); evaluations that passed go through the gates, are sized and sent (``entering``); a clock
tick reconciles and sends the pulse. Each of these leaves its spans on the trace, and the counters of every module are
counted from those spans. What they share stands on the ``floor``.
"""

from __future__ import annotations

from typing import Any

from connectors.venues.paper.venue import PaperVenue
from connectors.venues.routing import RoutingVenue
from connectors.venues.separate import SeparateVenues
from connectors.venues.venue import Venue
from flows.beat import Beat, Beats
from flows.quality import Tally
from flows.trading_line import (
    allocation,
    concentration,
    entry_quality,
    exits,
    gates,
    markouts,
    settlement,
    sizing,
    valuation,
)
from flows.trading_line.allocation import Allocation
from flows.trading_line.breakers import Breakers
from flows.trading_line.concentration import ConcentrationCaps
from flows.trading_line.cooldown import Cooldown
from flows.trading_line.entering import Entering
from flows.trading_line.entry_quality import EntryQuality
from flows.trading_line.floor import PRODUCER, Floor
from flows.trading_line.hearing import Hearing
from flows.trading_line.holdings import Holdings
from flows.trading_line.instance_state import InstanceState
from flows.trading_line.items import Judged
from flows.trading_line.known import KnownMarket
from flows.trading_line.leaving import Leaving
from flows.trading_line.markouts import MarkOuts
from flows.trading_line.members import Member
from flows.trading_line.operator import Operator
from flows.trading_line.pace import Pace
from flows.trading_line.paper_rules import rules_of
from flows.trading_line.positions import Account
from flows.trading_line.reconciliation import Reconciliation
from flows.trading_line.records import EXECUTION
from flows.trading_line.release_gate import ReleaseGate
from flows.trading_line.reply import Reply, nobodys
from models.accounts import LIVE, MAIN
from models.contracts import Number
from models.control import Signed
from models.inputs import read_input
from models.journal import AnyEvent, Book, Clock, Configuration, Feed, Input, Market, Spot
from models.message import Message
from models.money import DOLLAR
from models.reasons import Verdict
from models.settings import Settings
from models.strategies.instance import Instance
from models.timestamps import SECOND
from models.trace import Evaluation

#: Events that a position is judged at.
_MOVING = (Book, Spot, Clock)

Out = Message | Tally | Beat


class Desk:
    """``take`` is the whole interface: one event with what the lanes made of it, in journal order."""

    def __init__(self, settings: Settings, venue: Venue | None = None) -> None:
        """``venue``: where orders go; where none is given the release gate says: paper, and at LIVE_* the exchange."""
        venue = RoutingVenue(PaperVenue(rules_of(settings))) if venue is None else venue
        self._router = venue if isinstance(venue, RoutingVenue) else None
        floor = self._floor = Floor(settings, venue)
        self._reconciliation = Reconciliation()
        cooldown = Cooldown(settings, floor.blotter, floor.accounts)
        holdings = Holdings(floor, cooldown)
        self._operator = Operator(settings, floor.known, holdings)
        #: In the order in which they hear, and are asked for their gates.
        breakers = self._breakers = Breakers(settings, floor.known, floor.accounts, self._reconciliation)
        self._gate = ReleaseGate(settings, floor.known, floor.accounts, self._operator, self._reconciliation, breakers)
        marked = MarkOuts(floor.known)
        floor.members = (
            self._operator,
            self._gate,
            InstanceState(settings),
            self._reconciliation,
            breakers,
            Pace(settings, floor.known),
            gates.MarketGates(settings, floor.known),
            cooldown,
            EntryQuality(settings, floor.known),
            Allocation(settings),
            ConcentrationCaps(settings, floor.known, floor.blotter, floor.accounts),
            marked,
        )
        #: Those that may have something to publish: nearly all events ask for none.
        self._noticing = tuple(each for each in floor.members if type(each).notices is not Member.notices)
        self._hearing = Hearing(floor, self._reconciliation, marked)
        self._leaving = Leaving(floor, self._operator, holdings)
        self._entering = Entering(floor, settings)
        self._noticed = 0
        self._second = 0  # of the last reconciliation
        self._beats = Beats(settings.checks.window_s * SECOND)
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        floor = self._floor
        floor.configure(settings)
        if isinstance(floor.venue, PaperVenue | SeparateVenues):
            floor.venue.configure(rules_of(settings))
        elif self._router is not None:
            twins = frozenset(name for name, each in floor.instances.items() if each.state == "twin")
            self._router.configure(rules_of(settings), twins)
        floor.pulse.add(_modules(floor.instances, floor.members))

    def __setstate__(self, stored: dict[str, Any]) -> None:
        self.__dict__.update(stored)
        self.configure(self._floor.settings)

    def take(self, copies: list[Judged]) -> list[Out]:
        """What one journal event leads to: messages, and what the data gates said, for the windows. ``copies``: the
        event as each lane left it, in lane order."""
        event, floor = copies[0].event, self._floor
        tallies = self._entering.windows(event.t)
        floor.open_accounts(event)
        self._hearing.hear(event)
        if not isinstance(event, Feed):
            self._learn(event)
        if self._router is not None and self._router.gate != self._gate.gate:
            self._router.at_gate(self._gate.gate, event.t)
        if floor.entering != self._gate.account:
            self._change_account(event)
        wanted: list[tuple[KnownMarket, Evaluation]] = []
        for judged in copies:
            if judged.evaluations:
                self._entering.take(event, judged, wanted)
            for key, values in judged.features:
                floor.records.features(event, key, values)
        if isinstance(event, _MOVING):
            self._leaving.leave(event)  # first: what is left at this event is not bought back at it
        for known, evaluation in wanted:
            self._entering.act(event, known, evaluation)
        self._publish(event)
        messages = floor.out.take()
        if messages:
            self._reconciliation.read(messages)
        out: list[Out] = [*messages, *tallies]
        if isinstance(event, Clock):
            self._reconcile(event.t)
            if floor.pulse.is_due(event.t):
                out.append(self._beat(event.t))
            out.extend(self._beats.at(event.t))
        elif isinstance(event, Feed) and event.what == "end of run":
            out.append(self._beat(event.t, whole=True))
        return out

    def _learn(self, event: AnyEvent) -> None:
        floor = self._floor
        floor.known.learn(event)
        if isinstance(event, Clock):
            for member in floor.members:
                floor.count_all(member.on_clock(event.t))
            self._forget(event.t)
            self._entering.on_clock(event.t)
        elif isinstance(event, Market):
            if event.payout_up is not None:
                self._hearing.settle(event)
        elif isinstance(event, Input):
            self._take_input(event)
        elif isinstance(event, Configuration) and event.flow == PRODUCER:
            for member in floor.members:
                floor.count_all(member.on_start(event.t))

    def _take_input(self, event: Input) -> None:
        """Tell the members, and obey a command."""
        said = read_input(event.topic, event.payload.encode())
        for member in self._floor.members:
            self._floor.count_all(member.on_input(said, event.t))
        if isinstance(said, Signed):
            self._command(event, said)

    def _command(self, event: Input, signed: Signed) -> None:
        """Let every member hear a command that is the operator's, up to one that refuses it, and answer it."""
        command = self._operator.verified(signed)
        if command is None or isinstance(command, Reply):
            self._obey(event, command)
            return
        answer: Reply | None = None
        for member in self._floor.members:
            reply = member.obey(command, event.t)
            answer = answer or reply
            if reply is not None and reply.step.verdict != Verdict.PASS:
                break
        self._obey(event, answer or nobodys(command))

    def _obey(self, event: AnyEvent, reply: Reply | None) -> None:
        """Do what an operator's command asks for beyond what its gate will say, and answer it."""
        if reply is None:
            return
        floor = self._floor
        floor.count(reply.step)
        for order in list(floor.blotter):
            wanted = reply.cancel is None or order.market_key in reply.cancel
            if wanted and not (reply.entries_only and order.side == "sell"):
                floor.cancel(order, event.t)
        floor.records.answer(event, reply)

    def _change_account(self, event: AnyEvent) -> None:
        """Enter on paper, or with real money, from now on. Orders to buy that still work on the other account are
        cancelled; what it holds is left by its own rules, and settled. Real money begins with what the exchange says
        the account holds, and is set by its word anew where that is later than anything we booked."""
        floor = self._floor
        before, floor.entering = floor.entering, self._gate.account
        for order in list(floor.blotter):
            if order.account == before and order.side == "buy":
                floor.cancel(order, event.t)
        if floor.entering != LIVE:
            return
        stated = self._gate.stated
        assert stated is not None, "nothing is armed before the exchange has said what the account holds"
        account = floor.accounts.get(LIVE)
        if account is None:
            account = floor.accounts[LIVE] = Account(LIVE, stated)
            account.open(event.seq, event.t, floor.out)
        elif self._gate.stated_at > account.moved:
            self._breakers.paid_in(LIVE, account.state(event.seq, event.t, floor.out, stated))

    def _forget(self, t: int) -> None:
        floor = self._floor
        traded = {key for account in floor.accounts.values() for key in account.results}
        for market in floor.known.forget(t, traded):
            floor.venue.forget(market)
            self._hearing.settlement.forget(market.key)
            self._entering.forget(market.key)
            self._leaving.forget(market.key)
            for member in floor.members:
                member.forget(market.key)

    def _publish(self, event: AnyEvent) -> None:
        """What the members did, and what the exchange is asked: each is a row."""
        for member in self._noticing:
            for notice in member.notices():
                self._floor.records.notice(event, self._noticed, notice)
                self._noticed += 1
        if self._router is not None:
            for command in self._router.take_commands():
                self._floor.records.command(event, command)

    def _reconcile(self, t: int) -> None:
        """Once a second of event time, however often telemetry goes out: an anomaly stops entries."""
        if t // SECOND != self._second:
            self._second = t // SECOND
            if self._reconciliation.changed:
                self._floor.count(self._reconciliation.compare(self._floor.accounts))

    def _beat(self, t: int, whole: bool = False) -> Message:
        self._entering.tell_counts()
        own = {member.module: gauges for member in self._floor.members if (gauges := member.gauges())}
        return self._floor.pulse.beat(t, self._gauges(t), whole=whole, own=own)

    def _gauges(self, t: int) -> dict[str, Number]:
        """Those of the portfolio's paper account; of its real money the same under ``live_``; of a paper twin the
        equity, under its id."""
        accounts, known, settled = self._floor.accounts, self._floor.known, self._hearing.settlement
        twins: dict[str, Number] = {
            f"equity_{name}": valuation.equity(account, known) / DOLLAR
            for name, account in accounts.items()
            if name not in (MAIN, LIVE)
        }
        real: dict[str, Number] = {}
        if LIVE in accounts:
            numbers = valuation.gauges(accounts[LIVE], known, t)
            real = {f"live_{name}": number for name, number in numbers.items()}
        return {
            **valuation.gauges(accounts[MAIN], known, t),
            **real,
            **twins,
            "orders_under_way": len(self._floor.blotter),
            "markets_settled": settled.settled,
            "markets_corrected": settled.corrected,
            "anomaly": int(self._reconciliation.anomaly),
            "lag_s": known.lag / SECOND,
            "lag_worst_s": -1.0 if known.worst_lag < 0 else known.worst_lag / SECOND,
            "trading": self._operator.state(),
        }


def _modules(instances: dict[str, Instance], members: tuple[Member, ...]) -> tuple[str, ...]:
    """Every module of the desk and of the lanes whose spans it counts, in the order of the line."""
    return (
        *(each.limits.module for each in instances.values()),
        "features",
        *(each.module for each in instances.values()),
        *(member.module for member in members if member.module.startswith("gate.")),
        "gate.ledger",
        *gates.GATE_MODULES,
        *entry_quality.MODULES,
        allocation.MODULE,
        concentration.MODULE,
        sizing.MODULE,
        EXECUTION,
        exits.MODULE,
        settlement.MODULE,
        "reconciliation",
        markouts.MODULE,
    )
