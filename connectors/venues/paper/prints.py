"""Trades, each counted once: an exchange may tell one match for the taker's token and again for the other one."""

from __future__ import annotations

from connectors.venues.paper.mirror import Level, consumed
from models.journal import Market, Trade


class Prints:
    """Remembers the trades of each market's latest exchange time."""

    def __init__(self) -> None:
        # market -> exchange time, and of each (level, size) at that time how often Up and Down reported it
        self._latest: dict[str, tuple[int, dict[tuple[Level, int], tuple[int, int]]]] = {}

    def is_new(self, trade: Trade, market: Market) -> bool:
        """Whether a trade is not the other token's view of one that was counted before. Two trades of a token at the
        same moment, price and size are two; one of each token is one."""
        x, reported = self._latest.get(market.key, (-1, {}))
        if x != trade.x:
            reported = {}
            self._latest[market.key] = (trade.x, reported)
        subject = (consumed(trade, market), trade.size)
        up, down = reported.get(subject, (0, 0))
        before = max(up, down)
        if trade.token == market.up_token:
            up += 1
        else:
            down += 1
        reported[subject] = (up, down)
        return max(up, down) > before

    def forget(self, key: str) -> None:
        self._latest.pop(key, None)
