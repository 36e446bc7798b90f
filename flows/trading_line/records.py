"""What the desk publishes: scans, features, decisions with their provenance, orders, fills, outcomes and answers."""

from __future__ import annotations

from typing import cast

import msgspec

from flows.trading_line.known import KnownMarket, MarketCache
from flows.trading_line.members import Notice
from flows.trading_line.normalisation import Standard
from flows.trading_line.outbox import Outbox
from flows.trading_line.reply import Reply
from models.configuration import configuration_id
from models.contracts import (
    Action,
    Answer,
    Decision,
    Features,
    Fill,
    MarkOut,
    Number,
    Order,
    Outcome,
    OutcomeName,
    RiskEvent,
    Scan,
    VenueCommand,
)
from models.journal import AnyEvent, Market
from models.orders import Execution, WorkingOrder
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.instance import Instance
from models.topics import ANSWERS, DECISIONS, FEATURES, FILLS, MARKOUTS, ORDERS, OUTCOMES, RISK, SCANS, VENUE
from models.trace import Evaluation, Step

EXECUTION = "execution"


class Choice(msgspec.Struct, frozen=True):
    """A decision in the making: whose, on which outcome, what (``enter``, ``exit``, ``block``, ``settle``,
    ``correct``), the spans it rests on, its price (pips) and size (micro-shares), and the orders it sent. ``id``:
    where it is not the usual one; ``suffix``: of the usual one; ``repeats``: equal refusals, counted and not sent."""

    instance: Instance
    known: KnownMarket
    outcome: str
    action: Action
    steps: tuple[Step, ...]
    price: int = 0
    size: int = 0
    orders: tuple[str, ...] = ()
    repeats: int = 0
    id: str = ""
    suffix: str = ""


class Records:
    """Puts rows into the outbox, each with an id that the journal gives it."""

    def __init__(self, out: Outbox, known: MarketCache) -> None:
        self._out = out
        self._known = known
        self._portfolio = ""
        self._configuration = ""

    def configure(self, settings: Settings) -> None:
        """Name these settings in every decision from now on."""
        self._portfolio = settings.portfolio_name
        self._configuration = configuration_id(settings)

    def features(self, event: AnyEvent, key: str, values: dict[str, Number]) -> None:
        row = Features(id=f"f{event.seq}-{key}", journal=event.seq, timestamp=event.t, market_key=key, values=values)
        self._out.put(FEATURES, key, row, event.t)

    def scan(self, event: AnyEvent, instance: Instance, evaluation: Evaluation, standard: Standard) -> None:
        margin = round(evaluation.score - evaluation.threshold, 6)
        scan = Scan(
            id=f"s{event.seq}-{instance.id}-{evaluation.market_key}",
            journal=event.seq,
            timestamp=event.t,
            strategy=instance.id,
            market_key=evaluation.market_key,
            score=evaluation.score,
            threshold=evaluation.threshold,
            margin=margin,
            unit=instance.strategy.unit,
            metric_family=instance.strategy.family,
            normalised=standard.score,
            verdict=Verdict(evaluation.verdict),
            reason=Reason(evaluation.reason),
            evaluations=evaluation.emit,
            rank=standard.rank,
            warming=standard.warming,
            numbers=evaluation.steps[-1].numbers,
        )
        self._out.put(SCANS, instance.id, scan, event.t)

    def decision(self, event: AnyEvent, choice: Choice) -> None:
        last = choice.steps[-1]
        for step in reversed(choice.steps):
            if step.module != EXECUTION:
                last = step
                break
        instance, market = choice.instance, choice.known.market
        suffix = f"-{choice.outcome}{choice.suffix}" if choice.action in ("settle", "correct") else ""
        decision = Decision(
            id=choice.id or f"d{event.seq}-{instance.id}-{market.key}{suffix}",
            journal=event.seq,
            timestamp=event.t,
            portfolio=self._portfolio,
            strategy=instance.id,
            market_key=market.key,
            outcome=cast(OutcomeName, choice.outcome),
            action=choice.action,
            verdict=Verdict.BLOCK if choice.action == "block" else Verdict.PASS,
            reason=Reason.ENTER if choice.action == "enter" else Reason(last.reason),
            price=choice.price,
            size=choice.size,
            order_ids=list(choice.orders),
            spans=[step.contract() for step in choice.steps],
            sources=self._known.sources(event, choice.known, choice.outcome, instance.strategy.needs.both),
            configuration=self._configuration,
            model=instance.model,
            repeats=choice.repeats,
        )
        self._out.put(DECISIONS, market.key, decision, event.t)

    def order(self, event: AnyEvent, order: WorkingOrder, number: int, reason: Reason) -> None:
        """Row ``number`` of the order: its state as it is now."""
        record = Order(
            id=order.id,
            decision=order.decision,
            journal=event.seq,
            timestamp=event.t,
            strategy=order.instance,
            market_key=order.market_key,
            token=order.token,
            outcome=cast(OutcomeName, order.outcome),
            side=order.side,
            kind=order.time_in_force,
            limit=order.limit,
            size=order.size,
            filled=order.filled,
            due=order.due,
            status=order.state,
            reason=reason,
            number=number,
            post_only=order.post_only,
            expires=order.expires,
        )
        self._out.put(ORDERS, order.id, record, event.t)

    def fill(self, event: AnyEvent, order: WorkingOrder, number: int, t: int, each: Execution, account: str) -> str:
        """Fill ``number`` of an order at ``t`` (Unix ns); its id."""
        fill = Fill(
            id=f"{order.id}.{number}",
            order=order.id,
            decision=order.decision,
            journal=event.seq,
            book_journal=each.book,
            timestamp=t,
            strategy=order.instance,
            market_key=order.market_key,
            outcome=cast(OutcomeName, order.outcome),
            side=order.side,
            price=each.price,
            size=each.size,
            gross=each.gross,
            fee=each.fee,
            evidence=each.evidence,
            decision_mid=order.mid,
            account=account,
            mid=each.mid,
            touch=each.touch,
        )
        self._out.put(FILLS, order.id, fill, event.t)
        return fill.id

    def outcome(
        self, event: AnyEvent, resolved: Market, payouts: dict[str, int], pnl: dict[str, int], corrects: str = ""
    ) -> str:
        """A market's outcome, paid at ``event``, with its payouts by outcome in pips; its id."""
        late = "" if event is resolved else f"-{resolved.key}"  # several may have waited for the same event
        outcome = Outcome(
            id=f"o{event.seq}{late}",
            journal=event.seq,
            timestamp=event.t,
            market_key=resolved.key,
            payout_up=payouts["Up"],
            payout_down=payouts["Down"],
            source=resolved.corrected_by or resolved.resolved_by,
            pnl=pnl,
            corrects=corrects,
        )
        self._out.put(OUTCOMES, resolved.key, outcome, event.t)
        return outcome.id

    def notice(self, event: AnyEvent, number: int, notice: Notice) -> None:
        """Notice ``number`` of the event: a change of risk, or a mark-out."""
        if isinstance(notice, MarkOut):
            self._out.put(MARKOUTS, notice.fill, msgspec.structs.replace(notice, journal=event.seq), event.t)
            return
        change = RiskEvent(
            id=f"r{event.seq}.{number}",
            journal=event.seq,
            timestamp=event.t,
            kind=notice.kind,
            subject=notice.subject,
            scope=notice.scope,
            name=notice.name,
            old=notice.old,
            new=notice.new,
            reason=notice.reason,
            text=notice.text,
            numbers=notice.numbers,
        )
        self._out.put(RISK, notice.subject, change, event.t)

    def command(self, event: AnyEvent, command: VenueCommand) -> None:
        """What the live venue is asked to do."""
        self._out.put(VENUE, command.order, command, event.t)

    def answer(self, event: AnyEvent, reply: Reply) -> None:
        answer = Answer(
            id=f"a{event.seq}",
            journal=event.seq,
            timestamp=event.t,
            command=reply.command,
            by=reply.by,
            what=reply.what,
            verdict=Verdict(reply.step.verdict),
            reason=Reason(reply.step.reason),
            text=reply.text,
        )
        self._out.put(ANSWERS, reply.command, answer, event.t)
