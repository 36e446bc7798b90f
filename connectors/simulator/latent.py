"""The latent price: what everything in the simulated exchange follows. Pure and seeded; see docs/simulator.md.

The variance path (slow volatility, regimes, times of jumps) is drawn apart from the directions, second by second and
ahead of time. Given the path, log returns are Gaussian, so that the fair value of an up/down market is a closed
formula, exact for someone who knows the path and not the directions. The maker is that someone.
"""

from __future__ import annotations

import math
from functools import cache
from random import Random
from typing import Final

YEAR_S: Final = 365 * 86_400
START_PRICE: Final = {
    "BTC": 97_000.0,
    "ETH": 3_400.0,
    "SOL": 190.0,
    "XRP": 2.2,
    "DOGE": 0.2,
    "BNB": 900.0,
    "HYPE": 40.0,
    "ZEC": 400.0,
}
OU_SD: Final = 0.3  # standard deviation of log volatility
OU_RELAX_S: Final = 600.0
REGIMES: Final = (0.6, 1.0, 2.0)  # volatility factors: calm, normal, wild
REGIME_NAMES: Final = ("calm", "normal", "wild")
REGIME_STAY_S: Final = (1800.0, 1200.0, 300.0)  # mean durations
REGIME_NEXT: Final = ((0.0, 1.0, 0.0), (0.7, 0.0, 0.3), (0.2, 0.8, 0.0))  # where a regime goes when it ends
JUMPS_PER_S: Final = 4.0 / 3600.0
JUMP_SHARE: Final = 0.1  # of the long-run variance


@cache
def regime_weights() -> tuple[float, ...]:
    """The long-run share of time in each regime: visits of the embedded chain times mean durations."""
    visits = [1.0, 1.0, 1.0]
    for _ in range(400):
        following = [0.0, 0.0, 0.0]
        for origin, row in enumerate(REGIME_NEXT):
            for target, chance in enumerate(row):
                following[target] += visits[origin] * chance
        visits = [(old + new) / 2 for old, new in zip(visits, following, strict=True)]  # halved: the chain has a period
    times = [visit * stay for visit, stay in zip(visits, REGIME_STAY_S, strict=True)]
    total = math.fsum(times)
    return tuple(time / total for time in times)


class Series:
    """Numbers by whole second from ``first`` on; the past can be forgotten."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._values: list[float] = []

    @property
    def end(self) -> int:
        """The first second that has no value yet."""
        return self.first + len(self._values)

    def append(self, value: float) -> None:
        self._values.append(value)

    def __getitem__(self, second: int) -> float:
        if second < self.first:
            raise IndexError(f"second {second} is before {self.first}")
        return self._values[second - self.first]

    def go_on(self, before: list[float], second: int) -> float:
        """Go on from ``before``, which ends with ``second``: what is known stands, and the rest follows with the
        returns that it has. Returns the factor of what follows."""
        at = min(max(second, self.first), self.end - 1)
        ratio = before[-1] / self[at]
        self._values = [value * ratio for value in self._values]
        for known, value in zip(range(second, self.first - 1, -1), reversed(before), strict=False):
            if known < self.end:
                self._values[known - self.first] = value
        return ratio

    def slice(self, start: int, stop: int) -> list[float]:
        """Values of the seconds ``start`` to ``stop`` - 1."""
        return self._values[start - self.first : stop - self.first]

    def forget(self, before: int) -> None:
        count = min(max(0, before - self.first), len(self._values))
        del self._values[:count]
        self.first += count


class VariancePath:
    """Variance of the log return in each second: ``diffusion`` spread evenly over it, ``jump`` at its beginning.

    Index ``j`` is the second that ends at Unix second ``j``."""

    def __init__(self, rng: Random, volatility: float, first: int) -> None:
        self._rng = rng
        self.diffusion = Series(first)
        self.jump = Series(first)
        self.regime = 1
        self._log = rng.gauss(0.0, OU_SD)
        self._keep = math.exp(-1.0 / OU_RELAX_S)
        self._noise = OU_SD * math.sqrt(1.0 - self._keep**2)
        long_run = volatility**2 / YEAR_S
        weights = regime_weights()
        mean = math.fsum(weight * factor**2 for weight, factor in zip(weights, REGIMES, strict=True))
        mean *= math.exp(2.0 * OU_SD**2)  # E[exp(2 y)]
        self._base = long_run * (1.0 - JUMP_SHARE) / mean
        self._jump = long_run * JUMP_SHARE / JUMPS_PER_S

    def reach(self, second: int) -> None:
        """Draw the path up to and including ``second``."""
        rng = self._rng
        while self.diffusion.end <= second:
            self._log = self._log * self._keep + rng.gauss(0.0, self._noise)
            if rng.random() < 1.0 / REGIME_STAY_S[self.regime]:
                self.regime = rng.choices((0, 1, 2), REGIME_NEXT[self.regime])[0]
            self.diffusion.append(self._base * REGIMES[self.regime] ** 2 * math.exp(2.0 * self._log))
            self.jump.append(self._jump if rng.random() < JUMPS_PER_S else 0.0)

    def forget(self, before: int) -> None:
        self.diffusion.forget(before)
        self.jump.forget(before)


class LatentPrice:
    """A martingale with the variances of its path. ``samples[j]`` is the price at Unix second ``j``."""

    def __init__(self, rng: Random, path: VariancePath, price: float, first: int) -> None:
        self._rng = rng
        self.path = path
        self.price = price
        self.second = first
        self.done = 1.0  # how much of the running second has passed
        self.diffusion = 0.0  # variance of the running second without its jump
        self.samples = Series(first)
        self.samples.append(price)

    def step(self, part: int, parts: int) -> None:
        """Move through the ``part``-th (from 1) of ``parts`` equal parts of the second that ends at ``second``."""
        if part == 1:
            self.second += 1
            self.path.reach(self.second)
            self.diffusion = self.path.diffusion[self.second]
        variance = self.diffusion / parts
        if part == 1:
            variance += self.path.jump[self.second]
        self.price *= math.exp(self._rng.gauss(0.0, 1.0) * math.sqrt(variance) - variance / 2.0)
        self.done = part / parts
        if part == parts:
            self.samples.append(self.price)

    def go_on(self, before: list[float], second: int) -> None:
        """Go on from samples ``before``, dollars, which end with Unix second ``second``."""
        self.price *= self.samples.go_on(before, second)

    def average(self, second: int, count: int) -> float:
        """Mean of the ``count`` samples that end with ``second``."""
        return math.fsum(self.samples.slice(second - count + 1, second + 1)) / count
