"""Where a simulated exchange stands: what its successor goes on from, so that the two are one world.

Prices go on where they were, and a window that is open keeps the strike it began with: an exchange that was killed and
started again contradicts nothing that it said before.
"""

from __future__ import annotations

import msgspec


class ExchangeStanding(msgspec.Struct, frozen=True):
    """``prices``: by asset the latest samples, dollars, the last one of Unix second ``second``. ``strikes``: dollars by
    slug, of windows that began. ``numbers``: the exchange's own number of each market, by slug."""

    second: int
    prices: dict[str, list[float]]
    strikes: dict[str, float]
    numbers: dict[str, int]
