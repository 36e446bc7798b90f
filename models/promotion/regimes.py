"""Which regime an hour belongs to: calm or wild, by its variance against the median of the hours before.

The word is fixed before the hour's outcome, and there are about as many of either whatever the market does.

>>> regimes = Regimes()
>>> [regimes.name("BTC", each) for each in (1.0, 2.0, 0.5, 3.0)]
['', 'wild', 'calm', 'wild']
"""

from __future__ import annotations

import msgspec

_KEPT = 500


class Regimes(msgspec.Struct):
    """Asked once an hour and underlying, with any measure of variance that was known when the hour began."""

    seen: dict[str, list[float]] = {}

    def name(self, underlying: str, variance: float) -> str:
        """``calm`` or ``wild``; "" for the first."""
        before = self.seen.setdefault(underlying, [])
        middle = sorted(before)[len(before) // 2] if before else None
        before.append(variance)
        del before[:-_KEPT]
        return "" if middle is None else "wild" if variance > middle else "calm"
