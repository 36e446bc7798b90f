"""How much: capped fractional Kelly within every cap and what the book shows, as orders that can be sent."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.venues.paper import Pending
from flows.trading_line.known import Held
from flows.trading_line.positions import Money
from models.contracts import Number
from models.fees import RATE_UNIT, fee_per_share, taker_fee
from models.money import DOLLAR, PIP, SHARE, SIZE_STEP, cost
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.sizing import kelly_fraction, shares_for
from models.strategies.needs import Limits
from models.timestamps import MILLISECOND
from models.trace import Evaluation, Intent, Step

MODULE = "sizing"
#: Micro-dollars that fees of ten levels may add by rounding, each up to 5.
_ROUNDING = 100
_SCARCE = (Reason.CAP_MARKET, Reason.CAP_STRATEGY, Reason.CAP_TOTAL, Reason.NO_CASH, Reason.NO_DEPTH)


class Sizing:
    """Sizes the entries of a portfolio. ``delay``: ns until an order meets the book."""

    def __init__(self, settings: Settings, limits: Mapping[str, Limits]) -> None:
        self._settings = settings
        self._limits = limits
        self.delay = (settings.execution.delay_ms + settings.execution.latency_ms) * MILLISECOND

    def size(
        self,
        seq: int,
        t: int,
        held: Held,
        evaluation: Evaluation,
        money: Money,
        pending: list[Pending],
        equity: int,
    ) -> tuple[list[Pending], Step]:
        """The orders of a decision at journal event ``seq``, ``t`` (Unix ns), none when it does not size, with the span
        that says why. ``equity``: micro-dollars."""
        settings, market = self._settings.portfolio, held.market
        by_strategy, in_market = money.committed_to(evaluation.strategy, market.key, pending)
        rate = market.fee_rate / RATE_UNIT
        price = 0.0
        for intent in evaluation.intents:
            ask = intent.ask / PIP
            price += ask + fee_per_share(ask, rate, market.fee_exponent)
        worth = evaluation.intents[0].worth if len(evaluation.intents) == 1 else 1.0
        fraction = kelly_fraction(worth, price)
        rooms = (
            (Reason.KELLY_ZERO, int(fraction * settings.kelly_fraction * equity)),
            (Reason.CAP_MARKET, round(settings.cap_market * DOLLAR) - in_market),
            (Reason.CAP_STRATEGY, round(settings.cap_strategy * DOLLAR) - by_strategy),
            (Reason.CAP_TOTAL, round(settings.cap_total * DOLLAR) - money.committed),
            (Reason.NO_CASH, money.ledger.balance("cash")),
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
            token = held.token(intent.outcome)
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
            return [], Step(MODULE, Verdict.BLOCK, binding if binding is not Reason.OK else Reason.KELLY_ZERO, numbers)
        orders = [self._order(seq, t, held, evaluation, number, size) for number in range(len(evaluation.intents))]
        small = size < market.min_size or any(cost(order.limit, order.size) < DOLLAR for order in orders)
        if small:
            reason = binding if binding in _SCARCE else Reason.BELOW_MIN_SIZE
            return [], Step(MODULE, Verdict.BLOCK, reason, numbers)
        reserved = 0
        for order in orders:
            reserved += order.reserved
        if reserved > money.ledger.balance("cash"):
            return [], Step(MODULE, Verdict.BLOCK, Reason.NO_CASH, numbers)
        return orders, Step(MODULE, Verdict.PASS, Reason.OK, numbers)

    def _order(self, seq: int, t: int, held: Held, evaluation: Evaluation, number: int, size: int) -> Pending:
        intent, market = evaluation.intents[number], held.market
        token = held.token(intent.outcome)
        assert token is not None
        limit, fee_price = self._dearest(held, intent)
        fee = taker_fee(fee_price, size, market.fee_rate, market.fee_exponent)
        return Pending(
            id=f"{self._settings.portfolio_name}-{seq}-{evaluation.strategy}-{market.key}-{number}",
            decision=f"d{seq}-{evaluation.strategy}-{market.key}",
            strategy=evaluation.strategy,
            market_key=market.key,
            token=token.token,
            outcome=intent.outcome,
            side="buy",
            kind="FOK" if len(evaluation.intents) > 1 else self._settings.execution.order_type,
            limit=limit,
            size=size,
            due=t + self.delay,
            reserved=cost(limit, size) + fee + _ROUNDING,
            reason=Reason.ENTER,
            book_age=self._limits[evaluation.strategy].book_age,
        )

    def _dearest(self, held: Held, intent: Intent) -> tuple[int, int]:
        """The limit, and the price up to it at which the fee is greatest (it grows towards 0.5); pips."""
        token = held.token(intent.outcome)
        assert token is not None
        limit = self._limit(held, intent, token.tick)
        return limit, min(limit, PIP // 2)

    def _limit(self, held: Held, intent: Intent, tick: int) -> int:
        """The ask plus slippage, on the tick, and never a price at which the edge would be gone."""
        market = held.market
        rate = market.fee_rate / RATE_UNIT
        limit = min(intent.ask + round(self._settings.execution.slippage * PIP), PIP - tick) // tick * tick
        while limit > intent.ask:
            price = limit / PIP
            if intent.worth - price - fee_per_share(price, rate, market.fee_exponent) > 0.0:
                break
            limit -= tick
        return max(limit, intent.ask)
