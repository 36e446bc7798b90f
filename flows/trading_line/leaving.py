"""Leaving: at every book, spot and clock each position is judged by the exit rules, and sold where one says so."""

from __future__ import annotations

from flows.trading_line import exits
from flows.trading_line.cooldown import Cooldown
from flows.trading_line.floor import Floor
from flows.trading_line.known import KnownMarket, opposite
from flows.trading_line.operator import Operator
from flows.trading_line.positions import Account, Position
from flows.trading_line.records import EXECUTION, Choice
from flows.trading_line.refusals import Refusals
from models.accounts import LIVE
from models.journal import AnyEvent, Book, Spot
from models.reasons import Reason, Verdict
from models.trace import Step

#: A position that cannot be judged says so at most this often, in seconds.
_EVERY_S = 10


class Leaving:
    """``leave`` is for each event that positions are judged at."""

    def __init__(self, floor: Floor, operator: Operator, cooldown: Cooldown) -> None:
        self._floor = floor
        self._operator = operator
        self._cooldown = cooldown
        self._waits = Refusals(_EVERY_S)

    def leave(self, event: AnyEvent) -> None:
        """Judge the positions that the event concerns."""
        markets = self._floor.known.markets
        for account in self._floor.accounts.values():
            for position in list(account.positions.values()):
                known = markets[position.market_key]
                if isinstance(event, Book) and event.key != position.market_key:
                    continue
                if isinstance(event, Spot) and event.lane != known.market.asset:
                    continue
                self._judge(event, known, account, position)

    def forget(self, market: str) -> None:
        """Nothing more comes of this market."""
        self._waits.forget(market)

    def _judge(self, event: AnyEvent, known: KnownMarket, account: Account, position: Position) -> None:
        floor = self._floor
        instance, key, outcome = floor.instances[position.instance], position.market_key, position.outcome
        other = account.positions.get((instance.id, key, opposite(outcome)))
        standing = exits.Standing(
            t=event.t,
            instance=instance,
            position=position,
            known=known,
            stale_tokens=floor.known.stale_tokens,
            other_size=other.size if other is not None else 0,
            killed=self._operator.killed,
            pending=self._is_pending(event, account, position),
            hot=not self._cooldown.may_leave(instance.id, key, outcome, event.t),
            stopped=self._cooldown.stopped(instance.id, key),
            demanded=self._operator.must_leave(key),
            costs=floor.settings.costs.model,
            account=account.name,
            armed=floor.entering == LIVE,
        )
        step, leave = exits.judge(standing)
        floor.count(step)
        if leave is None:
            if step.verdict == Verdict.BLOCK:
                self._wait(event, standing, step)
            return
        token = known.token(outcome)
        assert token is not None
        order = exits.order_of(event.seq, standing, leave, token, floor.settings)
        order.due = floor.venue.arrival(order.id, known.market, event.t, floor.known.lag)
        submitted = Step(EXECUTION, Verdict.PASS, Reason.SUBMITTED, {"orders": 1, "due": order.due})
        steps = (step, submitted)
        decision, ids = order.decision, (order.id,)
        choice = Choice(instance, known, outcome, "exit", steps, order.limit, order.size, ids, id=decision)
        floor.records.decision(event, choice)
        floor.submit(event, account, order)

    def _is_pending(self, event: AnyEvent, account: Account, position: Position) -> bool:
        """Whether an order works that the position has to wait for. The sale of a pair's other leg at this very event
        is none: both legs are sold together."""
        for each in self._floor.blotter.of(position.instance, position.market_key):
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
            self._floor.records.decision(event, choice)
