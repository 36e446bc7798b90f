"""How long the evidence will take: what a test by betting gains an observation, and when it could pass.

Betting the growth-optimal part ``b = mu / s`` of its capital, where ``s = sigma^2 + mu^2``, a test gains
``g = b mu - b^2 s / 2``, about ``mu^2 / (2 sigma^2)``, of log capital an observation (Kelly 1956; Waudby-Smith and
Ramdas 2024, section 5); where the bet is capped it gains less. The log capital is then about a Brownian motion with
drift ``g`` and variance ``b^2 sigma^2``, and when it first reaches a threshold has the inverse Gaussian law (Wald,
"Sequential analysis", 1947, A.5). Finding the bet costs besides about a quarter of the logarithm of the count: half of
it is the regret of betting without foresight (Cover and Ordentlich 1996), and a bet that is never negative saves half
of that.

>>> round(growth(0.02, 0.45), 6), round(growth(0.02, 0.05, most=0.5), 6)
(0.000986, 0.009638)
>>> observations_needed(400.0, 0.02, 0.45), observations_needed(400.0, -0.01, 0.45)
(7450, None)
"""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()
_NEVER = 1 << 40


def growth(mean: float, deviation: float, most: float = 0.9) -> float:
    """Log capital gained an observation by the best bet of at most ``most``; 0 where the mean is not positive."""
    if mean <= 0.0:
        return 0.0
    second = deviation * deviation + mean * mean
    bet = min(mean / second, most)
    return bet * mean - bet * bet * second / 2.0


def observations_needed(
    threshold: float, mean: float, deviation: float, power: float = 0.5, most: float = 0.9, so_far: float = 1.0
) -> int | None:
    """Observations until a capital that stands at ``so_far`` has reached ``threshold`` with probability ``power``; None
    where it never does at that mean. The cost of finding the bet is counted where the capital is 1 or less."""
    if threshold <= so_far:
        return 0
    gain = growth(mean, deviation, most)
    if gain <= 0.0:
        return None
    bet = min(mean / (deviation * deviation + mean * mean), most)
    wanted = math.log(threshold / max(so_far, 1e-300))
    low, high = 0, 1
    while high < _NEVER and _reached(high, wanted, gain, bet * deviation, so_far <= 1.0) < power:
        low, high = high, 2 * high
    if high >= _NEVER:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _reached(middle, wanted, gain, bet * deviation, so_far <= 1.0) < power:
            low = middle
        else:
            high = middle
    return high


def _reached(count: int, wanted: float, gain: float, spread: float, learns: bool) -> float:
    """The probability that the log capital has gained ``wanted`` at or before so many observations."""
    height = wanted + (0.25 * math.log1p(count) if learns else 0.0)
    width = spread * math.sqrt(count)
    if width <= 0.0:
        return float(gain * count >= height)
    exponent = 2.0 * gain * height / (spread * spread)
    again = math.exp(exponent) * _NORMAL.cdf(-(gain * count + height) / width) if exponent < 700.0 else 0.0
    return _NORMAL.cdf((gain * count - height) / width) + again
