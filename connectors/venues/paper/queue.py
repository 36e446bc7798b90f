"""Where a resting order stands in the queue at its price, judged from displays and trades alone.

Orders at one price are filled first come, first served. Ahead of ours is what was displayed when it arrived. A trade
at the price takes from the front. What else leaves the display was cancelled, by owners whom we cannot tell apart: of
it the share ahead of us leaves in proportion. What comes goes to the back. A level that the display does not reach is
unknown: nothing is filled by queue there until the level is seen, and then all that it shows is ahead. What happened
unseen, while the book was not sound, shows as less on display, and counts as cancelled.
"""

from __future__ import annotations

import msgspec


class QueuePosition(msgspec.Struct):
    """Sizes in micro-shares, times are the exchange's in ns. ``ahead``: None while it is unknown. ``shown``: the last
    display of the level. ``traded``: of trades up to ``traded_at`` the part that no display has shown yet. ``fell``:
    what the display at ``fell_at`` lost without a trade, and ``cut``, what that took from ``ahead``: a trade that is
    reported after the display it changed takes them back."""

    ahead: int | None = None
    shown: int = 0
    traded: int = 0
    traded_at: int = 0
    fell: int = 0
    fell_at: int = 0
    cut: int = 0

    def display(self, shown: int | None, x: int) -> None:
        """The level shows ``shown`` at exchange time ``x``; None: the display does not reach it."""
        if shown is None:
            return
        if self.ahead is None:
            self.ahead, self.shown, self.traded = shown, shown, 0
            return
        fallen = self.shown - shown
        if fallen > 0:
            explained = min(fallen, self.traded)
            self.traded -= explained
            self._cancelled(fallen - explained, self.shown - explained, x)
        if x > self.traded_at:  # later than all trades that were reported: it shows whatever they changed
            self.traded = 0
        self.ahead = min(self.ahead, shown)
        self.shown = shown

    def _cancelled(self, size: int, of: int, x: int) -> None:
        assert self.ahead is not None
        if size <= 0:
            return
        self.fell, self.fell_at = size, x
        self.cut = size * min(self.ahead, of) // of
        self.ahead -= self.cut

    def trade(self, size: int, x: int, ours: int) -> int:
        """The exchange traded ``size`` at the price; what of it comes to our order. ``ours``: what orders of ours that
        stand before it got of the trade, so that it served so many fewer of the others."""
        if self.ahead is None:
            return 0
        late = min(size, self.fell) if x <= self.fell_at else 0
        if late:
            back = self.cut * late // self.fell
            self.ahead += back
            self.cut -= back
            self.fell -= late
        self.traded += size - late
        self.traded_at = max(self.traded_at, x)
        before = self.ahead
        self.ahead = max(0, before - (size - ours))
        return max(0, size - ours - before)

    def passed(self) -> None:
        """The exchange traded beyond the price: nobody is left ahead."""
        self.ahead = 0
