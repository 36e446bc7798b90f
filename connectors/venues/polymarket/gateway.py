"""The live venue: commands of the trading flow in, orders at the exchange, execution reports out.

An order goes out only if all of it holds: the command was given under LIVE_ARMED, the environment allows it, the
account's keys are there, the interlock agrees, and the exchange's lists were read since this process began. Its id at
the exchange is on ``executions`` before it is sent: a crash at any moment leaves an order that can be asked for.
Nothing is sent twice, and nothing late: what could not be sent in time is rejected, and the desk decides anew.

One task at a time changes what is known (``_turn``); calls to the exchange of a command end before the next begins.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from connectors.venues.polymarket.exchange import (
    Built,
    ExchangeWaits,
    LiveExchange,
    LiveOrder,
    NoAnswer,
    OrderRefused,
    OrderSeen,
    TradeSeen,
)
from connectors.venues.polymarket.interlock import Interlock
from connectors.venues.polymarket.tracker import Tracker
from models.contracts import VenueCommand
from models.inputs import AnyExecution, DryRun, ExecutionReport
from models.reasons import Reason
from models.settings import LiveSettings
from models.timestamps import SECOND

#: Trades are asked for from so long before the oldest order that is open.
_BEFORE_S: Final = 60
#: The exchange's own dead-man switch fires ten seconds after the last sign.
_HEARTBEAT_S: Final = 5.0
_RETRY_S: Final = 1.0

Send = Callable[[list[AnyExecution]], Awaitable[None]]


class LiveGateway:
    """``take`` a command, ``update`` from the user channel, ``watch`` a few times a second, ``reconcile`` at the start
    and then regularly. ``send`` publishes reports and returns when they are there."""

    def __init__(
        self,
        exchange: LiveExchange,
        interlock: Interlock,
        settings: LiveSettings,
        run: str,
        forbidden: str,
        send: Send,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """``forbidden``: why the environment allows no real order; "" where it does."""
        self._exchange = exchange
        self._interlock = interlock
        self._settings = settings
        self._run = run
        self._forbidden = forbidden
        self._publish = send
        self._now = now
        self._turn = asyncio.Lock()
        self._orders: dict[str, Tracker] = {}
        self._by_venue: dict[str, str] = {}
        self._missed: dict[str, int] = {}  # order -> how often the exchange did not know it
        self._reconciled = False
        self._looked = 0  # Unix ns of the last reconciliation
        self._wait_until = 0
        self._was_armed = False
        self._cancel_due = False
        self._retry_at = 0
        self._beat_at = 0
        self.counts: dict[str, int] = {}

    # --- before it begins -----------------------------------------------------------------------------------------

    def restore(self, commands: Iterable[VenueCommand], reports: Iterable[AnyExecution]) -> None:
        """What this venue knew before it was started again: the commands so far, and what it said of them."""
        for command in commands:
            if command.do == "send" and command.gate == "LIVE_ARMED" and command.order not in self._orders:
                self._orders[command.order] = _tracker(command)
                buys = command.side == "buy"
                self._interlock.opened(
                    command.order, command.token, command.condition, buys, command.limit, command.size
                )
        for report in reports:
            if isinstance(report, ExecutionReport) and report.order in self._orders:
                self._orders[report.order].restored(report)
                self._note(report)
        for tracker in self._orders.values():
            if tracker.venue_id:
                self._by_venue[tracker.venue_id] = tracker.id

    async def begin(self) -> None:
        """Compare with the exchange before anything else. What is open there is cancelled, known or not: nothing is
        armed yet, and the account is this system's alone. Orders that were given and never signed are rejected: they
        would come late. Raises NoAnswer and ExchangeWaits."""
        async with self._turn:
            for tracker in list(self._orders.values()):
                if tracker.place == "unsent" and not tracker.is_done:
                    await self._say(tracker.refused(Reason.DEADLINE, "not sent before a restart", self._now()))
            if await self._reconcile():
                await self._exchange.cancel_all()
                self._count("cancel_all:start")
                await self._reconcile()
            self._reconciled = True

    async def end(self) -> None:
        """Cancel what may still be matched: this process ends, and nobody looks after it."""
        async with self._turn:
            if any(each.venue_id and not each.is_done for each in self._orders.values()):
                await self._cancel_all()

    # --- commands -------------------------------------------------------------------------------------------------

    async def take(self, command: VenueCommand) -> None:
        """Obey a command of the trading flow. One that came before is nothing."""
        async with self._turn:
            self._count(command.do)
            if command.do == "send":
                await self._take_order(command)
            elif command.do == "cancel_all":
                self._cancel_due = True
                await self._cancel_all()
            elif (tracker := self._orders.get(command.order)) is not None and not tracker.is_done:
                if command.do == "cancel":
                    await self._cancel(tracker)
                with contextlib.suppress(NoAnswer, ExchangeWaits):
                    await self._look(tracker, await self._exchange.trades(self._since()))

    async def _take_order(self, command: VenueCommand) -> None:
        if command.order in self._orders:
            return
        order = LiveOrder.of(command, self._run)
        if command.gate == "LIVE_DRY_RUN":
            await self._rehearse(order)
            return
        tracker = self._orders[order.id] = _tracker(command)
        refused = self._refusal(command)
        if refused is None:
            try:
                built = await self._built(order)
            except OrderRefused as cause:
                refused = (Reason.VENUE_REFUSED, f"it cannot be built: {cause}")
            except (NoAnswer, ExchangeWaits) as cause:
                refused = (Reason.VENUE_REFUSED, f"the exchange did not help to build it: {cause}")
            else:
                refused = self._refusal(command)  # building took its time: the same questions once more
        if refused is not None:
            self._count(f"rejected:{refused[0]}")
            await self._say(tracker.refused(*refused, self._now()))
            return
        self._interlock.opened(order.id, order.token, order.condition, order.side == "buy", order.limit, order.size)
        self._by_venue[built.venue_id] = order.id
        self._was_armed = True  # from now on there is something to cancel
        await self._say(tracker.signed(built.venue_id, self._now()))
        await self._post(tracker, built)

    def _refusal(self, command: VenueCommand) -> tuple[Reason, str] | None:
        """Why no real order goes out for this command now."""
        now = self._now()
        if command.gate != "LIVE_ARMED":
            return Reason.NOT_ARMED, f"given under {command.gate}"
        if self._forbidden:
            return Reason.INTERLOCK, self._forbidden
        if not self._reconciled:
            return Reason.INTERLOCK, "the exchange's lists were not read yet"
        age = now - command.timestamp
        if not -SECOND <= age <= self._settings.max_age_s * SECOND:
            return Reason.DEADLINE, f"{age / SECOND:.1f} s old"
        if now < self._wait_until:
            return Reason.VENUE_REFUSED, "the exchange wants us to wait"
        why = self._interlock.refusal(command.token, command.side == "buy", command.limit, command.size, now)
        return (Reason.INTERLOCK, f"interlock: {why}") if why else None

    async def _built(self, order: LiveOrder) -> Built:
        """The signed order, whose amounts are checked against what was asked for. Raises OrderRefused too."""
        built = await asyncio.wait_for(self._exchange.build(order), self._settings.answer_s)
        money, shares = (built.pays, built.gets) if order.side == "buy" else (built.gets, built.pays)
        wanted = order.limit * order.size  # micro-shares times pips
        if shares > order.size or shares <= 0:
            raise OrderRefused(f"{shares} micro-shares were signed, {order.size} were asked for")
        if order.side == "buy" and money * 10_000 > wanted + 10_000:
            raise OrderRefused(f"it would pay {money} micro-dollars for {shares} micro-shares, above its limit")
        if order.side == "sell" and (money + 1) * 10_000 < order.limit * shares:
            raise OrderRefused(f"it would get {money} micro-dollars for {shares} micro-shares, below its limit")
        return built

    async def _rehearse(self, order: LiveOrder) -> None:
        """LIVE_DRY_RUN: everything but sending."""
        try:
            built = await self._built(order)
        except (OrderRefused, NoAnswer, ExchangeWaits, TimeoutError) as cause:
            said = DryRun(order.id, self._now(), False, note=f"{type(cause).__name__}: {cause}"[:200])
        else:
            said = DryRun(order.id, self._now(), True, built.venue_id, "built, signed, checked; not sent")
        self._count("dry_run:ok" if said.ok else "dry_run:refused")
        await self._publish([said])

    async def _post(self, tracker: Tracker, built: Built) -> None:
        try:
            answer = await asyncio.wait_for(self._exchange.post(built), self._settings.answer_s)
        except OrderRefused as cause:
            self._count("rejected:exchange")
            reason = Reason.NOT_FILLED if cause.code in ("fak_not_filled", "fok_not_filled") else Reason.VENUE_REFUSED
            await self._say(tracker.refused(reason, f"{cause.code} {cause}".strip(), self._now()))
        except ExchangeWaits as cause:
            self._wait(cause)
            await self._say(tracker.refused(Reason.VENUE_REFUSED, str(cause), self._now()))
        except (NoAnswer, TimeoutError):
            self._count("unanswered")
            await self._say(tracker.unanswered(self._now()))
        else:
            self._count("posted")
            if answer.venue_id != built.venue_id:  # what it is called there must be what can be asked for
                self._count("renamed")
                self._by_venue[answer.venue_id] = tracker.id
                tracker.venue_id = answer.venue_id
            await self._say(tracker.acknowledged(answer.status, answer.matched, self._now()))

    def _wait(self, cause: ExchangeWaits) -> None:
        self._count("told_to_wait")
        self._wait_until = max(self._wait_until, self._now() + round(cause.seconds * SECOND))

    async def _cancel(self, tracker: Tracker) -> None:
        """Ask for a cancel; whatever the answer, what became of the order is looked up."""
        if not tracker.venue_id:
            return
        try:
            await asyncio.wait_for(self._exchange.cancel(tracker.venue_id), self._settings.answer_s)
        except ExchangeWaits as cause:
            self._wait(cause)
            self._cancel_due = True  # a cancel is never given up
        except (NoAnswer, TimeoutError):
            self._cancel_due = True

    async def _cancel_all(self) -> None:
        try:
            await asyncio.wait_for(self._exchange.cancel_all(), self._settings.answer_s)
        except (NoAnswer, ExchangeWaits, TimeoutError) as cause:
            self._count("cancel_all:failed")
            wait = cause.seconds if isinstance(cause, ExchangeWaits) else _RETRY_S
            self._retry_at = self._now() + round(wait * SECOND)
            return
        self._count("cancel_all:done")
        self._cancel_due = False
        with contextlib.suppress(NoAnswer, ExchangeWaits):
            await self._reconcile()

    # --- what the exchange says -----------------------------------------------------------------------------------

    async def update(self, said: OrderSeen | TradeSeen | None) -> None:
        """Hear the user channel; None: it was connected anew, and the lists say what was missed."""
        async with self._turn:
            if said is None:
                with contextlib.suppress(NoAnswer, ExchangeWaits):
                    await self._reconcile()
                return
            tracker = self._orders.get(self._by_venue.get(said.venue_id, ""))
            if tracker is not None:
                heard = tracker.traded if isinstance(said, TradeSeen) else tracker.seen
                await self._say(heard(said, self._now()))  # type: ignore[arg-type]

    async def reconcile(self) -> None:
        """Compare with the exchange's lists. Raises NoAnswer and ExchangeWaits."""
        async with self._turn:
            await self._reconcile()

    async def _reconcile(self) -> list[OrderSeen]:
        """The orders open at the exchange."""
        there = await self._exchange.open_orders()
        unsettled = [each for each in self._orders.values() if each.venue_id and not each.is_done]
        if unsettled:
            trades = await self._exchange.trades(self._since())
            by_id = {seen.venue_id: seen for seen in there}
            for tracker in unsettled:
                await self._look(tracker, trades, by_id)
        for condition in self._interlock.conditions():
            with contextlib.suppress(NoAnswer, ExchangeWaits):
                if await self._exchange.resolved(condition):
                    self._interlock.resolved(condition)
        self._looked = self._now()
        return there

    async def _look(self, tracker: Tracker, trades: list[TradeSeen], there: dict[str, OrderSeen] | None = None) -> None:
        """Find out what became of one order. One that the exchange does not know twice in a row, and long enough after
        it was sent, is gone."""
        for trade in trades:
            if trade.venue_id == tracker.venue_id:
                await self._say(tracker.traded(trade, self._now()))
        if tracker.is_done or not tracker.venue_id:
            return
        seen = (there or {}).get(tracker.venue_id) or await self._exchange.order(tracker.venue_id)
        if seen is not None:
            self._missed.pop(tracker.id, None)
            await self._say(tracker.seen(seen, self._now()))
            return
        self._missed[tracker.id] = self._missed.get(tracker.id, 0) + 1
        if self._missed[tracker.id] >= 2 and self._now() - tracker.asked > self._settings.answer_s * SECOND:
            await self._say(tracker.missing(self._now()))

    def _since(self) -> int:
        asked = [each.asked for each in self._orders.values() if each.venue_id and not each.is_done]
        return max(min(asked, default=self._now()) // SECOND - _BEFORE_S, 0)

    # --- watching -------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Cancel everything when arming ends or the trading flow is silent; look after what is not known; keep the
        exchange's own dead-man switch from firing while all is well."""
        async with self._turn:
            now = self._now()
            armed = not self._interlock.unarmed(now)
            if self._was_armed and not armed:
                self._cancel_due = True
            self._was_armed = armed
            working = any(each.venue_id and not each.is_done for each in self._orders.values())
            if self._cancel_due and now >= self._retry_at:
                await self._cancel_all()
            if armed and now >= self._beat_at:
                self._beat_at = now + round(_HEARTBEAT_S * SECOND)
                with contextlib.suppress(NoAnswer, ExchangeWaits):
                    await self._exchange.heartbeat()
            often = _RETRY_S if working else self._settings.reconcile_s
            if self._reconciled and now - self._looked >= often * SECOND:
                try:
                    await self._reconcile()
                except ExchangeWaits as cause:
                    self._wait(cause)
                    self._looked = self._now()
                except NoAnswer:
                    self._looked = self._now()

    # --- what is told ---------------------------------------------------------------------------------------------

    async def _say(self, reports: list[ExecutionReport]) -> None:
        for report in reports:
            self._note(report)
        if reports:
            await self._publish(list(reports))

    def _note(self, report: ExecutionReport) -> None:
        """The interlock counts what is at risk by what is reported."""
        if report.size:
            self._interlock.filled(report.order, report.price, report.size)
        if self._orders[report.order].is_done or report.state in ("rejected", "cancelled", "expired", "filled"):
            self._interlock.closed(report.order)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def gauges(self) -> dict[str, int]:
        """Numbers of this moment, for telemetry."""
        return {
            "orders_under_way": sum(1 for each in self._orders.values() if not each.is_done),
            "at_risk": self._interlock.at_risk,
            "armed": int(self._was_armed),
        }


def _tracker(command: VenueCommand) -> Tracker:
    return Tracker(id=command.order, size=command.size, takes=command.kind in ("FAK", "FOK"))
