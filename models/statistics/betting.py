"""Tests by betting: evidence about the mean of bounded outcomes, good at every moment one looks.

Who believes that a mean is at most zero should not lose by selling bets on it. The test bets a part of its capital on
each outcome ``x`` (net dollars a share, from -1 to 1): the capital is multiplied with ``1 + bet * x``. While the mean
given the past is zero or less, that is a supermartingale, so by Ville's inequality it ever reaches ``1 / alpha`` with
probability at most ``alpha``, over any number of looks. ``NegativeMean`` is the mirror: it bets against outcomes.

The bet follows from what came before alone: the estimate of the growth-optimal one, ``mean / (variance + mean^2)``,
from 0 to a cap below 1 (aGRAPA of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
JRSS B 2024, section B.3). Any predictable bet is valid; a better one only finds an edge sooner.

>>> test = NegativeMean()
>>> for outcome in [-0.4, -0.3, 0.1, -0.5] * 10:
...     test.take(outcome)
>>> test.count, test.capital > 100.0
(40, True)
>>> mirror = PositiveMean()
>>> for outcome in [0.4, 0.3, -0.1, 0.5] * 10:
...     mirror.take(outcome)
>>> mirror.capital == test.capital
True
"""

from __future__ import annotations

import msgspec

_MOST = 0.5  # of the capital in one bet: an outcome of 1 then leaves half of it
_PRIOR = 0.25  # variance before anything is known: the largest of outcomes within [0, 1]


class Estimate(msgspec.Struct):
    """Mean and variance of outcomes so far, with one outcome of mean 0 and the prior variance before them."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, outcome: float) -> None:
        """One more outcome."""
        self.count += 1
        self.total += outcome
        self.squares += outcome * outcome

    def bet(self, most: float, prior: float = _PRIOR) -> float:
        """The growth-optimal part of a capital to bet on the next, 0 to ``most``.

        >>> estimate = Estimate()
        >>> estimate.bet(0.5)
        0.0
        >>> estimate.add(0.5)
        >>> estimate.bet(0.9)
        0.9
        """
        mean = self.total / (self.count + 1)
        if mean <= 0.0:
            return 0.0
        variance = (prior + self.squares - self.total * self.total / self.count) / (self.count + 1)
        return min(mean / (variance + mean * mean), most)


class NegativeMean(msgspec.Struct):
    """``take`` outcomes; ``capital`` is the evidence against a mean of zero or more, 1 at the beginning."""

    capital: float = 1.0
    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def take(self, outcome: float) -> None:
        """An outcome, at most 1. Raises ValueError above."""
        if outcome > 1.0:
            raise ValueError(f"outcome {outcome} is above 1")
        self.capital = round(self.capital * (1.0 - self._bet() * outcome), 12)
        self.count += 1
        self.total += outcome
        self.squares += outcome * outcome

    def _bet(self) -> float:
        return Estimate(self.count, -self.total, self.squares).bet(_MOST)


class PositiveMean(msgspec.Struct):
    """``take`` outcomes; ``capital`` is the evidence against a mean of zero or less, 1 at the beginning."""

    capital: float = 1.0
    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def take(self, outcome: float) -> None:
        """An outcome, at least -1. Raises ValueError below."""
        if outcome < -1.0:
            raise ValueError(f"outcome {outcome} is below -1")
        bet = Estimate(self.count, self.total, self.squares).bet(_MOST)
        self.capital = round(self.capital * (1.0 + bet * outcome), 12)
        self.count += 1
        self.total += outcome
        self.squares += outcome * outcome
