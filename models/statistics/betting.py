"""A test by betting: evidence that the mean of bounded outcomes is negative, good at every moment one looks.

Who believes that a mean is at least zero should not lose by selling bets on it. The test bets a part of its capital
against each outcome ``x`` (at most 1, for example net dollars a share): the capital is multiplied with ``1 - bet * x``.
While the mean is zero or more, that is a supermartingale, so by Ville's inequality it ever reaches ``1 / alpha`` with
probability at most ``alpha``, over any number of looks. The bet follows from what came before alone: the estimate of
the growth-optimal one, ``-mean / (variance + mean^2)``, within [0, 1/2] (aGRAPA of Waudby-Smith and Ramdas, "Estimating
means of bounded random variables by betting", JRSS B 2024, section B.3).

>>> test = NegativeMean()
>>> for outcome in [-0.4, -0.3, 0.1, -0.5] * 10:
...     test.take(outcome)
>>> test.count, test.capital > 100.0
(40, True)
"""

from __future__ import annotations

import msgspec

_MOST = 0.5  # of the capital in one bet: an outcome of 1 then leaves half of it
_PRIOR = 0.25  # variance before anything is known: the largest of outcomes within [0, 1]


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
        mean = self.total / (self.count + 1)
        if mean >= 0.0:
            return 0.0
        variance = (_PRIOR + self.squares - self.total * self.total / self.count) / (self.count + 1)
        return min(-mean / (variance + mean * mean), _MOST)
