"""Feature ``spot_price``: the underlying's last sound price, in dollars.

>>> from models.features.examples import example_price
>>> history = SpotHistory()
>>> history.take(example_price(0, 60_000.0))
True
>>> FEATURE.computation().value(None, 0, history, {})
60000.0
"""

from __future__ import annotations

from models.contracts import Number
from models.features.feature import Feature, Stateless, Values
from models.features.history import SpotHistory
from models.journal import Market
from models.money import DOLLAR


class LastPrice(Stateless):
    """Dollars, None before the first price."""

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> float | None:
        return history.price / DOLLAR if history.price else None


def _row(value: float | None) -> dict[str, Number]:
    return {"spot": value}


FEATURE = Feature(
    name="spot_price",
    unit="dollars",
    version=1,
    inputs=("spot",),
    meaning="the underlying's last sound price",
    computation=LastPrice,
    row=_row,
    shared=True,
)
