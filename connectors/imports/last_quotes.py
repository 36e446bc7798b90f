"""What the last quote before a market's end says of its outcome, where nothing else was recorded."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

WITHIN_NS: Final = 300 * 10**9
SURE: Final = Decimal("0.95")


class LastQuotes:
    """Of each Up token the last quote whose bid is below its ask. Times are Unix ns, prices dollars a share."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, Decimal, Decimal]] = {}

    def note(self, token: str, t: int, bid: Decimal, ask: Decimal) -> None:
        """Take the quote of a moment; one that cannot have stood says nothing."""
        if bid < ask:
            self._last[token] = (t, bid, ask)

    def outcome(self, token: str, end: int) -> str | None:
        """``UP`` or ``DOWN`` when the last quote, at most five minutes before ``end``, leaves 5% of doubt or less; else
        None."""
        last = self._last.get(token)
        if last is None or not 0 <= end - last[0] <= WITHIN_NS:
            return None
        _, bid, ask = last
        if bid >= SURE:
            return "UP"
        return "DOWN" if ask <= 1 - SURE else None
