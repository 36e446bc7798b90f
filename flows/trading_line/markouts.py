"""Mark-outs: what each fill was worth 1, 5 and 30 seconds later and at the settlement, and what was predicted of it.

A fill that the mid runs away from was good luck or insight; one that it runs over was somebody else's. The mid is taken
at the first clock tick at or after the moment, from a sound book alone; where there is none, there is no mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flows.trading_line.known import MarketCache, opposite
from flows.trading_line.members import Announcer
from models.contracts import MarkOut, Number
from models.happenings import Filled, Happening, RoundClosed
from models.money import PIP, SHARE
from models.reasons import Reason, Verdict
from models.timestamps import SECOND
from models.trace import Step

MODULE = "markouts"
HORIZONS = (1, 5, 30)
SETTLEMENT = -1


class _Pending(msgspec.Struct):
    """A fill, and how many of its horizons are marked."""

    filled: Filled
    marked: int = 0


class _Realised(msgspec.Struct):
    """Dollars that an instance's closed rounds came to and were predicted to, and its mark-outs so far: sums of pips
    times shares by horizon, and of shares."""

    result: float = 0.0
    predicted: float = 0.0
    gains: dict[int, float] = {}
    shares: dict[int, float] = {}
    slippage: float = 0.0
    slipped: float = 0.0


class MarkOuts(Announcer):
    """Marks fills as time goes on; ``settled`` says what a market paid."""

    module = MODULE

    def __init__(self, known: MarketCache) -> None:
        super().__init__()
        self._known = known
        self._pending: list[_Pending] = []
        self._fills: dict[str, list[Filled]] = {}  # market -> fills that wait for its settlement
        self._by_instance: dict[str, _Realised] = {}

    def on(self, happening: Happening) -> Iterable[Step]:
        if isinstance(happening, Filled):
            self._pending.append(_Pending(happening))
            self._fills.setdefault(happening.order.market_key, []).append(happening)
            self._slip(happening)
        elif isinstance(happening, RoundClosed):
            realised = self._by_instance.setdefault(happening.instance, _Realised())
            realised.result += happening.result / 1_000_000
            realised.predicted += happening.predicted / PIP / SHARE
        return ()

    def on_clock(self, t: int) -> Iterable[Step]:
        if not self._pending:
            return ()
        steps: list[Step] = []
        for each in self._pending:
            while each.marked < len(HORIZONS) and t >= each.filled.t + HORIZONS[each.marked] * SECOND:
                steps.append(self._mark(each.filled, HORIZONS[each.marked], self._mid(each.filled), t))
                each.marked += 1
        self._pending = [each for each in self._pending if each.marked < len(HORIZONS)]
        return steps

    def on_settlement(self, market: str, payouts: Mapping[str, int], t: int) -> Iterable[Step]:
        """Mark what was filled in the market at what it paid, pips by outcome."""
        return [self._mark(each, SETTLEMENT, payouts[each.order.outcome], t) for each in self._fills.pop(market, ())]

    def forget(self, market: str) -> None:
        self._fills.pop(market, None)

    def _mid(self, filled: Filled) -> int:
        """Of the token now, or of its mirror where only that one is sound; -1 where neither is."""
        known = self._known.markets.get(filled.order.market_key)
        if known is None:
            return -1
        for outcome in (filled.order.outcome, opposite(filled.order.outcome)):
            token = known.token(outcome)
            if token is not None and token.ok and token.bids and token.asks:
                mid = (token.bids[0][0] + token.asks[0][0]) // 2
                return mid if outcome == filled.order.outcome else PIP - mid
        return -1

    def _mark(self, filled: Filled, horizon: int, mid: int, t: int) -> Step:
        order, fill = filled.order, filled.execution
        sign = 1 if order.side == "buy" else -1
        gain = sign * (mid - fill.price) if mid >= 0 else None
        mark = MarkOut(
            id=f"{filled.fill}@{'end' if horizon == SETTLEMENT else horizon}",
            journal=-1,  # set by who publishes it
            timestamp=t,
            fill=filled.fill,
            strategy=order.instance,
            market_key=order.market_key,
            outcome="Up" if order.outcome == "Up" else "Down",
            side=order.side,
            evidence=fill.evidence,
            horizon_s=horizon,
            price=fill.price,
            size=fill.size,
            fee=fill.fee,
            mid=mid,
            gain=gain,
            slippage=sign * (fill.price - order.mid) if order.mid >= 0 else None,
            predicted=order.predicted,
        )
        self.announce(mark)
        if gain is None:
            return Step(MODULE, Verdict.HOLD, Reason.BOOK_INVALID, {"fill": filled.fill, "horizon_s": horizon})
        realised = self._by_instance.setdefault(order.instance, _Realised())
        shares = fill.size / SHARE
        realised.gains[horizon] = realised.gains.get(horizon, 0.0) + gain * shares
        realised.shares[horizon] = realised.shares.get(horizon, 0.0) + shares
        return Step(MODULE, Verdict.PASS, Reason.OK, {"fill": filled.fill, "horizon_s": horizon, "gain": gain / PIP})

    def _slip(self, filled: Filled) -> None:
        order, fill = filled.order, filled.execution
        if order.mid >= 0:
            realised = self._by_instance.setdefault(order.instance, _Realised())
            shares = fill.size / SHARE
            realised.slippage += (fill.price - order.mid) * (1 if order.side == "buy" else -1) * shares
            realised.slipped += shares

    def gauges(self) -> dict[str, Number]:
        """By instance, dollars a share: mean gain at each horizon, mean slippage against the mid decided on; and its
        edge realisation, what its rounds came to over what was predicted of them."""
        numbers: dict[str, Number] = {}
        for name, each in self._by_instance.items():
            for horizon, total in each.gains.items():
                at = "settlement" if horizon == SETTLEMENT else f"{horizon}s"
                numbers[f"gain_{at}:{name}"] = round(total / each.shares[horizon] / PIP, 6)
            if each.slipped:
                numbers[f"slippage:{name}"] = round(each.slippage / each.slipped / PIP, 6)
            if each.predicted > 0.0:
                numbers[f"edge_realised:{name}"] = round(each.result / each.predicted, 6)
        return numbers
