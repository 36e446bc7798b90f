"""Feature ``fair_move``: how far the last ``lag_s`` seconds of spot alone moved the probability of Up.

The fair value now, less that of the price before with everything else as it is now: so neither the passing of time nor
a strike that became known is called a move.

>>> from models.features.examples import example_market
>>> from models.features.strike import Strike
>>> from models.features.variance import Variance
>>> market = example_market(lookback_s=0)
>>> values = {"fair": 0.695038309, "spot_move": 0.0005, "spot_price": 60_030.0, "settlement_average": None,
...     "strike": Strike(60_000.0, "official", 0.0), "variance": Variance(8e-9, 50, 250.0)}
>>> FEATURE.computation().value(market, market.end - 120 * 10**9, None, values)
0.195089
"""

from __future__ import annotations

import math

from models.contracts import Number
from models.features.fair import Fair
from models.features.feature import Feature, Stateless, Values
from models.features.history import SpotHistory
from models.journal import Market

_FAIR = Fair()


class FairMove(Stateless):
    """Dollars a share of Up, None where it is not known."""

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> float | None:
        now, move = values["fair"], values["spot_move"]
        if now is None or move is None:
            return None
        if move == 0.0:
            return 0.0
        names = ("strike", "variance", "settlement_average")
        earlier = {name: values[name] for name in names} | {"spot_price": values["spot_price"] * math.exp(-move)}
        before = _FAIR.value(market, as_of, history, earlier)
        return None if before is None else round(now - before, 6)


def _row(value: float | None) -> dict[str, Number]:
    return {"fair_move": value}


FEATURE = Feature(
    name="fair_move",
    unit="dollars a share",
    version=1,
    inputs=("market", "spot_price", "strike", "variance", "settlement_average", "fair", "spot_move"),
    meaning="how far the last lag_s seconds of spot alone moved the probability of Up",
    computation=FairMove,
    row=_row,
)
