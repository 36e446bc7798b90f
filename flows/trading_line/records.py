"""What the portfolio publishes: scans, features, decisions with their provenance, orders, fills and outcomes."""

from __future__ import annotations

from connectors.venues.paper import Execution, Pending
from flows.trading_line.known import Held, Known
from flows.trading_line.outbox import Outbox
from models.contracts import Decision, Features, Fill, Number, Order, Outcome, Scan
from models.journal import AnyEvent, Market, TokenBook
from models.reasons import Reason, Verdict
from models.strategies.registry import STRATEGIES
from models.topics import DECISIONS, FEATURES, FILLS, ORDERS, OUTCOMES, SCANS
from models.trace import Evaluation, Step

EXECUTION = "execution"


class Records:
    """Puts rows into the outbox, each with an id that the journal gives it."""

    def __init__(self, out: Outbox, known: Known, portfolio: str, configuration: str) -> None:
        self._out = out
        self._known = known
        self._portfolio = portfolio
        self._configuration = configuration

    def features(self, event: AnyEvent, key: str, values: dict[str, Number]) -> None:
        row = Features(id=f"f{event.seq}-{key}", journal=event.seq, timestamp=event.t, market_key=key, values=values)
        self._out.put(FEATURES, key, row, event.t)

    def scan(self, event: AnyEvent, evaluation: Evaluation) -> None:
        strategy = STRATEGIES[evaluation.strategy]
        margin = round(evaluation.score - evaluation.threshold, 6)
        scale = max(evaluation.threshold, 0.005)
        scan = Scan(
            id=f"s{event.seq}-{evaluation.strategy}-{evaluation.market_key}",
            journal=event.seq,
            timestamp=event.t,
            strategy=evaluation.strategy,
            market_key=evaluation.market_key,
            score=evaluation.score,
            threshold=evaluation.threshold,
            margin=margin,
            unit=strategy.unit,
            metric_family=strategy.family,
            normalised=round(min(max(margin / scale, -10.0), 10.0), 6),
            verdict=Verdict(evaluation.verdict),
            reason=Reason(evaluation.reason),
            evaluations=evaluation.emit,
        )
        self._out.put(SCANS, evaluation.strategy, scan, event.t)

    def decision(
        self,
        event: AnyEvent,
        held: Held,
        strategy: str,
        outcome: str,
        action: str,
        steps: tuple[Step, ...],
        price: int,
        size: int,
        order_ids: list[str],
        repeats: int = 0,
        decision_id: str = "",
    ) -> None:
        last = steps[-1]
        for step in reversed(steps):
            if step.module != EXECUTION:
                last = step
                break
        reason = Reason.ENTER if action == "enter" else Reason(last.reason)
        suffix = f"-{outcome}" if action == "settle" else ""
        decision = Decision(
            id=decision_id or f"d{event.seq}-{strategy}-{held.market.key}{suffix}",
            journal=event.seq,
            timestamp=event.t,
            portfolio=self._portfolio,
            strategy=strategy,
            market_key=held.market.key,
            outcome=outcome,
            action=action,
            verdict=Verdict.BLOCK if action == "block" else Verdict.PASS,
            reason=reason,
            price=price,
            size=size,
            order_ids=order_ids,
            spans=[step.contract() for step in steps],
            sources=self._known.sources(event, held, outcome, STRATEGIES[strategy].needs.both),
            configuration=self._configuration,
            model="none",
            repeats=repeats,
        )
        self._out.put(DECISIONS, held.market.key, decision, event.t)

    def order(self, event: AnyEvent, order: Pending, filled: int, status: str, reason: Reason) -> None:
        record = Order(
            id=order.id,
            decision=order.decision,
            journal=event.seq,
            timestamp=event.t,
            strategy=order.strategy,
            market_key=order.market_key,
            token=order.token,
            outcome=order.outcome,
            side=order.side,
            kind=order.kind,
            limit=order.limit,
            size=order.size,
            filled=filled,
            due=order.due,
            status=status,
            reason=reason,
        )
        self._out.put(ORDERS, order.id, record, event.t)

    def fill(self, event: AnyEvent, order: Pending, number: int, each: Execution, token: TokenBook | None) -> str:
        """Fill ``number`` of an order; its id."""
        fill = Fill(
            id=f"{order.id}.{number}",
            order=order.id,
            decision=order.decision,
            journal=event.seq,
            book_journal=token.seq if token else -1,
            timestamp=order.due,
            strategy=order.strategy,
            market_key=order.market_key,
            outcome=order.outcome,
            side=order.side,
            price=each.price,
            size=each.size,
            gross=each.gross,
            fee=each.fee,
        )
        self._out.put(FILLS, order.id, fill, event.t)
        return fill.id

    def outcome(self, event: Market, pnl: dict[str, int]) -> None:
        assert event.payout_up is not None and event.payout_down is not None
        outcome = Outcome(
            id=f"o{event.seq}",
            journal=event.seq,
            timestamp=event.t,
            market_key=event.key,
            payout_up=event.payout_up,
            payout_down=event.payout_down,
            source=event.resolved_by,
            pnl=pnl,
        )
        self._out.put(OUTCOMES, event.key, outcome, event.t)
