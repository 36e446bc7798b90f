"""Evidence that the model knows better than the market: its probability against the market's mid, on every window.

Windows that were never traded count as well, so this speaks sooner than money does; and it says less, for knowing
better by less than the costs earns nothing. It may open a canary on paper, never more.

The gain of a window is the difference of the Brier scores, ``(mid - outcome)^2 - (stated - outcome)^2``: while the
model knows no better, its mean given the past is at most zero. Both probabilities are those of one moment that does not
depend on the outcome, the first evaluation with both, and a window counts once. Its least is known then: ``|stated -
mid|`` times ``stated + mid`` where the model says more than the market, times ``2 - stated - mid`` where it says less.
That is what a window is worth as a lot: so windows become hours, and hours observations, by the rules and the theorem
of ``models.promotion.observations``.

>>> from models.timestamps import SECOND
>>> book = ForecastBook()
>>> book.state(0, "m", "BTC", stated=0.7, mid=0.6)
>>> book.resolve("m", 1.0)
>>> round(book.gain, 4)
0.07
"""

from __future__ import annotations

import msgspec

from models.promotion.observations import HourObservation, LotBook
from models.promotion.wagers import Wager

_MICRO = 1_000_000
_LEAST = 100  # micro-units: a model that says what the market says bets nothing


class ForecastBook(msgspec.Struct):
    """``state`` what the model and the market say of a window, ``resolve`` it, ``advance`` the time. ``gain``: sum of
    the Brier differences."""

    book: LotBook = msgspec.field(default_factory=LotBook)
    wager: Wager = msgspec.field(default_factory=Wager)
    said: dict[str, tuple[float, float, int]] = {}  # market -> stated, mid, size; until it is resolved
    begun: int = 0  # Unix ns of the first
    windows: int = 0
    gain: float = 0.0

    def state(self, t: int, market: str, underlying: str, stated: float, mid: float) -> None:
        """Probabilities of the window's "Up" at ``t`` (Unix ns), 0 to 1. Only the first of a window counts."""
        if market in self.said or not 0.0 <= stated <= 1.0 or not 0.0 <= mid <= 1.0:
            return
        self.begun = self.begun or t
        least = abs(stated - mid) * (stated + mid if stated > mid else 2.0 - stated - mid)
        size = round(least * _MICRO)
        self.said[market] = (stated, mid, size if size >= _LEAST else 0)
        if size >= _LEAST:
            key = self.book.buy(t, market, "", underlying, size, size)
            if key is not None:
                self.wager.stake(key)

    def resolve(self, market: str, up: float) -> None:
        """What the window's "Up" paid, 0 to 1. The market must be over: it is not stated again."""
        said = self.said.pop(market, None)
        if said is None:
            return
        stated, mid, size = said
        gain = (mid - up) * (mid - up) - (stated - up) * (stated - up)
        self.windows += 1
        self.gain += gain
        if size:
            self.book.sell(market, "", size, max(size + round(gain * _MICRO), 0))

    def advance(self, t: int) -> list[HourObservation]:
        """Complete what is over at ``t`` (Unix ns)."""
        seen = self.book.advance(t)
        for each in seen:
            self.wager.take(each)
        return seen

    @property
    def value(self) -> float:
        """The e-value now."""
        return self.wager.value(self.book)
