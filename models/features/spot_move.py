"""Feature ``spot_move``: how far the underlying's price moved in the last ``lag_s`` seconds, as a log return.

None until so much of the feed has been seen. The price before is the sample of a whole second of the feed's clock.

>>> from models.features.examples import example_price
>>> history = SpotHistory()
>>> for second, price in ((0, 100.0), (1, 100.0), (3, 101.0)):
...     _ = history.take(example_price(second, price))
>>> FEATURE.computation(lag_s=2.0).value(None, 0, history, {})
0.00995033
"""

from __future__ import annotations

import math

from models.contracts import Number
from models.features.feature import Feature, Stateless, Values
from models.features.history import SpotHistory
from models.journal import Market


class SpotMove(Stateless):
    """Log return over ``lag_s`` seconds."""

    lag_s: float

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> float | None:
        before = history.samples.get(history.second - round(self.lag_s))
        return None if before is None else round(math.log(history.price / before.price), 8)


def _row(value: float | None) -> dict[str, Number]:
    return {"spot_move": value}


FEATURE = Feature(
    name="spot_move",
    unit="log return",
    version=1,
    inputs=("spot",),
    meaning="how far spot moved in the last lag_s seconds",
    computation=SpotMove,
    row=_row,
    shared=True,
    parameters={"lag_s": 3.0},
)
