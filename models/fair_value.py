"""The probability that an up/down market pays Up.

The end value is the price itself (spot, candle) or its arithmetic average over the last ``w`` seconds (TWAP). With a
driftless Brownian log price of variance ``v`` a second, ``tau`` seconds left, spot ``s`` and strike ``k``:

* spot:            P = Phi(ln(s/k) / sqrt(v tau))
* TWAP, tau >= w:  the average has the variance v ((tau - w) + w/3) to first order (the average of a Brownian motion
  over w has a third of its end variance: Kemna and Vorst 1990, arithmetic average in its small-variance limit)
* TWAP, tau < w:   the part that is past is known: mean m = ((w - tau) a + tau s) / w with a its average so far, and
  standard deviation s sqrt(v tau^3 / 3) / w; P = Phi((m - k) / sd)

A tie pays Up; for a continuous price it has no weight, at tau = 0 it decides.

``log`` and ``erfc`` come from the platform's C library, whose last bit may differ from one to the next. Probabilities
are therefore rounded to 1e-9 before anything is compared with them: a difference in the last bit (1e-16) can then only
be seen where the exact value lies within 1e-16 of the middle between two such numbers, once in some ten million values,
and then as 1e-9. Equal digests are promised for one C library; between two they are expected, not proven.

>>> probability_up(spot=60_030.0, strike=60_000.0, variance=8e-9, tau=120.0)
0.695038309
>>> variance_interval(0.695038309, returns=500.0)
(0.684216, 0.706368)
"""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()
_SURE = 1.959964  # standard deviations of a normal variable to either side of 95%
_FLOOR = 0.0005  # no model is surer than this


def normal_cdf(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def settlement_variance(variance: float, tau: float, lookback: float) -> float:
    """Variance of the log price that settles, as the module's text has it: ``variance`` a second, ``tau`` seconds left,
    ``lookback`` seconds averaged (0 = spot)."""
    if tau < lookback:
        return variance * tau**3 / (3.0 * lookback * lookback)
    return variance * ((tau - lookback) + lookback / 3.0)


def probability_up(
    spot: float,
    strike: float,
    variance: float,
    tau: float,
    lookback: float = 0.0,
    average_so_far: float | None = None,
    strike_variance: float = 0.0,
) -> float:
    """Probability of Up, within [0.0005, 0.9995], rounded to 1e-9.

    ``spot``, ``strike``, ``average_so_far`` in the same money; ``variance`` of the log price a second; ``tau`` and
    ``lookback`` in seconds (0 = spot settlement); ``strike_variance``: variance of the strike's own log error.
    Raises ValueError for a spot or strike that is not positive, or a negative time or variance."""
    if spot <= 0.0 or strike <= 0.0:
        raise ValueError(f"spot {spot} and strike {strike} must be positive")
    if tau < 0.0 or variance < 0.0 or lookback < 0.0:
        raise ValueError(f"time left {tau}, variance {variance} and lookback {lookback} must not be negative")
    if lookback > 0.0 and tau < lookback:
        known = average_so_far if average_so_far is not None else spot
        mean = ((lookback - tau) * known + tau * spot) / lookback
        move = mean / strike - 1.0
    else:
        move = math.log(spot / strike)
    total = settlement_variance(variance, tau, lookback) + strike_variance
    if total <= 0.0:
        return 1.0 - _FLOOR if move >= 0.0 else _FLOOR
    p = round(0.5 * math.erfc(-move / math.sqrt(total + total)), 9)
    return _FLOOR if p < _FLOOR else 1.0 - _FLOOR if p > 1.0 - _FLOOR else p


def variance_interval(p: float, returns: float) -> tuple[float, float]:
    """The 95% interval of a probability for the error of its variance alone, rounded to 1e-6; for displays.

    ``p``: from ``probability_up``; ``returns``: effective returns behind the variance (``effective_returns``), above 0.
    All terms of its standard deviation are proportional to the variance, so a variance that is off by a factor ``f``
    moves ``p = Phi(z)`` to ``Phi(z / sqrt(f))``; for Gaussian returns ``ln f`` has a variance of ``2 / returns``. Jumps
    and drift are not in it; at 0.5 it has no width, for there the variance does not matter."""
    z = _NORMAL.inv_cdf(p)
    factor = math.exp(_SURE / math.sqrt(2.0 * returns))
    low, high = sorted((normal_cdf(z / factor), normal_cdf(z * factor)))
    return round(max(low, _FLOOR), 6), round(min(high, 1.0 - _FLOOR), 6)
