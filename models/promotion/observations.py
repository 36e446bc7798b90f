"""What counts as one observation of an instance: all that it bought of one underlying in one hour.

**Lots.** Each fill that buys is a lot. Sales use lots up in their order, the settlement closes the rest. A lot's net is
what came back minus what it cost, fees counted and rebates not; a share costs at most a dollar and brings at least
nothing, so the net is at least -1 dollar a share.

**Observation.** Of the lots opened in one hour of one underlying, when the hour is over and all of them are closed:
``x = sum(w_i net_i) / S``. ``S``, in shares, is the most that an hour of that underlying had among the last 24 with
lots, and is fixed before the hour; ``w_i`` cuts lots off, in their order, where the hour's shares would exceed ``S``.
The first hour only learns ``S``.

**Why not net over the shares of the hour.** The number of shares is then part of the outcome. Who stops an hour when
ahead, and goes on buying when behind, has a positive mean of that ratio in a fair game. Here each weight ``w_i / S`` is
known when its lot is bought.

**Theorem.** Let no lot have a positive expected net, given all that is known when it is bought (whatever the instance's
rules of buying, sizing and leaving are: in a fair game every rule is such). A bettor puts a part of the purse on each
hour before its first lot, by what was closed then, and so holds ``stake * w_i / S`` shares of each lot. The value of
the purse, with every open lot counted as worth nothing beyond what it brought, is an e-value at every stopping time:
its mean is at most 1. *Proof.* The holding of a lot is known when the lot is bought, and so is whether the bettor had
stopped before; so each lot adds a mean of at most 0, and open lots are counted at their worst. The purse is never
negative: stakes are taken out of what is closed, and an hour loses at most its stake. By Ville's inequality the value
ever reaches ``1 / alpha`` with probability at most ``alpha``.

Nothing is said of hours being independent: **overlap** is allowed. What is not closed does not count, so a product of
factors ``1 + bet * x`` is made only where one hour is closed before the next begins; multiplying factors of hours that
overlap would be wrong, for their outcomes may go together. Underlyings go together too, and have purses of their own,
whose weighted mean is an e-value whatever the dependence (``models.promotion.wagers``).

>>> from models.timestamps import SECOND
>>> hour, book = 3_600 * SECOND, LotBook()
>>> for number in range(2):
...     opened = book.buy(number * hour, "m", "Up", "BTC", 10_000_000, 5_100_000)
...     book.settle("m", "Up", 10_000)
>>> opened, book.advance(2 * hour)[-1].x
(('BTC', 1), 0.49)
"""

from __future__ import annotations

import msgspec

from models.money import PIP
from models.timestamps import SECOND

HOUR_NS = 3_600 * SECOND
#: Hours with lots among which the largest is ``S``.
_SIZES = 24
HourKey = tuple[str, int]  # underlying, hours since 1970


class HourObservation(msgspec.Struct, frozen=True):
    """One observation. ``t``: Unix ns at which it was complete; ``x``: dollars a share of the scale, -1 to 1; ``net``:
    micro-dollars of all its ``lots`` and ``shares`` (micro-shares), those that were cut off too; ``regime``: as it was
    stated with the hour's first lot."""

    underlying: str
    hour: int
    t: int
    x: float
    lots: int
    shares: int
    net: int
    regime: str = ""


class BoughtLot(msgspec.Struct):
    """Micro-shares of one fill that are ``left``; ``weight``: the part of it that counts; ``key``: of its hour, None
    where it counts for none; ``cost``: micro-dollars of what is left, fee included."""

    key: HourKey | None
    left: int
    weight: float = 0.0
    cost: int = 0


class LotHour(msgspec.Struct):
    """An hour that is not complete. ``scale``: its ``S`` in micro-shares, 0 where it only learns; ``counted``: of it
    taken so far; ``worst``: micro-dollars that it brings if no more comes back, ``more``: what would come besides if
    every open share were paid a dollar; both weighted."""

    scale: int
    regime: str
    counted: int = 0
    lots: int = 0
    open: int = 0
    shares: int = 0
    net: int = 0
    worst: float = 0.0
    more: float = 0.0


class UnderlyingHours(msgspec.Struct):
    """The hours of one underlying that are not complete, and the sizes of the last that are over."""

    sizes: list[int] = []
    hours: dict[int, LotHour] = {}
    over: int = -1  # the last hour whose size was learnt


class LotBook(msgspec.Struct):
    """An instance's lots. Give it every fill and settlement in order of time, then ``advance``."""

    lots: dict[str, list[BoughtLot]] = {}  # "market|outcome", oldest first
    underlyings: dict[str, UnderlyingHours] = {}
    irregular: int = 0  # sales of what was never bought, and lots that lost more than a dollar a share
    realised: int = 0  # micro-dollars that closed lots brought, less what they cost: all that count, those cut off too

    def buy(
        self,
        t: int,
        market: str,
        outcome: str,
        underlying: str,
        size: int,
        cost: int,
        regime: str = "",
        counts: bool = True,
    ) -> HourKey | None:
        """``size`` micro-shares were bought for ``cost`` micro-dollars, fee included. The hour, where this is its first
        lot and it can be bet on: now is the time. ``counts``: whether it is part of an observation at all; what is not
        is remembered, so that it is sold in its turn."""
        held = self.lots.setdefault(f"{market}|{outcome}", [])
        if not counts:
            held.append(BoughtLot(None, size))
            return None
        number = t // HOUR_NS
        of = self.underlyings.setdefault(underlying, UnderlyingHours())
        hour = of.hours.get(number)
        begins = hour is None
        if hour is None:
            known = [*of.sizes, *(each.shares for other, each in of.hours.items() if of.over < other < number)]
            hour = of.hours[number] = LotHour(max(known[-_SIZES:], default=0), regime)
        counted = min(size, hour.scale - hour.counted) if hour.scale else 0
        weight = counted / size
        hour.counted += counted
        hour.lots += 1
        hour.open += 1
        hour.shares += size
        hour.worst -= weight * cost
        hour.more += weight * size
        hour.net -= cost
        self.irregular += cost > size
        held.append(BoughtLot((underlying, number), size, weight, cost))
        return (underlying, number) if begins and hour.scale else None

    def sell(self, market: str, outcome: str, size: int, proceeds: int) -> None:
        """``size`` micro-shares brought ``proceeds`` micro-dollars, fee taken off: the oldest lots go first."""
        held = self.lots.get(f"{market}|{outcome}", [])
        while size > 0 and held:
            lot = held[0]
            part = min(lot.left, size)
            paid = proceeds * part // size
            self._pay(lot, part, paid)
            size -= part
            proceeds -= paid
            if not lot.left:
                held.pop(0)
        if not held:
            self.lots.pop(f"{market}|{outcome}", None)
        self.irregular += size > 0

    def settle(self, market: str, outcome: str, payout: int) -> None:
        """The outcome pays ``payout`` pips a share, 0 for nothing: what is held of it is closed."""
        held = self.lots.get(f"{market}|{outcome}", [])
        size = 0
        for lot in held:
            size += lot.left
        if size:
            self.sell(market, outcome, size, size * payout // PIP)

    def _pay(self, lot: BoughtLot, part: int, paid: int) -> None:
        cost = lot.cost * part // lot.left
        lot.left -= part
        lot.cost -= cost
        if lot.key is None:
            return
        self.realised += paid - cost
        hour = self.underlyings[lot.key[0]].hours[lot.key[1]]
        hour.net += paid
        hour.worst += lot.weight * paid
        hour.more -= lot.weight * part
        hour.open -= not lot.left

    def advance(self, t: int) -> list[HourObservation]:
        """The observations that are complete at ``t`` (Unix ns), in order of their hours."""
        now, found = t // HOUR_NS, list[HourObservation]()
        for name, of in self.underlyings.items():
            for number in sorted(of.hours):
                hour = of.hours[number]
                if number >= now:
                    continue
                if number > of.over:
                    of.over = number
                    of.sizes = [*of.sizes, hour.shares][-_SIZES:]
                if hour.open == 0:
                    del of.hours[number]
                    if hour.scale:
                        found.append(
                            HourObservation(
                                name,
                                number,
                                t,
                                self._bounded(hour.worst / hour.scale),
                                hour.lots,
                                hour.shares,
                                hour.net,
                                hour.regime,
                            )
                        )
        found.sort(key=lambda each: each.hour)
        return found

    def scale(self) -> int:
        """The most micro-shares of an hour lately, of the underlying with the most."""
        return max((max(each.sizes, default=0) for each in self.underlyings.values()), default=0)

    def range_of(self, key: HourKey) -> tuple[float, float]:
        """The least and the most that an hour's ``x`` can still become by the lots it has."""
        hour = self.underlyings[key[0]].hours[key[1]]
        if not hour.scale:
            return 0.0, 0.0
        return max(hour.worst / hour.scale, -1.0), min((hour.worst + hour.more) / hour.scale, 1.0)

    def _bounded(self, x: float) -> float:
        """Within -1 and 1: what rounding adds is taken off, and what is more than that counts as irregular."""
        self.irregular += abs(x) > 1.0 + 1e-9
        return min(max(round(x, 12), -1.0), 1.0)
