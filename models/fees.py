"""Taker fees: ``shares * rate * (p * (1 - p)) ** exponent`` dollars, makers pay none (Polymarket fee documentation).

Rounded half up to 1e-5 dollars; the documentation states the digits and not the mode.
"""

from __future__ import annotations

import math

from models.money import PIP, SHARE

RATE_UNIT = 1_000_000
_STEP = 10  # micro-dollars: the fee's smallest unit, 1e-5 $


def taker_fee(price: int, size: int, rate: int, exponent: int = 1) -> int:
    """Micro-dollars for ``size`` micro-shares at ``price`` pips; ``rate`` in millionths, ``exponent`` whole."""
    curve: int = (price * (PIP - price)) ** exponent  # deterministic: integers
    whole: int = (PIP * PIP) ** exponent  # deterministic: integers
    numerator = size * rate * curve
    denominator = SHARE * RATE_UNIT * whole
    # micro-dollars = dollars * 1e6, then to whole steps, half up
    scaled = numerator * 1_000_000
    step = denominator * _STEP
    return (2 * scaled + step) // (2 * step) * _STEP


def fee_per_share(price: float, rate: float, exponent: int = 1) -> float:
    """Dollars a share at ``price`` dollars, unrounded, for judging an edge before an order has a size."""
    base = price * (1.0 - price)
    return rate * (base if exponent == 1 else math.prod([base] * exponent))
