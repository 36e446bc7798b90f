"""What spot was at each whole second of the last minutes, and which of those seconds were seen.

Settlement samples the price once a second; so does this. The sample of a second is the last price at or before it, by
the feed's own clock. A second counts as seen when that price

* came at that very moment, or
* is at most two seconds older, and until the next sound price none failed its checks and no connection ended. (Such a
  break has no time on the feed's clock, so all between the two prices is unseen.)

Feeds of liquid coins speak many times a second, so two seconds of silence are nearly always an outage; a recording
with one price a second is wholly seen, one with a price a minute hardly at all.

>>> from models.features.examples import example_price
>>> history = SpotHistory()
>>> for second in (0, 1, 2, 7):
...     _ = history.take(example_price(second, 100.0 + second))
>>> history.mean(0, 7)  # seconds 1 to 7: 5 and 6 were not seen
Mean(value=102.57142857142857, seconds=7, unseen=2)
"""

from __future__ import annotations

import msgspec

from models.journal import Spot
from models.money import DOLLAR
from models.timestamps import SECOND

HISTORY_S = 200  # longer than any averaging time, with room for a late definition
FILL = 2 * SECOND  # how long a price stands for the seconds after it


class Mean(msgspec.Struct, frozen=True, gc=False):
    """Average over whole seconds: dollars; of how many; how many of them were not seen."""

    value: float
    seconds: int
    unseen: int


class Sample(msgspec.Struct, frozen=True, gc=False):
    """Spot at a whole second: micro-dollars, that price's own time (Unix ns), and whether the second was seen; with the
    running totals of all samples and of those that were seen, this one included."""

    price: int
    x: int
    is_seen: bool
    total: int
    seen: int


class SpotHistory(msgspec.Struct):
    """Feed ``take``; read the rest. Time is the feed's own (``Spot.x``), because settlement is by it: a price that
    arrives a second late is a price of a second ago, with a second more to the end.

    ``latest``: the last event, sound or not. ``price`` (micro-dollars), ``as_of`` (Unix ns): of the last sound price, 0
    before there is one; ``price_before``, ``as_of_before``: of the one before it. ``second``: the last whole second
    that is sampled."""

    latest: Spot | None = None
    price: int = 0
    as_of: int = 0
    price_before: int = 0
    as_of_before: int = 0
    second: int = -1
    first: int = 0  # the first that is kept
    samples: dict[int, Sample] = {}
    broken: bool = False  # something was wrong since the last sound price

    def take(self, spot: Spot) -> bool:
        """Take a price in, and say whether it was one: sound, and not older than the last."""
        self.latest = spot
        if not spot.ok:
            self.broken = True
            return False
        x = spot.x or spot.t
        if x < self.as_of:
            return False
        second = x // SECOND
        if second > self.second:
            self._sample(second, x, spot.price)
        elif x == second * SECOND:
            self._correct(second, spot.price)
        self.price_before, self.as_of_before = self.price, self.as_of
        self.price = spot.price
        self.as_of = x
        self.broken = False
        return True

    def mean(self, after: int, last: int) -> Mean | None:
        """Average over the seconds (after, last]. Seconds before the history began count as unseen; None where none
        is known, and for a ``last`` that is not sampled yet."""
        samples = self.samples
        final = samples.get(last)
        if final is None or last <= after:
            return None
        begin = samples.get(after)
        if begin is not None:
            known, total, seen = last - after, final.total - begin.total, final.seen - begin.seen
        else:
            first = self.first
            if first <= after:
                return None  # longer ago than is kept
            begin = samples[first]
            known, total = last - first + 1, final.total - begin.total + begin.price
            seen = final.seen - begin.seen + begin.is_seen
        return Mean(total / known / DOLLAR, last - after, last - after - seen)

    def _sample(self, second: int, x: int, price: int) -> None:
        """Sample the seconds up to ``second``, before the price of time ``x`` becomes the last."""
        samples = self.samples
        begin = self.second + 1
        if second - self.second > HISTORY_S:
            samples.clear()
            begin = max(begin, second - HISTORY_S)
        total, seen = 0, 0
        before = samples.get(begin - 1)
        if before is not None:
            total, seen = before.total, before.seen
        last, last_x, broken = self.price, self.as_of, self.broken
        for each in range(begin, second + 1):
            if each * SECOND == x:
                last, last_x, broken = price, x, False
            if not last:
                continue
            if not samples:
                self.first = each
            is_seen = not broken and each * SECOND - last_x <= FILL
            total += last
            seen += is_seen
            samples[each] = Sample(last, last_x, is_seen, total, seen)
        while samples and self.first < second - HISTORY_S:
            del samples[self.first]
            self.first += 1
        self.second = second

    def _correct(self, second: int, price: int) -> None:
        """Another price of the very moment that was sampled last: the last one stands."""
        sample = self.samples[second]
        moved = price - sample.price
        if moved or not sample.is_seen:
            seen = sample.seen + (not sample.is_seen)
            self.samples[second] = Sample(price, second * SECOND, True, sample.total + moved, seen)
