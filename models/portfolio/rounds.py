"""Rounds: an instance's dealings in one market from its first buy to its last share, and what they came to.

Those on paper and those with real money are rounds of their own, each on its account.

>>> from models.orders import Execution, example_order
>>> rounds, order = Rounds(), example_order()
>>> buy = Execution(price=5_000, size=10_000_000, gross=5_000_000, fee=100_000, evidence="book_cross")
>>> rounds.take(Filled(order, buy, "f1", 1))
>>> done = rounds.take(Settled(order.instance, order.market_key, "Up", 10_000_000, 5_000_000, 10_000_000, 9))
>>> done.result, done.stake, done.shares, done.back
(4900000, 5100000, 10000000, 0.960784)
"""

from __future__ import annotations

import msgspec

from models.happenings import Filled, Happening, RoundClosed, Settled


class _Open(msgspec.Struct):
    """Micro-shares held by outcome, micro-dollars in minus out, spent and bought so far, and what was predicted."""

    held: dict[str, int] = {}
    result: int = 0
    stake: int = 0
    shares: int = 0
    predicted: float = 0.0


class Rounds(msgspec.Struct):
    """Feed it every happening; it says when a round is over. Of bounded size: what is closed is forgotten."""

    open: dict[str, _Open] = {}  # "account|instance|market"

    def take(self, happening: Happening) -> RoundClosed | None:
        """The round that this ends, None where it ends none."""
        if isinstance(happening, Filled):
            order, fill = happening.order, happening.execution
            key = f"{order.account}|{order.instance}|{order.market_key}"
            current = self.open.setdefault(key, _Open())
            if order.side == "buy":
                current.held[order.outcome] = current.held.get(order.outcome, 0) + fill.size
                current.result -= fill.gross + fill.fee
                current.stake += fill.gross + fill.fee
                current.shares += fill.size
                if order.predicted is not None:
                    current.predicted += order.predicted * fill.size
            else:
                current.held[order.outcome] = current.held.get(order.outcome, 0) - fill.size
                current.result += fill.gross - fill.fee
            return self._close(key, happening.t)
        if isinstance(happening, Settled):
            key = f"{happening.account}|{happening.instance}|{happening.market_key}"
            paid = self.open.get(key)
            if paid is None:
                return None
            paid.held[happening.outcome] = 0
            paid.result += happening.payout
            return self._close(key, happening.t)
        return None

    def _close(self, key: str, t: int) -> RoundClosed | None:
        current = self.open[key]
        if any(current.held.values()):
            return None
        del self.open[key]
        account, instance, market = key.split("|")
        spent = current.stake, current.shares, current.predicted
        return RoundClosed(instance, market, current.result, *spent, t, account)
