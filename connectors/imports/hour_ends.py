"""Spot as it was recorded nearest to the ends of hours: an outcome for hourly markets where none was recorded."""

from __future__ import annotations

from typing import Final

_HOUR_NS: Final = 3_600 * 10**9
WITHIN_NS: Final = 90 * 10**9


class HourEnds:
    """Prices by asset, one for each end of an hour. Times are Unix ns."""

    def __init__(self) -> None:
        self._nearest: dict[tuple[str, int], tuple[int, float]] = {}  # (asset, end) -> (distance, price)

    def note(self, asset: str, t: int, price: float) -> None:
        """Take the price of a moment."""
        end = (t + _HOUR_NS // 2) // _HOUR_NS * _HOUR_NS
        distance = abs(t - end)
        held = self._nearest.get((asset, end))
        if distance <= WITHIN_NS and (held is None or distance < held[0]):
            self._nearest[asset, end] = (distance, price)

    def outcome(self, asset: str, start: int, end: int) -> str | None:
        """``UP`` when the price at ``end`` was not below that at ``start``, else ``DOWN``; None where one of them was
        not recorded within a minute and a half."""
        opened, closed = self._nearest.get((asset, start)), self._nearest.get((asset, end))
        if opened is None or closed is None:
            return None
        return "UP" if closed[1] >= opened[1] else "DOWN"
