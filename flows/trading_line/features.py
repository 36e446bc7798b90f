"""The features of one underlying: variance of its spot price, and per market the strike and the running average.

Spot is sampled on whole seconds of event time (the last price known then), so that the number of updates a second
does not change the variance.
"""

from __future__ import annotations

import msgspec

from models.journal import Market, Spot
from models.money import DOLLAR
from models.timestamps import SECOND
from models.volatility import EwmaVariance

_KEPT_S = 200  # longer than any averaging time, with room for a late definition
_EXACT_S = 2.0  # a strike estimate from a sample this close is as good as the official one
_FAR_S = 90.0  # and from one further than this is none


class Strike:
    """A market's strike: dollars, where from, and how many seconds from the window's start."""

    __slots__ = ("gap_s", "source", "value")

    def __init__(self, value: float, source: str, gap_s: float) -> None:
        self.value = value
        self.source = source
        self.gap_s = gap_s


class _Sample(msgspec.Struct, gc=False):
    """Spot at a whole second: micro-dollars, the running total of all samples, and the second the price came in."""

    price: int
    total: int
    origin: int


class UnderlyingFeatures:
    """Feed ``on_spot`` and ``on_time``; read the rest. Times: Unix ns. Prices: dollars, inside micro-dollars."""

    def __init__(self, half_life_s: float) -> None:
        self.variance = EwmaVariance(half_life_s)
        self.latest: Spot | None = None
        self._price = 0
        self._origin = 0  # second of receipt of the last price
        self._second = 0  # last whole second sampled
        self._first = 0  # first whole second kept
        self._total = 0
        self._samples: dict[int, _Sample] = {}
        self._estimates: dict[str, Strike] = {}

    def on_spot(self, spot: Spot) -> None:
        self.on_time(spot.t)
        self.latest = spot
        if spot.ok:
            self._price = spot.price
            self._origin = spot.t // SECOND

    def on_time(self, t: int) -> None:
        """Sample the whole seconds that have begun by ``t``."""
        second = t // SECOND
        if second <= self._second or not self._price:
            return
        if self._origin >= self._second:  # a price that came since the last sample; a repeated one is no return
            self.variance.update(float(self._origin + 1), self._price / DOLLAR)
        begin = self._second + 1
        if not self._samples or second - self._second > _KEPT_S:
            self._samples.clear()
            begin = max(self._origin + 1, second - _KEPT_S)
            self._first = begin
        for each in range(begin, second + 1):
            self._total += self._price
            self._samples[each] = _Sample(self._price, self._total, self._origin)
        while self._first < second - _KEPT_S:
            del self._samples[self._first]
            self._first += 1
        self._second = second

    def strike(self, market: Market, t: int) -> Strike | None:
        """The strike to use: our own estimate from the same feed where it is exact (a basis between feeds cancels
        then), else the official one, else the estimate with its gap."""
        estimate = self._estimates.get(market.key)
        if estimate is None and t >= market.start:
            estimate = self._estimate(market)
            if estimate is not None:
                self._estimates[market.key] = estimate
        if estimate is not None and estimate.gap_s <= _EXACT_S:
            return estimate
        if market.strike is not None:
            return Strike(market.strike / DOLLAR, "official", 0.0)
        return estimate

    def average(self, market: Market, t: int) -> float | None:
        """Average of spot over the elapsed part of the settlement's averaging time; None outside of it."""
        rule = market.rule
        if rule is None or rule.lookback_s == 0:
            return None
        begin = market.end // SECOND - rule.lookback_s
        return self._mean(begin, min(self._second, market.end // SECOND))

    def forget(self, key: str) -> None:
        self._estimates.pop(key, None)

    def _estimate(self, market: Market) -> Strike | None:
        start = market.start // SECOND
        rule = market.rule
        if rule is not None and rule.lookback_s:
            mean = self._mean(start - rule.lookback_s, start)
            return Strike(mean, f"estimated_{rule.name}", 0.0) if mean is not None else None
        at = min(max(start, self._first), self._second)
        sample = self._samples.get(at)
        if sample is None:
            return None
        gap = float(abs(start - sample.origin) if sample.origin != start - 1 else 0)
        return Strike(sample.price / DOLLAR, "estimated_spot", gap) if gap <= _FAR_S else None

    def _mean(self, after: int, last: int) -> float | None:
        """Average over the seconds (after, last]; None where they are not all known."""
        first, final = self._samples.get(after), self._samples.get(last)
        if first is None or final is None or last <= after:
            return None
        return (final.total - first.total) / (last - after) / DOLLAR
