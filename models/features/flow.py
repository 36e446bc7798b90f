"""Feature ``flow``: net shares that takers bought of Up lately; a purchase of Down counts as a sale of Up.

Each trade's weight halves every ``flow_s`` seconds.

>>> from models.journal import NO_SRC
>>> from models.strategies.examples import NOW, example_window
>>> flow = FEATURE.computation(flow_s=10.0)
>>> flow.take(example_window(), None)
>>> flow.take(Trade(1, NOW, NO_SRC, "BTC", (), "m", "up", 5000, 40 * SHARE, "BUY", NOW), None)
>>> flow.take(Trade(2, NOW, NO_SRC, "BTC", (), "m", "down", 5000, 10 * SHARE, "BUY", NOW), None)
>>> flow.value(example_window(), NOW, None, {}), flow.value(example_window(), NOW + 10 * SECOND, None, {})
(30.0, 15.0)
"""

from __future__ import annotations

import msgspec

from models.contracts import Number
from models.features.feature import Feature, Values
from models.features.history import SpotHistory
from models.journal import AnyEvent, Market, Trade
from models.money import SHARE
from models.timestamps import SECOND


class Flow(msgspec.Struct):
    """State: by market, Up's token, when the last trade came (Unix ns) and the net shares then."""

    flow_s: float
    tokens: dict[str, str] = {}
    net: dict[str, tuple[int, float]] = {}

    def take(self, event: AnyEvent, history: SpotHistory) -> None:
        if isinstance(event, Market):
            self.tokens[event.key] = event.up_token
        elif isinstance(event, Trade) and event.key in self.tokens:
            is_up = event.token == self.tokens[event.key]
            signed = event.size if (event.side == "BUY") == is_up else -event.size
            self.net[event.key] = (event.t, round(self._at(event.key, event.t) + signed / SHARE, 6))

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> float:
        return round(self._at(market.key, as_of), 6)

    def forget(self, market_key: str) -> None:
        self.tokens.pop(market_key, None)
        self.net.pop(market_key, None)

    def _at(self, key: str, t: int) -> float:
        then, net = self.net.get(key, (t, 0.0))
        weight: float = 2.0 ** (-max(t - then, 0) / SECOND / self.flow_s)
        return net * weight


def _row(value: float) -> dict[str, Number]:
    return {"flow": value}


FEATURE = Feature(
    name="flow",
    unit="shares",
    version=1,
    inputs=("trade", "market"),
    meaning="net shares of Up that takers bought lately",
    computation=Flow,
    row=_row,
    parameters={"flow_s": 10.0},
)
