"""The Sharpe family: how good a record looks for its risk, and how likely that is luck.

None of these opens a gate: they inform. All ratios are per observation, never annualised, because the observations of
binary markets come when markets do and not by the day.

Sources. Sortino and Price, "Performance measurement in a downside risk framework", Journal of Investing 1994.
Probabilistic ratio and minimum track record: Bailey and Lopez de Prado, "The Sharpe ratio efficient frontier", Journal
of Risk 2012, equations 7 and 11; the ratio's error: Mertens, "Comments on variance of the IID estimator in Lo", 2002.
Deflated ratio: Bailey and Lopez de Prado, "The deflated Sharpe ratio", Journal of Portfolio Management 2014.

>>> sample = moments([0.2, -0.1, 0.3, 0.1, -0.2, 0.3, 0.2, -0.1])
>>> round(sample.sharpe, 4), round(probabilistic_sharpe(sample), 4)
(0.4466, 0.8636)
>>> round(deflated_sharpe(sample, trials=10, variance=0.05), 4)
0.5917
>>> round(minimum_track_record(sample))
17
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import msgspec

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


class Moments(msgspec.Struct, frozen=True):
    """Of a sample: how many, mean, standard deviation (n - 1), skewness, and kurtosis (3 for a normal law)."""

    count: int
    mean: float
    deviation: float
    skew: float = 0.0
    kurtosis: float = 3.0

    @property
    def sharpe(self) -> float:
        """Mean over standard deviation; 0 where nothing varies."""
        return self.mean / self.deviation if self.deviation > 0.0 else 0.0


def moments(returns: Sequence[float]) -> Moments:
    """The moments of a sample. Raises ValueError for fewer than two."""
    count = len(returns)
    if count < 2:
        raise ValueError(f"{count} returns are too few: at least 2")
    mean = math.fsum(returns) / count
    second = math.fsum((each - mean) ** 2 for each in returns) / count
    deviation = math.sqrt(second * count / (count - 1))
    if second <= 0.0 or max(returns) == min(returns):
        return Moments(count, mean, 0.0)
    third = math.fsum((each - mean) ** 3 for each in returns) / count
    fourth = math.fsum((each - mean) ** 4 for each in returns) / count
    return Moments(count, mean, deviation, third / second**1.5, fourth / second**2)


def sortino(returns: Sequence[float], target: float = 0.0) -> float:
    """Mean above the target over the root mean square of what fell below it; 0 where nothing did.

    >>> round(sortino([0.2, -0.1, 0.3, -0.2]), 4)
    0.4472
    """
    if not returns:
        return 0.0
    below = math.fsum(min(each - target, 0.0) ** 2 for each in returns) / len(returns)
    return (math.fsum(returns) / len(returns) - target) / math.sqrt(below) if below > 0.0 else 0.0


def sharpe_variance(sample: Moments) -> float:
    """Variance of the estimated ratio times (n - 1), with skewness and kurtosis counted. Never below a millionth: the
    expansion has no meaning where it would be negative."""
    ratio = sample.sharpe
    return max(1.0 - sample.skew * ratio + (sample.kurtosis - 1.0) / 4.0 * ratio * ratio, 1e-6)


def probabilistic_sharpe(sample: Moments, benchmark: float = 0.0) -> float:
    """The probability that the true ratio is above ``benchmark`` (per observation); 0.5 where nothing varies."""
    if sample.deviation <= 0.0:
        return 0.5
    return _NORMAL.cdf((sample.sharpe - benchmark) * math.sqrt((sample.count - 1) / sharpe_variance(sample)))


def expected_maximum(trials: int, variance: float) -> float:
    """The best ratio to be expected of ``trials`` worthless strategies whose ratios have this variance.

    >>> expected_maximum(1, 0.1), round(expected_maximum(100, 0.1), 4)
    (0.0, 0.8002)
    """
    if trials < 2 or variance <= 0.0:
        return 0.0
    most = (1.0 - _EULER) * _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    return math.sqrt(variance) * (most + _EULER * _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e)))


def deflated_sharpe(sample: Moments, trials: int, variance: float) -> float:
    """The probability that the true ratio is above what the best of so many worthless ``trials`` would show.
    ``variance``: of the trials' ratios."""
    return probabilistic_sharpe(sample, expected_maximum(trials, variance))


def minimum_track_record(sample: Moments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """How many observations such a record needs before its ratio is above ``benchmark`` with that confidence; infinite
    where it is not above it at all."""
    if sample.deviation <= 0.0 or sample.sharpe <= benchmark:
        return math.inf
    return 1.0 + sharpe_variance(sample) * (_NORMAL.inv_cdf(confidence) / (sample.sharpe - benchmark)) ** 2
