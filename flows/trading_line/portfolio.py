"""The portfolio: everything after the barrier. Sees every event in journal order and is the only one to spend money.

For each event, in this order: orders that were due before it meet the book that stood then; the event is taken in, and
a resolution settles its market; the lanes' evaluations are counted; positions are held against the exit rules;
evaluations that passed go through the gates, are sized and become orders; a clock tick sends the pulse. Each of these
leaves its spans on the trace, and the counters of every module are counted from those spans.
"""

from __future__ import annotations

import hashlib

from connectors.venues.paper import PaperVenue, Pending
from flows.market_line.findings import Beat
from flows.pulse import Pulse
from flows.quality import Tally
from flows.trading_line import exits, gates, sizing, valuation
from flows.trading_line.items import Judged
from flows.trading_line.known import Held, Known, opposite
from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Money, Position
from flows.trading_line.records import EXECUTION, Records
from flows.trading_line.refusals import Refusals
from flows.trading_line.tally import GateTally
from models.contracts import Number
from models.journal import AnyEvent, Book, Clock, Feed, Market, Spot
from models.message import Message
from models.money import DOLLAR, PIP, SHARE, SIZE_STEP
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies import parity
from models.strategies.registry import STRATEGIES, limits_of
from models.timestamps import SECOND
from models.trace import Evaluation, Intent, Step

PRODUCER = "trading"
SETTLEMENT = "settlement"
RECONCILIATION = "reconciliation"
#: A position that cannot be judged says so at most this often, in seconds; a refused entry each second.
_EXIT_EVERY_S = 10
MODULES = (
    *(strategy.needs.module for strategy in STRATEGIES.values()),
    "features",
    *(f"strategy.{name}" for name in STRATEGIES),
    *gates.GATE_MODULES,
    sizing.MODULE,
    EXECUTION,
    exits.MODULE,
    SETTLEMENT,
    RECONCILIATION,
)

Out = Message | Tally | Beat


class Portfolio:
    """``take`` is the whole interface: one event with what the lanes made of it, in journal order."""

    def __init__(self, settings: Settings, configuration: str) -> None:
        self._settings = settings
        self._name = settings.portfolio_name
        self._limits = limits_of(settings)
        self._known = Known()
        self._money = Money(round(settings.portfolio.capital * DOLLAR))
        self._venue = PaperVenue(int(settings.execution.replenish_s * SECOND))
        self._sizing = sizing.Sizing(settings, self._limits)
        self._out = Outbox(PRODUCER)
        self._records = Records(self._out, self._known, self._name, configuration)
        self._pulse = Pulse(PRODUCER, MODULES, "portfolio")
        self._pending: list[Pending] = []
        self._refusals = Refusals(1)
        self._waits = Refusals(_EXIT_EVERY_S)
        self._tally = GateTally(settings.checks.window_s)
        self._anomaly = False
        self._settled = 0
        self._cooldown = int(settings.portfolio.cooldown_s * SECOND)

    def take(self, copies: list[Judged]) -> list[Out]:
        """What one journal event leads to: messages, and what the data gates said, for the windows. ``copies``: the
        event as each lane left it, in lane order."""
        event = copies[0].event
        counted: list[Out] = []
        counted.extend(self._tally.turn(event.t))
        self._money.open(event.seq, event.t, self._out)
        self._execute_due(event)
        self._learn(event)
        entries: list[tuple[Held, Evaluation]] = []
        for judged in copies:
            for evaluation in judged.evaluations:
                held = self._evaluated(event, evaluation)
                if held is not None and evaluation.intents:
                    entries.append((held, evaluation))
            for key, values in judged.features:
                self._records.features(event, key, values)
        self._leave(event)  # first: what is left at this event is not bought back at it
        for held, evaluation in entries:
            self._enter(event, held, evaluation)
        out: list[Out] = []
        out.extend(self._out.take())
        if isinstance(event, Clock):
            if self._pulse.is_due(event.t):
                out.extend(self._pulse.beat(event.t, self._gauges()))
            counted.extend(self._tally.take())
            counted.append(Beat(event.t))
        elif isinstance(event, Feed) and event.what == "end of run":
            out.extend(self._pulse.beat(event.t, self._gauges(), whole=True))
        out.extend(counted)
        return out

    # --- orders that arrive at the venue --------------------------------------------------------------------------

    def _execute_due(self, event: AnyEvent) -> None:
        if not self._pending or self._pending[0].due >= event.t:
            return
        still: list[Pending] = []
        for order in self._pending:
            if order.due < event.t:
                self._execute(event, order)
            else:
                still.append(order)
        self._pending = still

    def _execute(self, event: AnyEvent, order: Pending) -> None:
        held = self._known.markets[order.market_key]
        token = held.token(order.outcome)
        is_stale = order.token in self._known.stale_tokens
        executions, reason = self._venue.execute(order, held.market, token, is_stale)
        filled = 0
        for number, each in enumerate(executions):
            fill = self._records.fill(event, order, number, each, token)
            if order.side == "buy":
                self._money.bought(event.seq, event.t, self._out, order, each, fill)
            else:
                self._money.sold(event.seq, event.t, self._out, order, each, fill)
            filled += each.size
        self._money.release(event.seq, event.t, self._out, order)
        status = "filled" if filled == order.size else "partly_filled" if filled else "rejected"
        self._records.order(event, order, filled, status, reason)
        self._count(Step(EXECUTION, Verdict.PASS if filled else Verdict.BLOCK, reason))

    # --- what is known --------------------------------------------------------------------------------------------

    def _learn(self, event: AnyEvent) -> None:
        self._known.learn(event)
        if isinstance(event, Clock):
            self._forget(event.t)
        elif isinstance(event, Market):
            held = self._known.markets[event.key]
            if event.payout_up is not None and not held.done:
                self._settle(event, held)

    def _forget(self, t: int) -> None:
        for market in self._known.forget(t, self._money.flows):
            for token in (market.up_token, market.down_token):
                self._venue.forget(token)
            self._refusals.forget(market.key)
            self._waits.forget(market.key)
            self._money.ledger.cash_of.pop(market.key, None)  # nothing but reservations that were given back

    def _settle(self, event: Market, held: Held) -> None:
        """Pay every position of the market, give reservations back, and compare ledger and fills."""
        held.done = True
        assert event.payout_up is not None and event.payout_down is not None
        payouts = {"Up": event.payout_up, "Down": event.payout_down}
        for order in [each for each in self._pending if each.market_key == event.key]:
            self._money.release(event.seq, event.t, self._out, order)
            self._records.order(event, order, 0, "rejected", Reason.MARKET_CLOSED)
            self._pending.remove(order)
        for key in sorted(key for key in self._money.positions if key[1] == event.key):
            position = self._money.positions[key]
            payout = payouts[position.outcome] * position.size // PIP
            numbers: dict[str, Number] = {
                "shares": position.size / SHARE,
                "payout": payout / DOLLAR,
                "paid": position.basis / DOLLAR,
            }
            step = Step(SETTLEMENT, Verdict.PASS, Reason.SETTLED, numbers)
            self._count(step)
            price, size = payouts[position.outcome], position.size
            self._records.decision(event, held, position.strategy, position.outcome, "settle", (step,), price, size, [])
            self._money.settled(event.seq, event.t, self._out, position, payout)
        flow = self._money.flows.get(event.key)
        pnl: dict[str, int] = {}
        if flow is not None:
            pnl = {name: flow.gross[name] - flow.fees.get(name, 0) for name in sorted(flow.gross)}
        difference = self._money.reconcile(event.key, payouts)
        imbalance = self._money.ledger.imbalance()
        sound = difference == 0 and imbalance == 0
        self._anomaly = self._anomaly or not sound
        reason = Reason.RECONCILED if sound else Reason.ANOMALY
        self._count(Step(RECONCILIATION, Verdict.PASS if sound else Verdict.BLOCK, reason))
        self._settled += 1
        self._records.outcome(event, pnl)

    # --- entries --------------------------------------------------------------------------------------------------

    def _evaluated(self, event: AnyEvent, evaluation: Evaluation) -> Held | None:
        """Count an evaluation and send its scan row; its market, where it is known."""
        self._tally.add(event.t, evaluation)
        for step in evaluation.steps:
            self._count(step)
        held = self._known.markets.get(evaluation.market_key)
        if held is None:
            return None
        if evaluation.fair >= 0.0:
            held.fair, held.fair_t = evaluation.fair, event.t
        if evaluation.emit:
            self._records.scan(event, evaluation)
        return held

    def _enter(self, event: AnyEvent, held: Held, evaluation: Evaluation) -> None:
        """Gates, size, order: all legs or none."""
        steps: list[Step] = list(evaluation.steps)
        for intent in evaluation.intents:
            for step in self._gates(event.t, held, evaluation, intent):
                self._count(step)
                steps.append(step)
            if steps[-1].verdict == Verdict.BLOCK:
                self._refuse(event, held, evaluation, intent, steps)
                return
        worth = valuation.equity(self._money, self._known)
        orders, step = self._sizing.size(event.seq, event.t, held, evaluation, self._money, self._pending, worth)
        self._count(step)
        steps.append(step)
        first = evaluation.intents[0]
        if not orders:
            self._refuse(event, held, evaluation, first, steps)
            return
        execution = Step(EXECUTION, Verdict.PASS, Reason.SUBMITTED, {"orders": len(orders), "due": orders[0].due})
        steps.append(execution)
        ids = [order.id for order in orders]
        strategy, outcome, order = evaluation.strategy, first.outcome, orders[0]
        self._records.decision(event, held, strategy, outcome, "enter", tuple(steps), order.limit, order.size, ids)
        for order in orders:
            self._submit(event, held, order)

    def _gates(self, t: int, held: Held, evaluation: Evaluation, intent: Intent) -> list[Step]:
        strategy, key = evaluation.strategy, evaluation.market_key
        assert held.book is not None
        single = len(evaluation.intents) == 1
        situation = gates.Situation(
            t=t,
            market=held.market,
            book=held.book,
            token=held.token(intent.outcome),
            spot=self._known.spots.get(held.market.asset),
            spot_stale=held.market.asset in self._known.stale_spots,
            stale_tokens=self._known.stale_tokens,
            last_order=held.last_order.get(strategy, 0),
            pending=any(order.strategy == strategy and order.market_key == key for order in self._pending),
            other_side_held=single and (strategy, key, opposite(intent.outcome)) in self._money.positions,
            stopped_out=strategy in held.stopped,
            anomaly=self._anomaly,
        )
        return gates.check(situation, self._settings, self._limits[strategy])

    def _refuse(self, event: AnyEvent, held: Held, evaluation: Evaluation, intent: Intent, steps: list[Step]) -> None:
        repeats = self._refusals.due((evaluation.strategy, evaluation.market_key, ""), steps[-1].reason, event.t)
        if repeats is None:
            return
        strategy, outcome = evaluation.strategy, intent.outcome
        self._records.decision(event, held, strategy, outcome, "block", tuple(steps), intent.ask, 0, [], repeats)

    def _submit(self, event: AnyEvent, held: Held, order: Pending) -> None:
        if order.side == "buy":
            self._money.reserve(event.seq, event.t, self._out, order)
            held.last_order[order.strategy] = event.t
        else:
            held.last_exit[order.outcome] = event.t
            if order.reason == Reason.STOP_LOSS:
                held.stopped.add(order.strategy)
        self._records.order(event, order, 0, "submitted", Reason.SUBMITTED)
        self._pending.append(order)

    # --- exits ----------------------------------------------------------------------------------------------------

    def _leave(self, event: AnyEvent) -> None:
        if not self._money.positions or not isinstance(event, Book | Spot | Clock):
            return
        for position in list(self._money.positions.values()):
            held = self._known.markets[position.market_key]
            if isinstance(event, Book) and event.key != position.market_key:
                continue
            if isinstance(event, Spot) and event.lane != held.market.asset:
                continue
            self._consider_leaving(event, held, position)

    def _consider_leaving(self, event: AnyEvent, held: Held, position: Position) -> None:
        market, t = held.market, event.t
        token = held.token(position.outcome)
        other = (position.strategy, position.market_key, opposite(position.outcome))
        limits = self._limits[position.strategy]
        decision = f"d{event.seq}-{position.strategy}-{market.key}-{position.outcome}"
        standing = exits.Standing(
            t=t,
            position=position,
            market=market,
            token=token,
            stale_tokens=self._known.stale_tokens,
            pending=self._is_pending(position),
            hot=t - held.last_exit.get(position.outcome, 0) < self._cooldown,
            paired=position.strategy == parity.NAME and other in self._money.positions,
        )
        wait = exits.obstacle(standing, limits)
        if wait is not None:
            self._count(wait)
            if wait.verdict == Verdict.BLOCK:
                self._wait(event, held, position, wait, decision)
            return
        assert token is not None
        fresh = held.fair >= 0.0 and t - held.fair_t <= limits.book_age
        fair = (held.fair if position.outcome == "Up" else 1.0 - held.fair) if fresh else -1.0
        step = exits.judge(position, market, token, fair, self._settings.fair_value, t)
        self._count(step)
        if step.verdict != Verdict.PASS:
            return
        slip = round(self._settings.execution.slippage * PIP)
        limit = max(-(-(token.bids[0][0] - slip) // token.tick) * token.tick, token.tick)
        order = Pending(
            id=f"{self._name}-{event.seq}-{position.strategy}-{market.key}-exit-{position.outcome}",
            decision=decision,
            strategy=position.strategy,
            market_key=market.key,
            token=position.token,
            outcome=position.outcome,
            side="sell",
            kind="FAK",
            limit=limit,
            size=position.size // SIZE_STEP * SIZE_STEP,
            due=t + self._sizing.delay,
            reserved=0,
            reason=step.reason,
            book_age=limits.book_age,
        )
        submitted = Step(EXECUTION, Verdict.PASS, Reason.SUBMITTED, {"orders": 1, "due": order.due})
        strategy, outcome, size = position.strategy, position.outcome, order.size
        self._records.decision(
            event, held, strategy, outcome, "exit", (step, submitted), limit, size, [order.id], 0, decision
        )
        self._submit(event, held, order)

    def _wait(self, event: AnyEvent, held: Held, position: Position, step: Step, decision: str) -> None:
        """Say that a position cannot be judged, and why."""
        subject = (position.strategy, position.market_key, position.outcome)
        repeats = self._waits.due(subject, step.reason, event.t)
        if repeats is not None:
            strategy, outcome, size = subject[0], position.outcome, position.size
            self._records.decision(event, held, strategy, outcome, "block", (step,), 0, size, [], repeats, decision)

    def _is_pending(self, position: Position) -> bool:
        return bool(self._pending) and any(
            order.strategy == position.strategy and order.market_key == position.market_key for order in self._pending
        )

    def _count(self, step: Step) -> None:
        self._pulse.count(step.module, step.verdict, step.reason)

    def _gauges(self) -> dict[str, Number]:
        return {
            **valuation.gauges(self._money, self._known),
            "orders_under_way": len(self._pending),
            "markets_settled": self._settled,
            "anomaly": int(self._anomaly),
        }


def configuration_id(settings: Settings) -> str:
    """A short name of everything in the configuration that can change a decision."""

    relevant = settings.model_dump_json(include={"checks", "fair_value", "parity", "portfolio", "execution"})
    return hashlib.sha256(relevant.encode()).hexdigest()[:12]
