"""Feature ``variance``: exponentially weighted variance of the log spot price, a second.

Returns are taken over ``sample_s`` seconds: over one second the feeds' smoothing would hide part of the variance. A
repeated price is no return, and silence is no return of zero: only an interval in which a price came counts.

>>> from models.features.examples import example_price
>>> history, variance = SpotHistory(), FEATURE.computation(half_life_s=900, sample_s=5)
>>> for number in range(13):
...     price = example_price(5 * number, 100.0 + number % 2)
...     if history.take(price):
...         variance.take(price, history)
>>> variance.value(None, 0, history, {}).returns
11
"""

from __future__ import annotations

import math

import msgspec

from models.contracts import Number
from models.features.feature import Feature, Values
from models.features.history import SpotHistory
from models.journal import AnyEvent, Market
from models.money import DOLLAR
from models.timestamps import SECOND
from models.volatility import EwmaVariance

_YEAR_S = 31_536_000.0


class Variance(msgspec.Struct, frozen=True, gc=False):
    """``value``: variance of the log price a second; from so many ``returns`` over ``history_s`` seconds."""

    value: float
    returns: int
    history_s: float


class SampledVariance(msgspec.Struct):
    """State: the estimator, and the interval of the last return."""

    half_life_s: float
    sample_s: float
    ewma: EwmaVariance | None = None
    bucket: int = 0
    latest: Variance = Variance(0.0, 0, 0.0)

    def take(self, event: AnyEvent, history: SpotHistory) -> None:
        interval = int(self.sample_s)
        bucket = history.second // interval
        if bucket <= self.bucket:
            return
        origin = history.as_of_before // SECOND  # of the last price of the interval that is over
        if history.price_before and origin // interval >= self.bucket:
            ewma = self.ewma
            if ewma is None:
                ewma = self.ewma = EwmaVariance(self.half_life_s)
            ewma.update(float(origin + 1), history.price_before / DOLLAR)
            self.latest = Variance(ewma.value, ewma.count, ewma.span)
        self.bucket = bucket

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> Variance:
        return self.latest

    def forget(self, market_key: str) -> None:
        pass


def _row(value: Variance) -> dict[str, Number]:
    volatility = round(math.sqrt(value.value * _YEAR_S), 6)
    return {"variance": value.value, "volatility": volatility, "returns": value.returns, "history_s": value.history_s}


FEATURE = Feature(
    name="variance",
    unit="log price squared a second",
    version=1,
    inputs=("second",),
    meaning="exponentially weighted variance of the log spot price",
    computation=SampledVariance,
    row=_row,
    shared=True,
    parameters={"half_life_s": 900.0, "sample_s": 5.0},
)
