"""The exact fair value of an up/down market on the latent price. Pure; the derivation is in docs/simulator.md.

An up/down market pays when the mean of ``count`` samples that end at ``end`` is at least the mean of ``count``
samples that end at ``start``. The log return of second ``j`` moves the mean by the share of samples that are not
older than it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from connectors.simulator.latent import LatentPrice

TWAP_30_FROM: Final = int(datetime(2026, 8, 7, tzinfo=UTC).timestamp())
TWAP_60_FROM: Final = int(datetime(2026, 8, 14, tzinfo=UTC).timestamp())


def sample_count(horizon: str, start: int) -> int:
    """How many one-second samples the settlement of a window that opens at Unix second ``start`` averages."""
    if horizon == "1h" or start < TWAP_30_FROM:
        return 1
    if start < TWAP_60_FROM:
        return 30 if horizon == "5m" else 60
    return 60


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


class FairValue:
    """P(Up) of one market given the latent price so far and the whole variance path."""

    def __init__(self, latent: LatentPrice, start: int, end: int, count: int) -> None:
        self._latent = latent
        self.start = start
        self.end = end
        self.count = count
        self.strike: float | None = None
        self._up_won: bool | None = None
        self._first = latent.second
        self._known_second = -1
        self._known_sum = 0.0
        latent.path.reach(end)
        self._difference: list[float] = []
        self._ending: list[float] = []
        self._starting: list[float] = []
        self._running = -1  # the second of which these are the squared weights: of the difference, the end, the start
        self._squares = (0.0, 0.0, 0.0)
        self._remaining()

    def _weight(self, close: int, second: int) -> float:
        """Share of the samples ending at ``close`` that the return of ``second`` moves."""
        return min(max(0, close - second + 1), self.count) / self.count

    def _remaining(self) -> None:
        """Variance after each second: of the difference of the two log means, and of each of them."""
        difference = ending = starting = 0.0
        path = self._latent.path
        for second in range(self.end, self._first - 1, -1):
            self._difference.append(difference)
            self._ending.append(ending)
            self._starting.append(starting)
            if second > self._first:
                variance = path.diffusion[second] + path.jump[second]
                at_end, at_start = self._weight(self.end, second), self._weight(self.start, second)
                difference += variance * (at_end - at_start) ** 2
                ending += variance * at_end**2
                starting += variance * at_start**2
        self._difference.reverse()
        self._ending.reverse()
        self._starting.reverse()

    def _expected(self, close: int) -> float:
        """Expected mean of the samples that end at ``close``."""
        latent = self._latent
        now = latent.second if latent.done == 1.0 else latent.second - 1  # the last second with a sample
        left = min(self.count, max(0, close - now))
        if left == self.count:
            return latent.price
        if left == 0:
            return latent.average(close, self.count)
        if now != self._known_second:
            self._known_second = now
            self._known_sum = math.fsum(latent.samples.slice(close - self.count + 1, now + 1))
        return (self._known_sum + left * latent.price) / self.count

    def up(self) -> float:
        """P(Up) now; 0 or 1 once the end has been reached."""
        latent = self._latent
        second, left = latent.second, 1.0 - latent.done
        if second > self.end or (second == self.end and left == 0.0):
            return 1.0 if self.result() else 0.0
        if self.strike is None and (second > self.start or (second == self.start and left == 0.0)):
            self.strike = latent.average(self.start, self.count)
        base = self.strike if self.strike is not None else self._expected(self.start)
        index = second - self._first
        difference, ending, starting = self._difference[index], self._ending[index], self._starting[index]
        if left:
            variance = latent.diffusion * left
            if second != self._running:
                at_end, at_start = self._weight(self.end, second), self._weight(self.start, second)
                self._running, self._squares = second, ((at_end - at_start) ** 2, at_end**2, at_start**2)
            of_difference, of_end, of_start = self._squares
            difference += variance * of_difference
            ending += variance * of_end
            starting += variance * of_start
        mean = math.log(self._expected(self.end) / base) - (ending - starting) / 2.0
        if difference <= 0.0:
            return 1.0 if mean >= 0.0 else 0.0
        return normal_cdf(mean / math.sqrt(difference))

    def final(self) -> float:
        """The mean that settles the market; only at or after the end."""
        return self._latent.average(self.end, self.count)

    def result(self) -> bool:
        """True for Up; a tie is Up."""
        if self._up_won is not None:
            return self._up_won
        strike = self.strike if self.strike is not None else self._latent.average(self.start, self.count)
        return self.final() >= strike

    def settle(self) -> None:
        """The end has been reached: the result is kept, for a market may resolve when the samples are forgotten, and
        the variances that were to come are not."""
        self._up_won = self.result()
        self._difference, self._ending, self._starting = [], [], []
