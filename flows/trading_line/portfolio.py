"""The portfolio: everything after the barrier. Sees every event in journal order and is the only one to spend money.

For each event, in this order: orders that were due before it meet the book that stood then; the event is taken in, and
a resolution settles its market; evaluations that passed go through the gates, are sized and become orders; positions
are held against the exit rules; a clock tick sends the pulse. Each of these leaves its spans on the trace, and the
counters of every module are counted from those spans.
"""

from __future__ import annotations

import hashlib

import msgspec

from connectors.venues.paper import PaperVenue, Pending
from flows.pulse import Pulse
from flows.trading_line import exits, gates
from flows.trading_line.items import Judged
from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Money, Position
from models.contracts import Decision, Features, Fill, Number, Order, Outcome, Scan, Source
from models.fees import RATE_UNIT, fee_per_share, taker_fee
from models.journal import AnyEvent, Book, Clock, Feed, Market, Spot, Src, TokenBook
from models.message import Message
from models.money import DOLLAR, PIP, SHARE, SIZE_STEP, cost
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.sizing import kelly_fraction, shares_for
from models.strategies import parity, updown_fair_value
from models.timestamps import MILLISECOND, SECOND
from models.topics import DECISIONS, FEATURES, FILLS, ORDERS, OUTCOMES, SCANS
from models.trace import Evaluation, Intent, Step

PRODUCER = "trading"
SIZING = "sizing"
EXECUTION = "execution"
SETTLEMENT = "settlement"
RECONCILIATION = "reconciliation"
#: Longer than the market flow speaks of a market after its end, so that none is settled twice.
_KEEP_NS = 3_600 * SECOND
#: Micro-dollars that fees of ten levels may add by rounding, each up to 5.
_ROUNDING = 100
STRATEGIES = {updown_fair_value.NAME: updown_fair_value, parity.NAME: parity}
MODULES = (
    "features",
    *(f"strategy.{name}" for name in STRATEGIES),
    *gates.GATE_MODULES,
    SIZING,
    EXECUTION,
    exits.MODULE,
    SETTLEMENT,
    RECONCILIATION,
)


class Held(msgspec.Struct):
    """What the portfolio keeps of a market: its definition, latest books, and when it last ordered in it."""

    market: Market
    book: Book | None = None
    fair: float = -1.0
    fair_t: int = 0
    last_order: dict[str, int] = {}
    last_exit: dict[str, int] = {}  # outcome -> Unix ns of the last order to sell
    done: bool = False


class _Refusal:
    """The last refusal sent for a strategy and market, so that equal ones are counted and not repeated."""

    __slots__ = ("reason", "repeats", "t")

    def __init__(self) -> None:
        self.reason = ""
        self.t = 0
        self.repeats = 0


class Portfolio:
    """``take`` is the whole interface: one event with what the lanes made of it, in journal order."""

    def __init__(self, settings: Settings, configuration: str) -> None:
        self._settings = settings
        self._configuration = configuration
        self._name = settings.portfolio_name
        self._money = Money(round(settings.portfolio.capital * DOLLAR))
        self._venue = PaperVenue(int(settings.execution.replenish_s * SECOND))
        self._out = Outbox(PRODUCER)
        self._pulse = Pulse(PRODUCER, MODULES, "portfolio")
        self._markets: dict[str, Held] = {}
        self._pending: list[Pending] = []
        self._spots: dict[str, Spot] = {}
        self._stale_tokens: tuple[str, ...] = ()
        self._stale_spots: tuple[str, ...] = ()
        self._refusals: dict[tuple[str, str], _Refusal] = {}
        self._anomaly = False
        self._settled = 0
        self._t = 0
        self._delay = (settings.execution.delay_ms + settings.execution.latency_ms) * MILLISECOND
        self._stale_ns = int(settings.portfolio.stale_s * SECOND)
        self._cooldown = int(settings.portfolio.cooldown_s * SECOND)

    def take(self, copies: list[Judged]) -> list[Message]:
        """The messages one journal event leads to. ``copies``: the event as each lane left it, in lane order."""
        event = copies[0].event
        self._money.open(event.seq, event.t, self._out)
        self._t = event.t
        self._execute_due(event)
        self._learn(event)
        for judged in copies:
            for evaluation in judged.evaluations:
                self._evaluated(event, evaluation)
            for key, values in judged.features:
                row = Features(
                    id=f"f{event.seq}-{key}", journal=event.seq, timestamp=event.t, market_key=key, values=values
                )
                self._out.put(FEATURES, key, row, event.t)
        self._leave(event)
        messages = self._out.take()
        if isinstance(event, Clock):
            if self._pulse.is_due(event.t):
                messages.extend(self._pulse.beat(event.t, self._gauges()))
        elif isinstance(event, Feed) and event.what == "end of run":
            messages.extend(self._pulse.beat(event.t, self._gauges(), whole=True))
        return messages

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
        held = self._markets[order.market_key]
        token = _token(held.book, order.outcome)
        executions, reason = self._venue.execute(order, held.market, token)
        filled = 0
        for number, each in enumerate(executions):
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
            if order.side == "buy":
                self._money.bought(event.seq, event.t, self._out, order, each, fill.id)
            else:
                self._money.sold(event.seq, event.t, self._out, order, each, fill.id)
            filled += each.size
        self._money.release(event.seq, event.t, self._out, order)
        status = "filled" if filled == order.size else "partly_filled" if filled else "rejected"
        self._put_order(event, order, filled, status, reason)
        self._count(Step(EXECUTION, Verdict.PASS if filled else Verdict.BLOCK, reason))

    # --- what is known --------------------------------------------------------------------------------------------

    def _learn(self, event: AnyEvent) -> None:
        if isinstance(event, Book):
            held = self._markets.get(event.key)
            if held is not None:
                held.book = event
        elif isinstance(event, Spot):
            self._spots[event.lane] = event
        elif isinstance(event, Clock):
            self._stale_tokens, self._stale_spots = event.stale_books, event.stale_spots
            self._forget(event.t)
        elif isinstance(event, Market):
            held = self._markets.get(event.key)
            if held is None:
                held = self._markets[event.key] = Held(event)
            held.market = event
            if event.payout_up is not None and not held.done:
                self._settle(event, held)

    def _forget(self, t: int) -> None:
        gone = [k for k, held in self._markets.items() if held.done and t > held.market.end + _KEEP_NS]
        for key in gone:
            market = self._markets.pop(key).market
            self._venue.forget(market.up_token)
            self._venue.forget(market.down_token)
            for strategy in STRATEGIES:
                self._refusals.pop((strategy, key), None)

    def _settle(self, event: Market, held: Held) -> None:
        """Pay every position of the market, give reservations back, and compare ledger and fills."""
        held.done = True
        assert event.payout_up is not None and event.payout_down is not None
        payouts = {"Up": event.payout_up, "Down": event.payout_down}
        for order in [each for each in self._pending if each.market_key == event.key]:
            self._money.release(event.seq, event.t, self._out, order)
            self._put_order(event, order, 0, "rejected", Reason.MARKET_CLOSED)
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
            self._decide(
                event,
                held,
                position.strategy,
                position.outcome,
                "settle",
                (step,),
                payouts[position.outcome],
                position.size,
                [],
            )
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

    # --- entries --------------------------------------------------------------------------------------------------

    def _evaluated(self, event: AnyEvent, evaluation: Evaluation) -> None:
        for step in evaluation.steps:
            self._count(step)
        held = self._markets.get(evaluation.market_key)
        if held is None:
            return
        if evaluation.fair >= 0.0:
            held.fair, held.fair_t = evaluation.fair, event.t
        if evaluation.emit:
            self._scan(event, evaluation)
        if evaluation.intents:
            self._enter(event, held, evaluation)

    def _scan(self, event: AnyEvent, evaluation: Evaluation) -> None:
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
            unit=strategy.UNIT,
            metric_family=strategy.FAMILY,
            normalised=round(min(max(margin / scale, -10.0), 10.0), 6),
            verdict=Verdict(evaluation.verdict),
            reason=Reason(evaluation.reason),
            evaluations=evaluation.emit,
        )
        self._out.put(SCANS, evaluation.strategy, scan, event.t)

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
        orders, step = self._size(event, held, evaluation)
        self._count(step)
        steps.append(step)
        first = evaluation.intents[0]
        if not orders:
            self._refuse(event, held, evaluation, first, steps)
            return
        execution = Step(EXECUTION, Verdict.PASS, Reason.SUBMITTED, {"orders": len(orders), "due": orders[0].due})
        steps.append(execution)
        ids = [order.id for order in orders]
        self._decide(
            event, held, evaluation.strategy, first.outcome, "enter", tuple(steps), orders[0].limit, orders[0].size, ids
        )
        for order in orders:
            self._submit(event, held, order)

    def _gates(self, t: int, held: Held, evaluation: Evaluation, intent: Intent) -> list[Step]:
        strategy, key = evaluation.strategy, evaluation.market_key
        assert held.book is not None
        other = "Down" if intent.outcome == "Up" else "Up"
        single = len(evaluation.intents) == 1
        spot = self._spots.get(held.market.asset)
        situation = gates.Situation(
            t=t,
            market=held.market,
            book=held.book,
            token=_token(held.book, intent.outcome),
            spot_stale=spot is None or held.market.asset in self._stale_spots or t - spot.t > self._stale_ns,
            stale_tokens=self._stale_tokens,
            last_order=held.last_order.get(strategy, 0),
            pending=any(order.strategy == strategy and order.market_key == key for order in self._pending),
            other_side_held=single and (strategy, key, other) in self._money.positions,
            anomaly=self._anomaly,
        )
        return gates.check(situation, self._settings, needs_spot=strategy == updown_fair_value.NAME)

    def _size(self, event: AnyEvent, held: Held, evaluation: Evaluation) -> tuple[list[Pending], Step]:
        """The orders of a decision (none when it does not size), with the span that says why."""
        settings, market = self._settings.portfolio, held.market
        by_strategy, in_market = self._money.committed_to(evaluation.strategy, market.key, self._pending)
        rate = market.fee_rate / RATE_UNIT
        price = 0.0
        for intent in evaluation.intents:
            ask = intent.ask / PIP
            price += ask + fee_per_share(ask, rate, market.fee_exponent)
        worth = evaluation.intents[0].worth if len(evaluation.intents) == 1 else 1.0
        fraction = kelly_fraction(worth, price)
        equity = self._equity()
        rooms = (
            (Reason.KELLY_ZERO, int(fraction * settings.kelly_fraction * equity)),
            (Reason.CAP_MARKET, round(settings.cap_market * DOLLAR) - in_market),
            (Reason.CAP_STRATEGY, round(settings.cap_strategy * DOLLAR) - by_strategy),
            (Reason.CAP_TOTAL, round(settings.cap_total * DOLLAR) - self._money.committed),
            (Reason.NO_CASH, self._money.ledger.balance("cash")),
            (Reason.OK, round(settings.cap_order * DOLLAR)),
        )
        binding, room = min(rooms, key=lambda each: each[1])
        # sized for the dearest fill the limits allow: what is within the caps then, is within them after any fill
        dearest = 0.0
        for intent in evaluation.intents:
            limit, fee_price = self._dearest(held, intent)
            dearest += limit / PIP + fee_per_share(fee_price / PIP, rate, market.fee_exponent)
        size = shares_for(room - len(evaluation.intents) * 2 * _ROUNDING, dearest)
        for intent in evaluation.intents:
            token = _token(held.book, intent.outcome)
            displayed = token.asks[0][1] if token is not None and token.asks else 0
            if displayed < size:
                binding, size = Reason.NO_DEPTH, displayed // SIZE_STEP * SIZE_STEP
        numbers: dict[str, Number] = {
            "kelly": round(fraction, 6),
            "room": room / DOLLAR,
            "shares": size / SHARE,
            "bound_by": str(binding),
        }
        if size <= 0 or room <= 0:
            return [], Step(SIZING, Verdict.BLOCK, binding if binding is not Reason.OK else Reason.KELLY_ZERO, numbers)
        orders = [self._order(event, held, evaluation, number, size) for number in range(len(evaluation.intents))]
        small = size < market.min_size or any(cost(order.limit, order.size) < DOLLAR for order in orders)
        if small:
            scarce = binding in (
                Reason.CAP_MARKET,
                Reason.CAP_STRATEGY,
                Reason.CAP_TOTAL,
                Reason.NO_CASH,
                Reason.NO_DEPTH,
            )
            return [], Step(SIZING, Verdict.BLOCK, binding if scarce else Reason.BELOW_MIN_SIZE, numbers)
        reserved = 0
        for order in orders:
            reserved += order.reserved
        if reserved > self._money.ledger.balance("cash"):
            return [], Step(SIZING, Verdict.BLOCK, Reason.NO_CASH, numbers)
        return orders, Step(SIZING, Verdict.PASS, Reason.OK, numbers)

    def _order(self, event: AnyEvent, held: Held, evaluation: Evaluation, number: int, size: int) -> Pending:
        intent, market = evaluation.intents[number], held.market
        token = _token(held.book, intent.outcome)
        assert token is not None
        limit, fee_price = self._dearest(held, intent)
        fee = taker_fee(fee_price, size, market.fee_rate, market.fee_exponent)
        return Pending(
            id=f"{self._name}-{event.seq}-{evaluation.strategy}-{number}",
            decision=f"d{event.seq}-{evaluation.strategy}-{market.key}",
            strategy=evaluation.strategy,
            market_key=market.key,
            token=token.token,
            outcome=intent.outcome,
            side="buy",
            kind="FOK" if len(evaluation.intents) > 1 else self._settings.execution.order_type,
            limit=limit,
            size=size,
            due=event.t + self._delay,
            reserved=cost(limit, size) + fee + _ROUNDING,
            reason=Reason.ENTER,
        )

    def _dearest(self, held: Held, intent: Intent) -> tuple[int, int]:
        """The limit, and the price up to it at which the fee is greatest (it grows towards 0.5); pips."""
        token = _token(held.book, intent.outcome)
        assert token is not None
        limit = self._limit(intent, held.market, token.tick)
        return limit, min(limit, PIP // 2)

    def _limit(self, intent: Intent, market: Market, tick: int) -> int:
        """The ask plus slippage, on the tick, and never a price at which the edge would be gone."""
        rate = market.fee_rate / RATE_UNIT
        limit = min(intent.ask + round(self._settings.execution.slippage * PIP), PIP - tick) // tick * tick
        while limit > intent.ask:
            price = limit / PIP
            if intent.worth - price - fee_per_share(price, rate, market.fee_exponent) > 0.0:
                break
            limit -= tick
        return max(limit, intent.ask)

    def _refuse(self, event: AnyEvent, held: Held, evaluation: Evaluation, intent: Intent, steps: list[Step]) -> None:
        key = (evaluation.strategy, evaluation.market_key)
        last = self._refusals.get(key)
        if last is None:
            last = self._refusals[key] = _Refusal()
        reason = steps[-1].reason
        if reason == last.reason and event.t - last.t < SECOND:
            last.repeats += 1
            return
        repeats, last.repeats, last.reason, last.t = last.repeats, 0, reason, event.t
        self._decide(
            event, held, evaluation.strategy, intent.outcome, "block", tuple(steps), intent.ask, 0, [], repeats
        )

    def _submit(self, event: AnyEvent, held: Held, order: Pending) -> None:
        if order.side == "buy":
            self._money.reserve(event.seq, event.t, self._out, order)
            held.last_order[order.strategy] = event.t
        else:
            held.last_exit[order.outcome] = event.t
        self._put_order(event, order, 0, "submitted", Reason.SUBMITTED)
        self._pending.append(order)

    # --- exits ----------------------------------------------------------------------------------------------------

    def _leave(self, event: AnyEvent) -> None:
        if not self._money.positions or not isinstance(event, Book | Spot | Clock):
            return
        for position in list(self._money.positions.values()):
            held = self._markets[position.market_key]
            if isinstance(event, Book) and event.key != position.market_key:
                continue
            if isinstance(event, Spot) and event.lane != held.market.asset:
                continue
            self._consider_leaving(event, held, position)

    def _consider_leaving(self, event: AnyEvent, held: Held, position: Position) -> None:
        market, t = held.market, event.t
        token = _token(held.book, position.outcome)
        paired = (position.strategy, position.market_key, "Down" if position.outcome == "Up" else "Up")
        if position.strategy == parity.NAME and paired in self._money.positions:
            return  # both legs held: one of them pays, there is nothing to leave
        if position.size < market.min_size or t >= market.end or self._is_pending(position):
            return
        if t - held.last_exit.get(position.outcome, 0) < self._cooldown:
            return
        if token is None or not token.ok or t - token.t > self._stale_ns or token.token in self._stale_tokens:
            return
        fresh = held.fair >= 0.0 and t - held.fair_t <= self._stale_ns
        fair = (held.fair if position.outcome == "Up" else 1.0 - held.fair) if fresh else -1.0
        step = exits.judge(position, market, token, fair, self._settings.fair_value, t)
        self._count(step)
        if step.verdict != Verdict.PASS:
            return
        slip = round(self._settings.execution.slippage * PIP)
        limit = max(-(-(token.bids[0][0] - slip) // token.tick) * token.tick, token.tick)
        decision = f"d{event.seq}-{position.strategy}-{market.key}-{position.outcome}"
        order = Pending(
            id=f"{self._name}-{event.seq}-{position.strategy}-exit-{position.outcome}",
            decision=decision,
            strategy=position.strategy,
            market_key=market.key,
            token=position.token,
            outcome=position.outcome,
            side="sell",
            kind="FAK",
            limit=limit,
            size=position.size // SIZE_STEP * SIZE_STEP,
            due=t + self._delay,
            reserved=0,
            reason=step.reason,
        )
        submitted = Step(EXECUTION, Verdict.PASS, Reason.SUBMITTED, {"orders": 1, "due": order.due})
        self._decide(
            event,
            held,
            position.strategy,
            position.outcome,
            "exit",
            (step, submitted),
            limit,
            order.size,
            [order.id],
            0,
            decision,
        )
        self._submit(event, held, order)

    def _is_pending(self, position: Position) -> bool:
        return any(
            order.strategy == position.strategy and order.market_key == position.market_key for order in self._pending
        )

    # --- records --------------------------------------------------------------------------------------------------

    def _decide(
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
            portfolio=self._name,
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
            sources=self._sources(event, held, outcome),
            configuration=self._configuration,
            model="none",
            repeats=repeats,
        )
        self._out.put(DECISIONS, held.market.key, decision, event.t)

    def _sources(self, event: AnyEvent, held: Held, outcome: str) -> list[Source]:
        """Journal events and feed records a decision rests on."""
        sources = [_source("trigger", event.seq, event.src)]
        token = _token(held.book, outcome)
        if token is not None:
            sources.append(_source("book", token.seq, token.src))
            sources.append(_source("book_snapshot", token.seq, token.base))
        spot = self._spots.get(held.market.asset)
        if spot is not None:
            sources.append(_source("spot", spot.seq, spot.src))
        sources.append(_source("market", held.market.seq, held.market.src))
        return sources

    def _put_order(self, event: AnyEvent, order: Pending, filled: int, status: str, reason: Reason) -> None:
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

    def _count(self, step: Step) -> None:
        self._pulse.count(step.module, step.verdict, step.reason)

    # --- money ----------------------------------------------------------------------------------------------------

    def _equity(self) -> int:
        """Cash, reservations, and positions at the bid (at cost where no valid bid is known), micro-dollars."""
        total = self._money.ledger.balance("cash") + self._money.ledger.balance("reserved")
        for position in self._money.positions.values():
            total += self._mark(position)
        return total

    def _mark(self, position: Position) -> int:
        held = self._markets.get(position.market_key)
        token = _token(held.book, position.outcome) if held is not None else None
        if token is None or not token.ok or not token.bids:
            return position.basis
        return token.bids[0][0] * position.size // PIP

    def _gauges(self) -> dict[str, Number]:
        ledger = self._money.ledger
        basis = 0
        for position in self._money.positions.values():
            basis += position.basis
        equity = self._equity()
        cash, reserved = ledger.balance("cash"), ledger.balance("reserved")
        return {
            "equity": equity / DOLLAR,
            "cash": cash / DOLLAR,
            "reserved": reserved / DOLLAR,
            "realised": (-ledger.total("pnl:") - ledger.total("fees:")) / DOLLAR,
            "unrealised": (equity - cash - reserved - basis) / DOLLAR,
            "positions": len(self._money.positions),
            "orders_under_way": len(self._pending),
            "markets_settled": self._settled,
            "ledger_imbalance": ledger.imbalance(),
            "anomaly": int(self._anomaly),
        }


def _token(book: Book | None, outcome: str) -> TokenBook | None:
    if book is None:
        return None
    return book.up if outcome == "Up" else book.down


def _source(name: str, journal: int, src: Src) -> Source:
    return Source(name=name, journal=journal, topic=src[0], partition=src[1], offset=src[2])


def configuration_id(settings: Settings) -> str:
    """A short name of everything in the configuration that can change a decision."""

    relevant = settings.model_dump_json(include={"checks", "fair_value", "parity", "portfolio", "execution"})
    return hashlib.sha256(relevant.encode()).hexdigest()[:12]
