"""Feature ``settlement_average``: average of spot over the part of the settlement's averaging time that is past.

Only markets that settle on an average (TWAP) have one, in their last 30 or 60 seconds. Its gap is the number of those
seconds that were not seen; above ``KNOWN_S`` it is not known, and nothing that rests on it should be traded.

>>> from models.features.examples import example_market, example_price
>>> history = SpotHistory()
>>> market = example_market(start_s=0, lookback_s=60)  # ends at 300 s, averages from 240 s on
>>> for second in (*range(235, 251), 256):
...     _ = history.take(example_price(second, 100.0))
>>> FEATURE.computation().value(market, 256 * SECOND, history, {})
Average(value=100.0, seconds=16, gap_s=3.0)
"""

from __future__ import annotations

import msgspec

from models.contracts import Number
from models.features.feature import Feature, Stateless, Values
from models.features.history import SpotHistory
from models.journal import Market
from models.money import DOLLAR
from models.timestamps import SECOND

KNOWN_S = 2.0  # with more unseen seconds the average is not known


class Average(msgspec.Struct, frozen=True, gc=False):
    """Dollars, over how many seconds, and how many of them were not seen."""

    value: float
    seconds: int
    gap_s: float

    @property
    def known(self) -> bool:
        return self.gap_s <= KNOWN_S


class SettlementAverage(Stateless):
    """None outside of the averaging time, and where the market settles on a single price."""

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> Average | None:
        rule = market.rule
        if rule is None or rule.lookback_s == 0:
            return None
        end = market.end // SECOND
        begin = end - rule.lookback_s
        last = min(history.second, end)
        if as_of < begin * SECOND or last < begin or not history.price:
            return None
        if last == begin:  # within the first second nothing is averaged yet
            return Average(history.price / DOLLAR, 0, 0.0)
        mean = history.mean(begin, last)
        if mean is None:
            return Average(history.price / DOLLAR, last - begin, float(last - begin))
        return Average(mean.value, mean.seconds, float(mean.unseen))


def _row(value: Average | None) -> dict[str, Number]:
    if value is None:
        return {"average": None, "average_gap_s": 0.0}
    return {"average": value.value, "average_gap_s": value.gap_s}


FEATURE = Feature(
    name="settlement_average",
    unit="dollars",
    version=2,
    inputs=("spot", "market"),
    meaning="average of spot over the part of the settlement's averaging time that is past",
    computation=SettlementAverage,
    row=_row,
)
