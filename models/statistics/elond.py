"""What evidence an instance needs, given all instances that were ever tried: the thresholds of e-LOND.

Who tries enough worthless instances finds one that looks good. The n-th instance ever tried is tested at the level
``alpha * gamma(n) * (1 + found)``, where the gammas add up to 1 and ``found`` counts those accepted so far: it is
accepted when its e-value reaches 1 over its level. Then the expected share of worthless ones among the accepted is at
most ``alpha``, whatever the dependence between the e-values, at any stopping time (Xu and Ramdas, "Online multiple
testing with e-values", AISTATS 2024). While no instance has an edge, the probability of accepting any is at most
``alpha`` too: the first that is accepted had the level ``alpha * gamma(n)``, and those add up to ``alpha``.

It holds for e-processes that go on side by side as well. Let T be when instance n is accepted and E its e-value then.
The accepted are at last at least the ``found`` of that moment plus one, so its share is at most
``alpha * gamma(n) * E``, and E has a mean of at most 1 at every stopping time of what all instances show together.

The levels themselves are computed by the package `online-fdr`. The gammas are 1/(n (n + 1)), which add up to exactly 1
and ask less of the first twenty than LOND's own sequence.

>>> trials = Trials(alpha=0.005)
>>> trials.add("a"), trials.add("b"), trials.add("a")
(1, 2, 1)
>>> round(trials.threshold("a")), round(trials.threshold("b"))
(400, 1200)
>>> trials.accept("a")
>>> round(trials.threshold("b")), trials.count, round(trials.spent, 6)
(600, 2, 0.003333)
"""

from __future__ import annotations

from typing import Any

import msgspec


class Trials(msgspec.Struct):
    """Every hypothesis ever tried, in order, and those accepted. Plain data: a snapshot is its own encoding. A trial is
    never taken back: what failed counts as what was tried."""

    alpha: float
    tried: list[str] = []
    accepted: list[str] = []

    def add(self, name: str) -> int:
        """Try one; its number from 1. One that was tried before keeps its number."""
        if name not in self.tried:
            self.tried.append(name)
        return self.tried.index(name) + 1

    def accept(self, name: str) -> None:
        """It passed. Raises ValueError for one that was never tried."""
        if name not in self.tried:
            raise ValueError(f"{name!r} was never tried")
        if name not in self.accepted:
            self.accepted.append(name)

    def level(self, name: str) -> float:
        """The level at which it is tested now. Raises ValueError for one that was never tried."""
        if name not in self.tried:
            raise ValueError(f"{name!r} was never tried")
        found = len(self.accepted) - (name in self.accepted)
        return _level(self.alpha, self.tried.index(name) + 1, found)

    def threshold(self, name: str) -> float:
        """The e-value that it must reach now."""
        return 1.0 / self.level(name)

    @property
    def count(self) -> int:
        """How many were tried."""
        return len(self.tried)

    @property
    def spent(self) -> float:
        """What of ``alpha`` the trials so far have used, before anything that being right gives back."""
        return self.alpha * self.count / (self.count + 1)


def _level(alpha: float, number: int, found: int) -> float:
    """The level of e-LOND for the hypothesis of that number after so many acceptances."""
    from online_fdr.core.abstract.abstract_gamma_seq import AbstractGammaSequence  # brings scipy: half a second
    from online_fdr.e_values import ELond

    class From(AbstractGammaSequence):
        """1/(n (n + 1)), from the hypothesis asked for on."""

        def calc_gamma(self, j: int, *args: Any, **kwargs: Any) -> float:
            place = number - 1 + j
            return 1.0 / (place * (place + 1))

    test = ELond(alpha, From())
    test.num_reject = found
    level = test.test_one_detail(0.0).test_level
    assert level is not None
    return float(level)
