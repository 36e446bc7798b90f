"""Feature ``strikes``: the strikes of all windows of the underlying, as far as they are known well, by market.

Ours where it is good, else the official one; an estimate with a gap is left out (see feature ``strike``).

>>> from models.features.examples import example_market, example_price
>>> history, strikes = SpotHistory(), FEATURE.computation()
>>> strikes.take(example_market(start_s=100, lookback_s=0, key="a"), history)
>>> strikes.take(example_market(start_s=900, lookback_s=0, strike=99.5, key="b"), history)
>>> for second in (99, 100, 101):
...     price = example_price(second, 100.0)
...     if history.take(price):
...         strikes.take(price, history)
>>> strikes.value(None, 0, history, {})
{'b': 99.5, 'a': 100.0}
"""

from __future__ import annotations

import msgspec

from models.contracts import Number
from models.features.feature import Feature, Values
from models.features.history import SpotHistory
from models.features.strike import EXACT_S, Estimates
from models.journal import AnyEvent, Market
from models.money import DOLLAR


class WindowStrikes(Estimates):
    """State: what the estimates keep, and the strikes that are known."""

    known: dict[str, float] = msgspec.field(default_factory=dict)

    def take(self, event: AnyEvent, history: SpotHistory) -> None:
        waiting = list(self.waiting)
        super().take(event, history)
        if isinstance(event, Market):
            waiting.append(event.key)
            if event.strike is not None:
                self.known.setdefault(event.key, event.strike / DOLLAR)
        for key in waiting:
            made = self.made.get(key)
            if made is not None and made.gap_s <= EXACT_S:
                self.known[key] = made.value

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> dict[str, float]:  # type: ignore[override]
        return self.known

    def forget(self, market_key: str) -> None:
        super().forget(market_key)
        self.known.pop(market_key, None)


def _row(value: dict[str, float]) -> dict[str, Number]:
    return {"strikes": len(value)}


FEATURE = Feature(
    name="strikes",
    unit="dollars",
    version=1,
    inputs=("second", "market"),
    meaning="the strikes of all windows of the underlying that are known well",
    computation=WindowStrikes,
    row=_row,
    shared=True,
)
