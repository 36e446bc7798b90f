"""Feature ``strike``: the price an up/down market compares its end with, and how sure it is.

Our own estimate from the spot feed goes first where it is good (a basis between feeds cancels then), else the official
one, else the estimate with its gap. An average is estimated from the samples of the window before the start, and its
gap is the number of seconds of it that were not seen; a single price is the sample of the start, or the first price
after it, and its gap is how far from the start that is. A gap of 0 therefore says: nothing in it was guessed.

>>> from models.features.examples import example_market, example_price
>>> history, strike = SpotHistory(), FEATURE.computation()
>>> market = example_market(start_s=100, lookback_s=60)
>>> strike.take(market, history)
>>> for second in (39, *range(40, 71), *range(100, 102)):  # half a minute before the start is missing
...     price = example_price(second, 100.0)
...     if history.take(price):
...         strike.take(price, history)
>>> strike.value(market, 0, history, {})
Strike(value=100.0, source='estimated_twap60', gap_s=27.0)
>>> strike.value(example_market(start_s=100, lookback_s=60, strike=100.25), 0, history, {})
Strike(value=100.25, source='official', gap_s=0.0)
"""

from __future__ import annotations

import msgspec

from models.contracts import Number
from models.features.feature import Feature, Values
from models.features.history import SpotHistory
from models.journal import AnyEvent, Market
from models.money import DOLLAR
from models.timestamps import SECOND

EXACT_S = 2.0  # an estimate with no greater gap is as good as the official strike
_FAR_S = 90.0  # and a single price further from the start than this is none


class Strike(msgspec.Struct, frozen=True, gc=False):
    """Dollars, where from, and the gap in seconds (0 = official, or nothing guessed)."""

    value: float
    source: str
    gap_s: float


class Estimates(msgspec.Struct):
    """State: the markets whose start the feed has not reached, and what was estimated, once, when it had."""

    waiting: dict[str, Market] = {}
    made: dict[str, Strike | None] = {}

    def take(self, event: AnyEvent, history: SpotHistory) -> None:
        if isinstance(event, Market):
            if event.key in self.made:
                return
            self.waiting[event.key] = event
        if self.waiting:
            reached = [key for key, each in self.waiting.items() if each.start // SECOND <= history.second]
            for key in reached:
                self.made[key] = _estimate(self.waiting.pop(key), history)

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> Strike | None:
        estimate = self.made.get(market.key)
        if estimate is not None and estimate.gap_s <= EXACT_S:
            return estimate
        if market.strike is not None:
            return Strike(market.strike / DOLLAR, "official", 0.0)
        return estimate

    def forget(self, market_key: str) -> None:
        self.waiting.pop(market_key, None)
        self.made.pop(market_key, None)


def _estimate(market: Market, history: SpotHistory) -> Strike | None:
    start, rule = market.start // SECOND, market.rule
    if rule is not None and rule.lookback_s:
        mean = history.mean(start - rule.lookback_s, start)
        return Strike(mean.value, f"estimated_{rule.name}", float(mean.unseen)) if mean is not None else None
    sample = history.samples.get(start)
    before = after = None
    if sample is not None:
        gap = 0.0 if sample.is_seen else (market.start - sample.x) / SECOND
        before = Strike(sample.price / DOLLAR, "estimated_spot", gap)
    if history.as_of >= market.start:
        after = Strike(history.price / DOLLAR, "estimated_spot", (history.as_of - market.start) / SECOND)
    best = before if after is None or (before is not None and before.gap_s <= after.gap_s) else after
    return best if best is not None and best.gap_s <= _FAR_S else None


def _row(value: Strike | None) -> dict[str, Number]:
    if value is None:
        return {"strike": None, "strike_source": "", "strike_gap_s": 0.0}
    return {"strike": value.value, "strike_source": value.source, "strike_gap_s": round(value.gap_s, 3)}


FEATURE = Feature(
    name="strike",
    unit="dollars",
    version=2,
    inputs=("second", "market"),
    meaning="the price that the market's end is compared with: our own estimate where it is good, else the official",
    computation=Estimates,
    row=_row,
)
