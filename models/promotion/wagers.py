"""The purses that bet on hours: evidence that lots gain, or that they lose.

A ``Wager`` has a purse for each underlying, all beginning with 1. Its value is their weighted mean with weights
1/(k (k + 1)) in the order in which the underlyings first appeared, and 1 for the rest of the weight: an e-value
whatever the dependence between underlyings, since means of e-values are e-values. (Their product would be none: hours
of BTC and ETH go together.) How much is put on an hour is the growth-optimal part by the hours complete before, at most
nine tenths (``models.statistics.betting``); the theorem stands in ``models.promotion.observations``.

Where the underlyings are known before, each has an equal weight instead.

A ``Detector`` looks for an edge that ended. Its wager on losses is begun anew every so many observations, so that a
long good past does not hide a bad end, and its value is the sum over the beginnings of the last horizon, each divided
by how many a horizon has. Each is an e-process, so false alarms come at most once in ``threshold`` horizons on the
mean: their expected number is at most (horizons / threshold). (An e-detector of Shin, Ramdas and Rinaldo,
"E-detectors", 2023.)

>>> from models.promotion.observations import HOUR_NS
>>> wager, book = Wager(), LotBook()
>>> for number in range(40):
...     key = book.buy(number * HOUR_NS, "m", "Up", "BTC", 10_000_000, 5_000_000)
...     if key is not None:
...         wager.stake(key)
...     book.settle("m", "Up", 0 if number % 5 == 0 else 10_000)
...     for seen in book.advance((number + 1) * HOUR_NS):
...         taken = wager.take(seen)
>>> wager.value(book) > 100.0, wager.count
(True, 39)
"""

from __future__ import annotations

from typing import Literal

import msgspec

from models.promotion.observations import HourKey, HourObservation, LotBook
from models.statistics.betting import Estimate

#: Of a purse on one hour at most.
MOST = 0.9


class Purse(msgspec.Struct):
    """``free``: what is not on any hour; ``stakes``: what is, by hour."""

    free: float = 1.0
    stakes: dict[int, float] = {}
    estimate: Estimate = msgspec.field(default_factory=Estimate)


class Wager(msgspec.Struct):
    """``stake`` when an hour has its first lot, ``take`` when it is complete. ``sign``: 1 bets on gains, -1 on
    losses. ``known``: the underlyings, where they are known before the first of them; others are not bet on then."""

    sign: Literal[1, -1] = 1
    known: tuple[str, ...] = ()
    purses: dict[str, Purse] = {}  # by underlying, in order of appearance
    count: int = 0  # of hours that it bet on or could have

    def weights(self) -> dict[str, float]:
        """Of each purse; what lacks to 1 stays as it is."""
        if self.known:
            return {name: 1.0 / len(self.known) for name in self.purses}
        return {name: 1.0 / (number * (number + 1)) for number, name in enumerate(self.purses, 1)}

    def stake(self, key: HourKey) -> None:
        """Bet on an hour, by what is complete now."""
        if self.known and key[0] not in self.known:
            return
        purse = self.purses.setdefault(key[0], Purse())
        bet = purse.estimate.bet(MOST)
        purse.stakes[key[1]] = bet * purse.free
        purse.free -= purse.stakes[key[1]]

    def take(self, seen: HourObservation) -> bool:
        """An hour is complete. One that began before this wager is not its own: False."""
        purse = self.purses.get(seen.underlying)
        if purse is None or seen.hour not in purse.stakes:
            return False
        outcome = self.sign * seen.x
        purse.free += purse.stakes.pop(seen.hour) * (1.0 + outcome)
        purse.estimate.add(outcome)
        self.count += 1
        return True

    def value(self, book: LotBook) -> float:
        """The e-value now: open lots at their worst."""
        total, rest = 0.0, 1.0
        for name, weight in self.weights().items():
            rest -= weight
            total += weight * self.worth(name, book)
        return total + max(rest, 0.0)

    def worth(self, underlying: str, book: LotBook) -> float:
        """Of one purse."""
        purse = self.purses[underlying]
        worth = purse.free
        for hour, stake in purse.stakes.items():
            least, most = book.range_of((underlying, hour))
            worth += stake * (1.0 + (least if self.sign > 0 else -most))
        return worth


class Detector(msgspec.Struct):
    """Evidence of a mean below zero at the end. ``every``: observations between two beginnings, of which a horizon has
    ``beginnings``."""

    every: int = 24
    beginnings: int = 8
    seen: int = 0
    wagers: list[Wager] = msgspec.field(default_factory=lambda: [Wager(sign=-1)])
    met: tuple[str, ...] = ()

    def stake(self, key: HourKey) -> None:
        """An hour has its first lot."""
        if key[0] not in self.met:
            self.met = (*self.met, key[0])
        for wager in self.wagers:
            wager.stake(key)

    def take(self, seen: HourObservation) -> None:
        """An hour is complete."""
        for wager in self.wagers:
            wager.take(seen)
        self.seen += 1
        if self.seen % self.every == 0:
            self.wagers.append(Wager(sign=-1, known=self.met))
            del self.wagers[: -self.beginnings]

    def value(self, book: LotBook) -> float:
        """The value now. What has not begun yet of the first horizon counts as it would begin."""
        total = float(self.beginnings - len(self.wagers))
        for wager in self.wagers:
            total += wager.value(book)
        return total / self.beginnings
