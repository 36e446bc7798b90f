"""Leaving: at every book, spot and clock each position is judged by the exit rules, and sold where one says so."""

from __future__ import annotations

from flows.trading_line import exits
from flows.trading_line.floor import Floor
from flows.trading_line.holdings import Holdings
from flows.trading_line.known import KnownMarket
from flows.trading_line.operator import Operator
from flows.trading_line.positions import Account, Position
from flows.trading_line.records import EXECUTION, Choice
from flows.trading_line.refusals import Refusals
from models.journal import AnyEvent, Book, Spot
from models.reasons import Reason, Verdict
from models.trace import Step

#: A position that cannot be judged says so at most this often, in seconds.
_EVERY_S = 10


class Leaving:
    """``leave`` is for each event that positions are judged at."""

    def __init__(self, floor: Floor, operator: Operator, holdings: Holdings) -> None:
        self._floor = floor
        self._operator = operator
        self._holdings = holdings
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
        demanded = self._operator.must_leave(position.market_key)
        standing = self._holdings.standing(event.t, account, position, self._operator.killed, demanded)
        step, leave = exits.judge(standing)
        floor.count(step)
        if leave is None:
            if step.verdict == Verdict.BLOCK:
                self._wait(event, standing, step)
            return
        instance, outcome = standing.instance, position.outcome
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
