"""Hearing: what the venue says became of orders is booked, and a market is paid once every order there is answered."""

from __future__ import annotations

from flows.trading_line.floor import Floor
from flows.trading_line.markouts import MarkOuts
from flows.trading_line.reconciliation import Reconciliation
from flows.trading_line.records import EXECUTION
from flows.trading_line.settlement import Settlement
from models.happenings import Cancelled, Filled, Irregular
from models.journal import AnyEvent, Clock, Market
from models.orders import FINAL, IllegalTransition, Report, WorkingOrder
from models.reasons import Reason, Verdict
from models.timestamps import SECOND
from models.trace import Step

#: An order whose state is unknown is asked for this often.
_ASK_EVERY_NS = 2 * SECOND


class Hearing:
    """``hear`` comes first at every event; ``settle`` is for a market that has a payout. ``settlement`` may be read."""

    def __init__(self, floor: Floor, reconciliation: Reconciliation, markouts: MarkOuts) -> None:
        self._floor = floor
        self._reconciliation = reconciliation
        self._markouts = markouts
        self.settlement = Settlement(floor.accounts, floor.blotter, floor.records, floor.out)

    def hear(self, event: AnyEvent) -> None:
        """What the venue says at this event; on the clock, ask for what it should have said."""
        floor = self._floor
        for report in floor.venue.hear(event):
            self._apply(event, report)
        if isinstance(event, Clock) and floor.blotter:
            deadline = round(floor.settings.execution.deadline_s * SECOND)
            for order in floor.blotter.overdue(event.t, deadline):
                floor.count(Step(EXECUTION, Verdict.BLOCK, Reason.DEADLINE, {"order": order.id}))
                floor.cancel(order, event.t)
                floor.venue.query(order.id, event.t)
                floor.tell(Irregular(order.instance, order.id, "not acknowledged in time", event.t))
            for order in floor.blotter.unknown(event.t, _ASK_EVERY_NS):
                floor.venue.query(order.id, event.t)
            for order in self.settlement.late(event.t):
                self._give_up(event, order)
        for resolved in self.settlement.ready():
            self._pay(event, resolved)

    def settle(self, event: Market) -> None:
        """Pay the market, at once or when the venue has said what became of its orders. The venue heard of it first,
        and ended what worked there."""
        wait = self.settlement.wait(event)
        if wait is None:
            self._pay(event, event)
        else:
            self._floor.count(wait)

    def _give_up(self, event: AnyEvent, order: WorkingOrder) -> None:
        """End an order that the venue does not speak of. What it may say later is kept from the money, and said."""
        self._reconciliation.note_anomaly(f"order {order.id}: no answer")
        self._floor.tell(Irregular(order.instance, order.id, "no answer before the settlement", event.t))
        self._apply(event, Report(order.id, "cancelled", event.t, Reason.UNANSWERED))

    def _apply(self, event: AnyEvent, report: Report) -> None:
        floor = self._floor
        try:
            order = floor.blotter.apply(report)
        except (IllegalTransition, KeyError) as cause:
            floor.count(Step(EXECUTION, Verdict.BLOCK, Reason.ILLEGAL_TRANSITION, {"report": str(cause)}))
            self._reconciliation.note_anomaly(f"order {report.order}: {report.state}")
            floor.tell(Irregular("", report.order, f"reported as {report.state}", event.t))
            return
        account = floor.accounts[order.account]
        fill = report.fill
        if fill is not None:
            number = floor.blotter.next_fill(order)
            ref = floor.records.fill(event, order, number, report.t, fill, account.name)
            move = account.bought if order.side == "buy" else account.sold
            move(event.seq, event.t, floor.out, order, fill, ref)
            floor.tell(Filled(order, fill, ref, report.t))
            if (fill.price > order.limit) if order.side == "buy" else (fill.price < order.limit):
                floor.tell(Irregular(order.instance, order.id, "filled through its limit", event.t))
        if order.state in FINAL:
            account.release(event.seq, event.t, floor.out, order)
        floor.records.order(event, order, floor.blotter.row(order), report.reason)
        if order.state in FINAL:
            floor.blotter.close(order)
            if order.state != "filled":
                floor.tell(Cancelled(order, report.reason, report.t))
        if order.state not in ("accepted", "unknown"):
            verdict = Verdict.PASS if order.filled else Verdict.BLOCK
            floor.count(Step(EXECUTION, verdict, report.reason))

    def _pay(self, event: AnyEvent, resolved: Market) -> None:
        floor = self._floor
        known = floor.known.markets[resolved.key]
        happenings, steps = self.settlement.pay(event, resolved, known, floor.instances)
        floor.count_all(steps)
        for each in happenings:
            floor.tell(each)
        floor.count_all(self._markouts.on_settlement(resolved.key, known.payouts, event.t))
