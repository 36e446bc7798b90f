"""The features of one underlying: variance of its spot price, and per market the strike and the running average.

Spot is sampled on whole seconds (the last price there was then), so that the number of updates a second does not change
the averages.
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
    """Feed ``on_spot``; read the rest. Prices: dollars, inside micro-dollars.

    Time here is the feed's own (``Spot.x``), because settlement is by it: a price that arrives a second late is a price
    of a second ago, with a second more to the end. ``as_of`` is how far the feed has come, in Unix ns. Returns are
    taken over ``interval_s`` seconds: over one second the feeds' smoothing would hide part of the variance."""

    def __init__(self, half_life_s: float, interval_s: int) -> None:
        self.variance = EwmaVariance(half_life_s)
        self._interval = interval_s
        self._bucket = 0  # interval of the last return
        self.latest: Spot | None = None
        self.as_of = 0
        self._price = 0
        self._origin = 0  # second of the last price
        self._second = 0  # last whole second sampled
        self._first = 0  # first whole second kept
        self._total = 0
        self._samples: dict[int, _Sample] = {}
        self._estimates: dict[str, Strike] = {}

    def on_spot(self, spot: Spot) -> None:
        """Take a price in; one that failed its checks, or is older than the last, changes no feature."""
        self.latest = spot
        x = spot.x or spot.t
        if not spot.ok or x < self.as_of:
            return
        second = x // SECOND
        if second > self._second:
            # a repeated price is no return: only one that came since the last return counts
            if second // self._interval > self._bucket:
                if self._price and self._origin // self._interval >= self._bucket:
                    self.variance.update(float(self._origin + 1), self._price / DOLLAR)
                self._bucket = second // self._interval
            self._sample(second, spot.price if x == second * SECOND else self._price)
        self._price = spot.price
        self._origin = second
        self.as_of = x

    def _sample(self, second: int, price: int) -> None:
        """Sample the whole seconds up to ``second``: the last price there was, and ``price`` at ``second`` itself."""
        begin = self._second + 1
        if not self._samples or second - self._second > _KEPT_S:
            self._samples.clear()
            begin = second if not self._price else max(self._origin + 1, second - _KEPT_S)
            self._first = begin
        for each in range(begin, second + 1):
            value, origin = (price, second) if each == second and price != self._price else (self._price, self._origin)
            if value:
                self._total += value
                self._samples[each] = _Sample(value, self._total, origin)
            else:
                self._first = each + 1
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

    def average(self, market: Market) -> float | None:
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
        if self._second < start:
            return None  # the feed has not come so far
        rule = market.rule
        if rule is not None and rule.lookback_s:
            mean = self._mean(start - rule.lookback_s, start)
            return Strike(mean, f"estimated_{rule.name}", 0.0) if mean is not None else None
        after = Strike(self._price / DOLLAR, "estimated_spot", float(self._origin - start))
        sample = self._samples.get(start)
        if sample is not None:
            gap = start - sample.origin
            before = Strike(sample.price / DOLLAR, "estimated_spot", 0.0 if gap <= 1 else float(gap))
            if before.gap_s <= after.gap_s:
                after = before
        return after if after.gap_s <= _FAR_S else None

    def _mean(self, after: int, last: int) -> float | None:
        """Average over the seconds (after, last]; None where they are not all known."""
        first, final = self._samples.get(after), self._samples.get(last)
        if first is None or final is None or last <= after:
            return None
        return (final.total - first.total) / (last - after) / DOLLAR
