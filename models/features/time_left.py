"""Feature ``time_left``: seconds until the market's end, by the clock of the spot feed.

Settlement is by the feed's clock: while a price is a second old, there is a second more to come than our clock says.

>>> from models.features.examples import example_market
>>> market = example_market()
>>> FEATURE.computation().value(market, market.end - 90 * SECOND, None, {})
90.0
"""

from __future__ import annotations

from models.contracts import Number
from models.features.feature import Feature, Stateless, Values
from models.features.history import SpotHistory
from models.journal import Market
from models.timestamps import SECOND


class TimeLeft(Stateless):
    """Seconds, 0 from the end on."""

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> float:
        return max(market.end - as_of, 0) / SECOND


def _row(value: float) -> dict[str, Number]:
    return {"time_left_s": value}


FEATURE = Feature(
    name="time_left",
    unit="seconds",
    version=1,
    inputs=("spot", "market"),
    meaning="time until the market's end, by the spot feed's clock",
    computation=TimeLeft,
    row=_row,
)
