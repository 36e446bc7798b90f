"""The desk: everything after the barrier. It hears every event in journal order and alone sends orders and moves money.

For each event, in this order: the venue says what became of the orders; the event is taken in, a resolution settles its
market, and a command is answered; the lanes' evaluations are counted; positions are judged by the exit rules;
evaluations that passed go through the gates, are sized and sent; a clock tick reconciles and sends the pulse. Each of
these leaves its spans on the trace, and the counters of every module are counted from those spans.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from connectors.venues.paper.venue import PaperVenue
from connectors.venues.routing import RoutingVenue
from connectors.venues.separate import SeparateVenues
from connectors.venues.venue import Venue
from flows.beat import Beat, Beats
from flows.pulse import FlowPulse
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
from flows.trading_line.blotter import Blotter
from flows.trading_line.breakers import Breakers
from flows.trading_line.concentration import ConcentrationCaps
from flows.trading_line.cooldown import Cooldown
from flows.trading_line.entry_quality import EntryQuality
from flows.trading_line.instance_state import InstanceState
from flows.trading_line.items import Judged
from flows.trading_line.known import KnownMarket, MarketCache, opposite
from flows.trading_line.markouts import MarkOuts
from flows.trading_line.members import Entry, Member
from flows.trading_line.normalisation import Normalisation
from flows.trading_line.operator import Operator
from flows.trading_line.outbox import Outbox
from flows.trading_line.pace import Pace
from flows.trading_line.paper_rules import rules_of
from flows.trading_line.positions import Account, Position, account_of
from flows.trading_line.quotes import Quotes
from flows.trading_line.reconciliation import Reconciliation
from flows.trading_line.records import EXECUTION, Choice, Records
from flows.trading_line.refusals import Refusals
from flows.trading_line.release_gate import ReleaseGate
from flows.trading_line.reply import Reply, nobodys
from flows.trading_line.settlement import Settlement
from flows.trading_line.tally import EvaluationTally
from models.accounts import LIVE, MAIN
from models.contracts import Number
from models.control import Signed
from models.happenings import Cancelled, Filled, Happening, Irregular
from models.inputs import read_input
from models.journal import AnyEvent, Book, Clock, Configuration, Feed, Input, Market, Spot
from models.message import Message
from models.money import DOLLAR
from models.orders import FINAL, IllegalTransition, Report, WorkingOrder
from models.portfolio.rounds import Rounds
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.instance import Instance, Terms, all_instances, retired, terms_of
from models.strategies.strategy import Inventory
from models.timestamps import SECOND
from models.trace import Evaluation, Step

PRODUCER = "trading"
CHIEF = "portfolio"
#: A position that cannot be judged says so at most this often, in seconds; a refused entry each second.
_EXIT_EVERY_S = 10
#: An order whose state is unknown is asked for this often.
_ASK_EVERY_NS = 2 * SECOND
#: Events that a position is judged at.
_MOVING = (Book, Spot, Clock)

Out = Message | Tally | Beat


class Desk:
    """``take`` is the whole interface: one event with what the lanes made of it, in journal order."""

    def __init__(self, settings: Settings, venue: Venue | None = None) -> None:
        """``venue``: where orders go; where none is given the release gate says: paper, and at LIVE_* the exchange."""
        self._known = MarketCache()
        self._accounts: dict[str, Account] = {}
        self._unopened: list[Account] = []
        self._entering = MAIN  # the portfolio's account that entries go to
        self._blotter = Blotter()
        self._venue: Venue = RoutingVenue(PaperVenue(rules_of(settings))) if venue is None else venue
        self._router = self._venue if isinstance(self._venue, RoutingVenue) else None
        self._out = Outbox(PRODUCER)
        self._records = Records(self._out, self._known)
        self._normalisation = Normalisation()
        self._quotes = Quotes()
        self._quote_refusals = Refusals(_EXIT_EVERY_S)
        self._settlement = Settlement(self._accounts, self._blotter, self._records, self._out)
        self._reconciliation = Reconciliation()
        self._operator = Operator(settings, self._known)
        self._cooldown = Cooldown(settings, self._blotter, self._accounts)
        #: In the order in which they hear, and are asked for their gates.
        breakers = self._breakers = Breakers(settings, self._known, self._accounts, self._reconciliation)
        self._gate = ReleaseGate(settings, self._known, self._accounts, self._operator, self._reconciliation, breakers)
        self._markouts = MarkOuts(self._known)
        self._rounds = Rounds()
        self._members: tuple[Member, ...] = (
            self._operator,
            self._gate,
            InstanceState(settings),
            self._reconciliation,
            breakers,
            Pace(settings, self._known),
            gates.MarketGates(settings, self._known),
            self._cooldown,
            EntryQuality(settings, self._known),
            Allocation(settings),
            ConcentrationCaps(settings, self._known, self._blotter, self._accounts),
            self._markouts,
        )
        #: Those that have a gate, and those that may have something to publish: nearly all events ask for neither.
        self._gatekeepers = tuple(each for each in self._members if type(each).gates is not Member.gates)
        self._noticing = tuple(each for each in self._members if type(each).notices is not Member.notices)
        self._pulse = FlowPulse(PRODUCER, (), CHIEF, settings.telemetry.interval)
        self._noticed = 0
        self._second = 0  # of the last reconciliation
        self._refusals = Refusals(1)
        self._waits = Refusals(_EXIT_EVERY_S)
        self._tally = EvaluationTally(settings.checks.window_s)
        self._beats = Beats(settings.checks.window_s * SECOND)
        self._terms: dict[str, Terms] = {}  # of every instance there ever was
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Go by these settings from now on. An instance that is configured no more leaves its positions by its own
        rules, those that were in force for it last. It has no fair value any more: rules that need one do not act."""
        self._settings = settings
        self._costs = settings.costs.model
        self._instances = all_instances(settings)
        self._terms |= {name: terms_of(each) for name, each in self._instances.items()}
        for name, terms in self._terms.items():
            if name not in self._instances:
                self._instances[name] = retired(name, terms, settings)
        capital = round(settings.portfolio.capital * DOLLAR)
        for name in (MAIN, *(each.id for each in self._instances.values() if each.state == "twin")):
            if name not in self._accounts:
                self._accounts[name] = Account(name, capital)
                self._unopened.append(self._accounts[name])
        self._siblings = {each.id: self._sharing(each) for each in self._instances.values()}
        for member in self._members:
            member.configure(settings)
        self._deadline = round(settings.execution.deadline_s * SECOND)
        self._split_takes = round(settings.execution.split_s * SECOND)
        if isinstance(self._venue, PaperVenue | SeparateVenues):
            self._venue.configure(rules_of(settings))
        elif self._router is not None:
            twins = frozenset(name for name, each in self._instances.items() if each.state == "twin")
            self._router.configure(rules_of(settings), twins)
        self._records.configure(settings)
        self._pulse.add(_modules(self._instances, self._members))

    def __getstate__(self) -> dict[str, Any]:
        """What a snapshot holds: whatever follows from the settings is made anew when it is resumed under them."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_instances", "_siblings")}

    def __setstate__(self, stored: dict[str, Any]) -> None:
        self.__dict__.update(stored)
        self.configure(self._settings)

    def take(self, copies: list[Judged]) -> list[Out]:
        """What one journal event leads to: messages, and what the data gates said, for the windows. ``copies``: the
        event as each lane left it, in lane order."""
        event = copies[0].event
        tallies: list[Tally] = []
        if self._tally.is_over(event.t):
            self._tally.tell(self._pulse, self._instances)
            tallies = self._tally.take()
        if self._unopened:
            self._open(event)
        self._hear(event)
        if not isinstance(event, Feed):
            self._learn(event)
        if self._router is not None and self._router.gate != self._gate.gate:
            self._router.at_gate(self._gate.gate, event.t)
        if self._entering != self._gate.account:
            self._change_account(event)
        entries: list[tuple[KnownMarket, Evaluation]] = []
        for judged in copies:
            if judged.evaluations:
                self._count_evaluations(event, judged, entries)
            for key, values in judged.features:
                self._records.features(event, key, values)
        if isinstance(event, _MOVING):
            self._leave(event)  # first: what is left at this event is not bought back at it
        for known, evaluation in entries:
            if self._is_quoting(evaluation):
                self._quote(event, known, evaluation)
            else:
                self._enter(event, known, evaluation)
        self._publish(event)
        messages = self._out.take()
        if messages:
            self._reconciliation.read(messages)
        out: list[Out] = [*messages, *tallies]
        if isinstance(event, Clock):
            self._reconcile(event.t)
            if self._pulse.is_due(event.t):
                out.append(self._beat(event.t))
            out.extend(self._beats.at(event.t))
        elif isinstance(event, Feed) and event.what == "end of run":
            out.append(self._beat(event.t, whole=True))
        return out

    def _publish(self, event: AnyEvent) -> None:
        """What the members did, and what the exchange is asked: each is a row."""
        for member in self._noticing:
            for notice in member.notices():
                self._records.notice(event, self._noticed, notice)
                self._noticed += 1
        if self._router is not None:
            for command in self._router.take_commands():
                self._records.command(event, command)

    def _open(self, event: AnyEvent) -> None:
        for account in self._unopened:
            account.open(event.seq, event.t, self._out)
        self._unopened = []

    def _change_account(self, event: AnyEvent) -> None:
        """Enter on paper, or with real money, from now on. Orders to buy that still work on the other account are
        cancelled; what it holds is left by its own rules, and settled. Real money begins with what the exchange says
        the account holds, and is set by its word anew where that is later than anything we booked."""
        before, self._entering = self._entering, self._gate.account
        for order in list(self._blotter):
            if order.account == before and order.side == "buy":
                self._cancel(order, event.t)
        if self._entering != LIVE:
            return
        stated = self._gate.stated
        assert stated is not None, "nothing is armed before the exchange has said what the account holds"
        account = self._accounts.get(LIVE)
        if account is None:
            account = self._accounts[LIVE] = Account(LIVE, stated)
            account.open(event.seq, event.t, self._out)
        elif self._gate.stated_at > account.moved:
            self._breakers.paid_in(LIVE, account.state(event.seq, event.t, self._out, stated))

    def _reconcile(self, t: int) -> None:
        """Once a second of event time, however often telemetry goes out: an anomaly stops entries."""
        if t // SECOND != self._second:
            self._second = t // SECOND
            if self._reconciliation.changed:
                self._count(self._reconciliation.compare(self._accounts))

    # --- what the venue says -------------------------------------------------------------------------------------

    def _hear(self, event: AnyEvent) -> None:
        for report in self._venue.hear(event):
            self._apply(event, report)
        if isinstance(event, Clock) and self._blotter:
            for order in self._blotter.overdue(event.t, self._deadline):
                self._count(Step(EXECUTION, Verdict.BLOCK, Reason.DEADLINE, {"order": order.id}))
                self._cancel(order, event.t)
                self._venue.query(order.id, event.t)
                self._tell(Irregular(order.instance, order.id, "not acknowledged in time", event.t))
            for order in self._blotter.unknown(event.t, _ASK_EVERY_NS):
                self._venue.query(order.id, event.t)
            for order in self._settlement.late(event.t):
                self._give_up(event, order)
        for resolved in self._settlement.ready():
            self._pay(event, resolved)

    def _give_up(self, event: AnyEvent, order: WorkingOrder) -> None:
        """End an order that the venue does not speak of. What it may say later is kept from the money, and said."""
        self._reconciliation.note_anomaly(f"order {order.id}: no answer")
        self._tell(Irregular(order.instance, order.id, "no answer before the settlement", event.t))
        self._apply(event, Report(order.id, "cancelled", event.t, Reason.UNANSWERED))

    def _apply(self, event: AnyEvent, report: Report) -> None:
        try:
            order = self._blotter.apply(report)
        except (IllegalTransition, KeyError) as cause:
            self._count(Step(EXECUTION, Verdict.BLOCK, Reason.ILLEGAL_TRANSITION, {"report": str(cause)}))
            self._reconciliation.note_anomaly(f"order {report.order}: {report.state}")
            self._tell(Irregular("", report.order, f"reported as {report.state}", event.t))
            return
        account = self._accounts[order.account]
        fill = report.fill
        if fill is not None:
            number = self._blotter.next_fill(order)
            ref = self._records.fill(event, order, number, report.t, fill, account.name)
            move = account.bought if order.side == "buy" else account.sold
            move(event.seq, event.t, self._out, order, fill, ref)
            self._tell(Filled(order, fill, ref, report.t))
            if (fill.price > order.limit) if order.side == "buy" else (fill.price < order.limit):
                self._tell(Irregular(order.instance, order.id, "filled through its limit", event.t))
        if order.state in FINAL:
            account.release(event.seq, event.t, self._out, order)
        self._records.order(event, order, self._blotter.row(order), report.reason)
        if order.state in FINAL:
            self._blotter.close(order)
            if order.state != "filled":
                self._tell(Cancelled(order, report.reason, report.t))
        if order.state not in ("accepted", "unknown"):
            verdict = Verdict.PASS if order.filled else Verdict.BLOCK
            self._count(Step(EXECUTION, verdict, report.reason))

    # --- what is known -------------------------------------------------------------------------------------------

    def _learn(self, event: AnyEvent) -> None:
        self._known.learn(event)
        if isinstance(event, Clock):
            for member in self._members:
                self._count_all(member.on_clock(event.t))
            self._forget(event.t)
            for order in list(self._quotes.forsaken(event.t, self._blotter)):
                self._cancel(order, event.t)
        elif isinstance(event, Market):
            if event.payout_up is not None:
                self._settle(event)
        elif isinstance(event, Input):
            self._take_input(event)
        elif isinstance(event, Configuration) and event.flow == PRODUCER:
            for member in self._members:
                self._count_all(member.on_start(event.t))

    def _take_input(self, event: Input) -> None:
        """Tell the members, and obey a command."""
        said = read_input(event.topic, event.payload.encode())
        for member in self._members:
            self._count_all(member.on_input(said, event.t))
        if isinstance(said, Signed):
            self._command(event, said)

    def _command(self, event: Input, signed: Signed) -> None:
        """Let every member hear a command that is the operator's, up to one that refuses it, and answer it."""
        command = self._operator.verified(signed)
        if command is None or isinstance(command, Reply):
            self._obey(event, command)
            return
        answer: Reply | None = None
        for member in self._members:
            reply = member.obey(command, event.t)
            answer = answer or reply
            if reply is not None and reply.step.verdict != Verdict.PASS:
                break
        self._obey(event, answer or nobodys(command))

    def _settle(self, event: Market) -> None:
        """Pay the market, at once or when the venue has said what became of its orders. The venue heard of it first,
        and ended what worked there."""
        wait = self._settlement.wait(event)
        if wait is None:
            self._pay(event, event)
        else:
            self._count(wait)

    def _pay(self, event: AnyEvent, resolved: Market) -> None:
        known = self._known.markets[resolved.key]
        happenings, steps = self._settlement.pay(event, resolved, known, self._instances)
        self._count_all(steps)
        for each in happenings:
            self._tell(each)
        self._count_all(self._markouts.on_settlement(resolved.key, known.payouts, event.t))

    def _obey(self, event: AnyEvent, reply: Reply | None) -> None:
        """Do what an operator's command asks for beyond what its gate will say, and answer it."""
        if reply is None:
            return
        self._count(reply.step)
        for order in list(self._blotter):
            wanted = reply.cancel is None or order.market_key in reply.cancel
            if wanted and not (reply.entries_only and order.side == "sell"):
                self._cancel(order, event.t)
        self._records.answer(event, reply)

    def _cancel(self, order: WorkingOrder, t: int) -> None:
        if not order.cancelling:
            order.cancelling = True
            self._venue.cancel(order.id, t)

    def _forget(self, t: int) -> None:
        traded = {key for account in self._accounts.values() for key in account.results}
        for market in self._known.forget(t, traded):
            self._venue.forget(market)
            self._settlement.forget(market.key)
            self._refusals.forget(market.key)
            self._waits.forget(market.key)
            self._quotes.forget(market.key)
            self._quote_refusals.forget(market.key)
            for member in self._members:
                member.forget(market.key)

    # --- entries -------------------------------------------------------------------------------------------------

    def _count_evaluations(
        self, event: AnyEvent, judged: Judged, entries: list[tuple[KnownMarket, Evaluation]]
    ) -> None:
        """Count what a lane judged, send the scan rows that are due, and add what would be entered to ``entries``."""
        markets, tally = self._known.markets, self._tally
        for evaluation in judged.evaluations:
            tally.add(event.t, evaluation)
            known = markets.get(evaluation.market_key)
            if known is None:
                continue
            if evaluation.fair >= 0.0:
                known.fairs[evaluation.instance] = (evaluation.fair, event.t)
            if evaluation.emit:
                instance = self._instances[evaluation.instance]
                standard = self._normalisation.judge(instance.strategy.family, evaluation.score, evaluation.threshold)
                if len(evaluation.steps) > 1:  # the strategy itself was asked
                    self._normalisation.take(instance.strategy.family, evaluation.score)
                self._records.scan(event, instance, evaluation, standard)
            if evaluation.intents or self._is_quoting(evaluation):
                entries.append((known, evaluation))

    def _enter(self, event: AnyEvent, known: KnownMarket, evaluation: Evaluation) -> None:
        """Gates, size, orders: all legs or none."""
        instance = self._instances[evaluation.instance]
        steps: list[Step] = list(evaluation.steps)
        for intent in evaluation.intents:
            entry = Entry(event.t, instance, known, intent, evaluation.intents)
            if not self._passes(entry, steps):
                self._refuse(event, known, evaluation, intent.outcome, intent.price, steps)
                return
        first = evaluation.intents[0]
        account = self._entered_on(instance.id)
        request = sizing.Request(
            event.seq,
            event.t,
            instance,
            known,
            evaluation,
            account,
            valuation.equity(account, self._known),
            self._multiplier(instance.id),
            lambda: [room for member in self._members for room in member.rooms(entry, account)],
        )
        orders, step = sizing.size(request, self._settings, self._blotter, self._siblings[instance.id])
        self._count(step)
        steps.append(step)
        if not orders:
            self._refuse(event, known, evaluation, first.outcome, first.price, steps)
            return
        for order in orders:
            if order.time_in_force == "SPLIT":  # one transaction: both halves at the same moment
                order.due = event.t + self._known.lag + self._split_takes
            else:
                order.due = self._venue.arrival(order.id, known.market, event.t, self._known.lag, not order.post_only)
        execution = Step(EXECUTION, Verdict.PASS, Reason.SUBMITTED, {"orders": len(orders), "due": orders[0].due})
        steps.append(execution)
        ids = tuple(order.id for order in orders)
        limit, size, own = orders[0].limit, orders[0].size, orders[0].decision
        choice = Choice(instance, known, first.outcome, "enter", tuple(steps), limit, size, ids, id=own)
        self._records.decision(event, choice)
        for order in orders:
            self._submit(event, account, order)

    def _is_quoting(self, evaluation: Evaluation) -> bool:
        return self._instances[evaluation.instance].strategy.quotes

    def _quote(self, event: AnyEvent, known: KnownMarket, evaluation: Evaluation) -> None:
        """Cancel the quotes that are not wanted any more, and send those that are missing, each by itself."""
        instance, key = self._instances[evaluation.instance], known.market.key
        account = self._entered_on(instance.id)
        working = [each for each in self._blotter.of(instance.id, key) if each.account == account.name]
        if not working and not evaluation.intents:
            return
        positions = account.positions
        up, down = (positions.get((instance.id, key, outcome)) for outcome in ("Up", "Down"))
        token = known.token("Up")
        inventory = Inventory(
            up.size if up is not None else 0,
            down.size if down is not None else 0,
            token.tick if token is not None else known.market.tick,
        )
        plan = self._quotes.compare(event.t, instance, evaluation, inventory, working)
        for order in plan.cancel:
            self._cancel(order, event.t)
        for intent in plan.send:
            self._enter(event, known, msgspec.structs.replace(evaluation, intents=(intent,)))

    def _passes(self, entry: Entry, steps: list[Step]) -> bool:
        """Whether all gates let an entry pass; their spans go to ``steps``, up to the first that does not."""
        for member in self._gatekeepers:
            for step in member.gates(entry):
                self._count(step)
                steps.append(step)
                if step.verdict != Verdict.PASS:
                    return False
        return True

    def _multiplier(self, instance: str) -> float:
        product = 1.0
        for member in self._members:
            product *= member.multiplier(instance)
        return product

    def _refuse(
        self,
        event: AnyEvent,
        known: KnownMarket,
        evaluation: Evaluation,
        outcome: str,
        price: int,
        steps: list[Step],
    ) -> None:
        refusals = self._quote_refusals if self._is_quoting(evaluation) else self._refusals
        repeats = refusals.due((evaluation.instance, evaluation.market_key, ""), steps[-1].reason, event.t)
        if repeats is None:
            return
        instance = self._instances[evaluation.instance]
        own = sizing.decision_id(event.seq, instance, known.market, evaluation.intents[0])
        choice = Choice(instance, known, outcome, "block", tuple(steps), price, repeats=repeats, id=own)
        self._records.decision(event, choice)

    def _submit(self, event: AnyEvent, account: Account, order: WorkingOrder) -> None:
        account.reserve(event.seq, event.t, self._out, order)
        submitted = self._blotter.add(order)
        self._records.order(event, order, self._blotter.row(order), Reason.SUBMITTED)
        self._venue.send(order)
        self._tell(submitted)

    # --- exits ---------------------------------------------------------------------------------------------------

    def _leave(self, event: AnyEvent) -> None:
        for account in self._accounts.values():
            for position in list(account.positions.values()):
                known = self._known.markets[position.market_key]
                if isinstance(event, Book) and event.key != position.market_key:
                    continue
                if isinstance(event, Spot) and event.lane != known.market.asset:
                    continue
                self._consider_leaving(event, known, account, position)

    def _consider_leaving(self, event: AnyEvent, known: KnownMarket, account: Account, position: Position) -> None:
        instance, key, outcome = self._instances[position.instance], position.market_key, position.outcome
        other = account.positions.get((instance.id, key, opposite(outcome)))
        standing = exits.Standing(
            t=event.t,
            instance=instance,
            position=position,
            known=known,
            stale_tokens=self._known.stale_tokens,
            other_size=other.size if other is not None else 0,
            killed=self._operator.killed,
            pending=self._is_pending(event, account, position),
            hot=not self._cooldown.may_leave(instance.id, key, outcome, event.t),
            stopped=self._cooldown.stopped(instance.id, key),
            demanded=self._operator.must_leave(key),
            costs=self._costs,
            account=account.name,
            armed=self._entering == LIVE,
        )
        step, leave = exits.judge(standing)
        self._count(step)
        if leave is None:
            if step.verdict == Verdict.BLOCK:
                self._wait(event, standing, step)
            return
        token = known.token(outcome)
        assert token is not None
        order = exits.order_of(event.seq, standing, leave, token, self._settings)
        order.due = self._venue.arrival(order.id, known.market, event.t, self._known.lag)
        submitted = Step(EXECUTION, Verdict.PASS, Reason.SUBMITTED, {"orders": 1, "due": order.due})
        steps = (step, submitted)
        decision, ids = order.decision, (order.id,)
        choice = Choice(instance, known, outcome, "exit", steps, order.limit, order.size, ids, id=decision)
        self._records.decision(event, choice)
        self._submit(event, account, order)

    def _is_pending(self, event: AnyEvent, account: Account, position: Position) -> bool:
        """Whether an order works that the position has to wait for. The sale of a pair's other leg at this very event
        is none: both legs are sold together."""
        for each in self._blotter.of(position.instance, position.market_key):
            if each.account != account.name:
                continue
            is_other_leg = each.reason is Reason.PAIR_SOLD and each.outcome != position.outcome
            if not (is_other_leg and each.sent == event.t and each.state == "submitted"):
                return True
        return False

    def _wait(self, event: AnyEvent, standing: exits.Standing, step: Step) -> None:
        """Say that a position cannot be judged, and why."""
        position = standing.position
        subject = (position.instance, position.market_key, position.outcome)
        repeats = self._waits.due(subject, step.reason, event.t)
        if repeats is not None:
            choice = Choice(
                standing.instance,
                standing.known,
                position.outcome,
                "block",
                (step,),
                size=position.size,
                repeats=repeats,
                id=exits.decision_id(event.seq, position, standing.account),
            )
            self._records.decision(event, choice)

    # --- what all of them use --------------------------------------------------------------------------------------

    def _account_of(self, instance: str) -> Account:
        """The account of an instance while nothing is armed: the portfolio's, or a twin's own."""
        return account_of(self._accounts, instance)

    def _entered_on(self, instance: str) -> Account:
        """The account that an entry of the instance is booked on now."""
        home = self._account_of(instance)
        return self._accounts[self._entering] if home.name == MAIN else home

    def _sharing(self, instance: Instance) -> frozenset[str]:
        """The instances that share a strategy's cap with this one: those of the same strategy on the same account."""
        account = self._account_of(instance.id)
        return frozenset(
            each.id
            for each in self._instances.values()
            if each.strategy is instance.strategy and self._account_of(each.id) is account
        )

    def _tell(self, happening: Happening) -> None:
        for member in self._members:
            self._count_all(member.on(happening))
        closed = self._rounds.take(happening)
        if closed is not None:
            self._tell(closed)

    def _count(self, step: Step) -> None:
        self._pulse.count(step.module, step.verdict, step.reason)

    def _count_all(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self._count(step)

    def _beat(self, t: int, whole: bool = False) -> Message:
        self._tally.tell(self._pulse, self._instances)
        own = {member.module: gauges for member in self._members if (gauges := member.gauges())}
        return self._pulse.beat(t, self._gauges(t), whole=whole, own=own)

    def _gauges(self, t: int) -> dict[str, Number]:
        """Those of the portfolio's paper account; of its real money the same under ``live_``; of a paper twin the
        equity, under its id."""
        twins: dict[str, Number] = {
            f"equity_{name}": valuation.equity(account, self._known) / DOLLAR
            for name, account in self._accounts.items()
            if name not in (MAIN, LIVE)
        }
        real: dict[str, Number] = {}
        if LIVE in self._accounts:
            numbers = valuation.gauges(self._accounts[LIVE], self._known, t)
            real = {f"live_{name}": number for name, number in numbers.items()}
        return {
            **valuation.gauges(self._accounts[MAIN], self._known, t),
            **real,
            **twins,
            "orders_under_way": len(self._blotter),
            "markets_settled": self._settlement.settled,
            "markets_corrected": self._settlement.corrected,
            "anomaly": int(self._reconciliation.anomaly),
            "lag_s": self._known.lag / SECOND,
            "lag_worst_s": -1.0 if self._known.worst_lag < 0 else self._known.worst_lag / SECOND,
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
