"""Displayed shares that are already ours, and so cannot be filled again.

The exchange goes on showing what paper orders took. It comes back by trades on the exchange at that price, by their
size, and by time, and by nothing else: a display that changes proves no new shares behind it. So between two trades,
and within ``replenish``, what is filled on a level is never more than the most it ever showed.
"""

from __future__ import annotations

from connectors.venues.paper.mirror import Level


class Taken:
    """Micro-shares taken, by market and level. Times are Unix ns."""

    def __init__(self, replenish: int) -> None:
        self.configure(replenish)
        self._markets: dict[str, dict[Level, list[tuple[int, int]]]] = {}  # (when, how much), oldest first

    def configure(self, replenish: int) -> None:
        """``replenish``: ns."""
        self._replenish = replenish

    def of(self, key: str, level: Level, t: int) -> int:
        """What is still taken on a level at ``t``."""
        taken = 0
        for when, size in self._markets.get(key, {}).get(level, ()):
            if t - when < self._replenish:
                taken += size
        return taken

    def take(self, key: str, level: Level, size: int, t: int) -> None:
        """``size`` micro-shares became ours."""
        entries = self._markets.setdefault(key, {}).setdefault(level, [])
        entries[:] = [entry for entry in entries if t - entry[0] < self._replenish]
        entries.append((t, size))

    def traded(self, key: str, level: Level, size: int) -> None:
        """The exchange traded on the level: so much of what we took would be gone anyway, the oldest first."""
        levels = self._markets.get(key)
        if levels is None or level not in levels:
            return
        left: list[tuple[int, int]] = []
        for when, amount in levels[level]:
            returned = min(amount, size)
            size -= returned
            if amount > returned:
                left.append((when, amount - returned))
        if left:
            levels[level] = left
        else:
            del levels[level]

    def forget(self, key: str) -> None:
        self._markets.pop(key, None)
