"""Feature ``fair``: the probability that an up/down market pays Up, by ``models.fair_value``.

None where it cannot be known: no spot, strike or rule, or an average under way of which too many seconds went unseen.
An average with a few unseen seconds adds its own error: as of a Brownian path over the gap, ``v gap^3 / (3 w^2)``.

>>> from models.features.examples import example_market
>>> market = example_market(lookback_s=0)
>>> values = {"spot_price": 60_030.0, "strike": Strike(60_000.0, "official", 0.0), "settlement_average": None,
...     "variance": Variance(8e-9, 50, 250.0)}
>>> FEATURE.computation().value(market, market.end - 120 * SECOND, None, values)
0.695038309
"""

from __future__ import annotations

from models.contracts import Number
from models.fair_value import probability_up
from models.features.feature import Feature, Stateless, Values
from models.features.history import SpotHistory
from models.features.settlement_average import Average
from models.features.strike import Strike
from models.features.variance import Variance
from models.journal import Market
from models.timestamps import SECOND


class Fair(Stateless):
    """Probability of Up within [0.0005, 0.9995], None where it is not known."""

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> float | None:
        spot: float | None = values["spot_price"]
        strike: Strike | None = values["strike"]
        variance: Variance = values["variance"]
        rule = market.rule
        if spot is None or strike is None or rule is None:
            return None
        left, lookback = (market.end - as_of) / SECOND, float(rule.lookback_s)
        if left < 0.0:
            left = 0.0
        doubt = variance.value * strike.gap_s
        past = None
        if left < lookback:
            average: Average | None = values["settlement_average"]
            if average is None or not average.known:
                return None
            past = average.value
            doubt += variance.value * average.gap_s * average.gap_s * average.gap_s / (3.0 * lookback * lookback)
        return probability_up(spot, strike.value, variance.value, left, lookback, past, doubt)


def _row(value: float | None) -> dict[str, Number]:
    return {"fair": None if value is None else round(value, 6)}


FEATURE = Feature(
    name="fair",
    unit="probability",
    version=2,
    inputs=("market", "spot_price", "strike", "variance", "settlement_average"),
    meaning="the probability that the market pays Up",
    computation=Fair,
    row=_row,
)
