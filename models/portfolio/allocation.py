"""How much of its full size an instance deserves by what it has realised: a multiplier between a floor and a cap.

The observations are rounds: a position in one market from its first buy to its last share, as its net result over its
stake. Each later round takes a part of the weight of those before (``half_life``). From them

* ``n``: how many rounds the weights are worth, (sum w)^2 / sum w^2 (Kish 1965),
* ``mean``, ``variance``, and ``downside``, the mean square of the losses (Sortino and van der Meer 1991),
* ``confidence = n / (n + k)``: what a sample of n is worth against knowing nothing (Buehlmann's credibility, 1967).

The growth-optimal part of the wealth for a bet of that mean and variance is about mean / variance (Kelly 1956; Thorp
2006, for small edges). Where losses are the larger side, twice the downside takes the variance's place; around zero and
symmetric the two are the same. The mean is shrunk by its confidence. An instance has its full size when that part is
``full_fraction`` of the wealth or more, and the same share of it below:

    target = floor + (cap - floor) * min(1, confidence * mean / max(variance, 2 downside) / full_fraction)

The multiplier rises towards its target by at most ``rise`` a round, and falls by at most ``fall``.

>>> performance, terms = Performance(), AllocationTerms(floor=0.25, cap=1.0)
>>> performance.target(terms)  # nothing is known: the floor
0.25
>>> for result in [0.12, -0.05, 0.10, 0.02] * 20:
...     performance.take(result, terms.half_life)
>>> performance.target(terms)
1.0
>>> limited(0.25, 1.0, terms)
0.3
"""

from __future__ import annotations

import msgspec


class AllocationTerms(msgspec.Struct, frozen=True):
    """``half_life``, ``sample`` (the k of the confidence): rounds. ``full_fraction``: of wealth. ``rise``, ``fall``: a
    round."""

    floor: float = 0.5
    cap: float = 1.0
    half_life: float = 100.0
    sample: float = 30.0
    full_fraction: float = 0.02
    rise: float = 0.05
    fall: float = 0.25


class Performance(msgspec.Struct):
    """What an instance realised so far, as weighted sums."""

    weight: float = 0.0
    weight_squares: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    losses: float = 0.0  # squares of the losses alone
    rounds: int = 0

    def take(self, result: float, half_life: float) -> None:
        """A round's net result over its stake."""
        old = round(0.5 ** (1.0 / half_life), 12)
        self.weight = self.weight * old + 1.0
        self.weight_squares = self.weight_squares * old * old + 1.0
        self.total = self.total * old + result
        self.squares = self.squares * old + result * result
        self.losses = self.losses * old + (result * result if result < 0.0 else 0.0)
        self.rounds += 1

    @property
    def n(self) -> float:
        """How many rounds the weights are worth."""
        return self.weight * self.weight / self.weight_squares if self.weight_squares else 0.0

    @property
    def mean(self) -> float:
        """Net result over stake, of the average round."""
        return self.total / self.weight if self.weight else 0.0

    @property
    def variance(self) -> float:
        """Of the rounds' results."""
        return max(self.squares / self.weight - self.mean * self.mean, 0.0) if self.weight else 0.0

    @property
    def downside(self) -> float:
        """Mean square of the losses."""
        return self.losses / self.weight if self.weight else 0.0

    def confidence(self, sample: float) -> float:
        """What the sample is worth, 0 to 1."""
        return self.n / (self.n + sample)

    def target(self, terms: AllocationTerms) -> float:
        """The multiplier that what was realised deserves, rounded to 1e-6."""
        risk = max(self.variance, 2.0 * self.downside)
        mean = self.confidence(terms.sample) * self.mean
        if mean <= 0.0:
            share = 0.0
        elif risk <= 0.0:
            share = self.confidence(terms.sample)  # it never lost and never varied: the sample alone speaks
        else:
            share = min(mean / risk / terms.full_fraction, 1.0)
        return round(terms.floor + (terms.cap - terms.floor) * share, 6)


def limited(old: float, target: float, terms: AllocationTerms) -> float:
    """The multiplier after one more round: on its way from ``old`` to ``target``, within floor and cap."""
    moved = min(target, old + terms.rise) if target > old else max(target, old - terms.fall)
    return round(min(max(moved, terms.floor), terms.cap), 6)
