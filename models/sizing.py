"""How much to buy: capped fractional Kelly.

For a share that pays 1 with probability ``p`` and costs ``c`` all in, the growth-optimal fraction of wealth is
``(p - c) / (1 - c)`` (Kelly 1956, for a binary bet at odds (1 - c) / c). A fraction of it is staked, within caps.
"""

from __future__ import annotations

from models.money import DOLLAR, SHARE, SIZE_STEP


def kelly_fraction(worth: float, cost: float) -> float:
    """The full Kelly fraction of wealth, 0.0 when there is no edge. ``worth``, ``cost`` in dollars a share below 1."""
    if cost <= 0.0 or cost >= 1.0 or worth <= cost:
        return 0.0
    return (worth - cost) / (1.0 - cost)


def shares_for(stake: int, cost: float) -> int:
    """Micro-shares, whole hundredths of a share rounded down, for ``stake`` micro-dollars at ``cost`` dollars each."""
    if cost <= 0.0 or stake <= 0:
        return 0
    return int(stake / DOLLAR / cost * SHARE) // SIZE_STEP * SIZE_STEP
