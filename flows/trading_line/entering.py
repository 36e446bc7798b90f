"""Entering: evaluations that passed go through every gate, are sized and sent: all legs or none, quotes one by one."""

from __future__ import annotations

import msgspec

from flows.quality import Tally
from flows.trading_line import sizing, valuation
from flows.trading_line.floor import Floor
from flows.trading_line.items import Judged
from flows.trading_line.known import KnownMarket
from flows.trading_line.members import Entry, Member
from flows.trading_line.normalisation import Normalisation
from flows.trading_line.quotes import Quotes
from flows.trading_line.records import EXECUTION, Choice
from flows.trading_line.refusals import Refusals
from flows.trading_line.tally import EvaluationTally
from models.journal import AnyEvent
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.strategy import Inventory
from models.timestamps import SECOND
from models.trace import Evaluation, Step

#: A refused entry says so at most this often, and a refused quote, which is wanted again at each book, in seconds.
_ENTRY_EVERY_S = 1
_QUOTE_EVERY_S = 10


class Entering:
    """``take`` counts what a lane judged, and ``act`` acts on what is wanted."""

    def __init__(self, floor: Floor, settings: Settings) -> None:
        self._floor = floor
        self._normalisation = Normalisation()
        self._quotes = Quotes()
        self._refusals = Refusals(_ENTRY_EVERY_S)
        self._quote_refusals = Refusals(_QUOTE_EVERY_S)
        self._tally = EvaluationTally(settings.checks.window_s)
        #: Those that have a gate: nearly all members have none.
        self._gatekeepers = tuple(each for each in floor.members if type(each).gates is not Member.gates)

    def take(self, event: AnyEvent, judged: Judged, wanted: list[tuple[KnownMarket, Evaluation]]) -> None:
        """Count what a lane judged, send the scan rows that are due, and add what would be entered to ``wanted``."""
        floor, tally = self._floor, self._tally
        markets = floor.known.markets
        for evaluation in judged.evaluations:
            tally.add(event.t, evaluation)
            known = markets.get(evaluation.market_key)
            if known is None:
                continue
            if evaluation.fair >= 0.0:
                known.fairs[evaluation.instance] = (evaluation.fair, event.t)
            if evaluation.emit:
                instance = floor.instances[evaluation.instance]
                standard = self._normalisation.judge(instance.strategy.family, evaluation.score, evaluation.threshold)
                if len(evaluation.steps) > 1:  # the strategy itself was asked
                    self._normalisation.take(instance.strategy.family, evaluation.score)
                floor.records.scan(event, instance, evaluation, standard)
            if evaluation.intents or self._is_quoting(evaluation):
                wanted.append((known, evaluation))

    def act(self, event: AnyEvent, known: KnownMarket, evaluation: Evaluation) -> None:
        """Enter, or move the quotes to where they are wanted."""
        if self._is_quoting(evaluation):
            self._quote(event, known, evaluation)
        else:
            self._enter(event, known, evaluation)

    def windows(self, t: int) -> list[Tally]:
        """What the data gates said in the window that is over at ``t``; nothing before that."""
        if not self._tally.is_over(t):
            return []
        self.tell_counts()
        return self._tally.take()

    def tell_counts(self) -> None:
        """Give the evaluations that were counted to the pulse."""
        self._tally.tell(self._floor.pulse, self._floor.instances)

    def on_clock(self, t: int) -> None:
        """Cancel the quotes that no evaluation speaks of any more."""
        for order in list(self._quotes.forsaken(t, self._floor.blotter)):
            self._floor.cancel(order, t)

    def forget(self, market: str) -> None:
        """Nothing more comes of this market."""
        self._refusals.forget(market)
        self._quotes.forget(market)
        self._quote_refusals.forget(market)

    def _enter(self, event: AnyEvent, known: KnownMarket, evaluation: Evaluation) -> None:
        """Gates, size, orders: all legs or none."""
        floor = self._floor
        instance = floor.instances[evaluation.instance]
        steps: list[Step] = list(evaluation.steps)
        for intent in evaluation.intents:
            entry = Entry(event.t, instance, known, intent, evaluation.intents)
            if not self._passes(entry, steps):
                self._refuse(event, known, evaluation, intent.outcome, intent.price, steps)
                return
        first = evaluation.intents[0]
        account = floor.entered_on(instance.id)
        request = sizing.Request(
            event.seq,
            event.t,
            instance,
            known,
            evaluation,
            account,
            valuation.equity(account, floor.known),
            self._multiplier(instance.id),
            lambda: [room for member in floor.members for room in member.rooms(entry, account)],
        )
        orders, step = sizing.size(request, floor.settings, floor.blotter, floor.siblings[instance.id])
        floor.count(step)
        steps.append(step)
        if not orders:
            self._refuse(event, known, evaluation, first.outcome, first.price, steps)
            return
        split_takes = round(floor.settings.execution.split_s * SECOND)
        for order in orders:
            if order.time_in_force == "SPLIT":  # one transaction: both halves at the same moment
                order.due = event.t + floor.known.lag + split_takes
            else:
                order.due = floor.venue.arrival(order.id, known.market, event.t, floor.known.lag, not order.post_only)
        execution = Step(EXECUTION, Verdict.PASS, Reason.SUBMITTED, {"orders": len(orders), "due": orders[0].due})
        steps.append(execution)
        ids = tuple(order.id for order in orders)
        limit, size, own = orders[0].limit, orders[0].size, orders[0].decision
        choice = Choice(instance, known, first.outcome, "enter", tuple(steps), limit, size, ids, id=own)
        floor.records.decision(event, choice)
        for order in orders:
            floor.submit(event, account, order)

    def _is_quoting(self, evaluation: Evaluation) -> bool:
        return self._floor.instances[evaluation.instance].strategy.quotes

    def _quote(self, event: AnyEvent, known: KnownMarket, evaluation: Evaluation) -> None:
        """Cancel the quotes that are not wanted any more, and send those that are missing, each by itself."""
        floor = self._floor
        instance, key = floor.instances[evaluation.instance], known.market.key
        account = floor.entered_on(instance.id)
        working = [each for each in floor.blotter.of(instance.id, key) if each.account == account.name]
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
            floor.cancel(order, event.t)
        for intent in plan.send:
            self._enter(event, known, msgspec.structs.replace(evaluation, intents=(intent,)))

    def _passes(self, entry: Entry, steps: list[Step]) -> bool:
        """Whether all gates let an entry pass; their spans go to ``steps``, up to the first that does not."""
        for member in self._gatekeepers:
            for step in member.gates(entry):
                self._floor.count(step)
                steps.append(step)
                if step.verdict != Verdict.PASS:
                    return False
        return True

    def _multiplier(self, instance: str) -> float:
        product = 1.0
        for member in self._floor.members:
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
        instance = self._floor.instances[evaluation.instance]
        own = sizing.decision_id(event.seq, instance, known.market, evaluation.intents[0])
        choice = Choice(instance, known, outcome, "block", tuple(steps), price, repeats=repeats, id=own)
        self._floor.records.decision(event, choice)
