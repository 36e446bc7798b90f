"""Feature ``mid_move``: how far the middle of Up's quotes moved in the last ``lag_s`` seconds, dollars a share.

None where the book has not been sound for so long: what a broken connection hid is no move.

>>> from models.strategies.examples import NOW, example_books, example_window
>>> moves = FEATURE.computation(lag_s=3.0)
>>> moves.take(msgspec.structs.replace(example_books(4900, 5000), t=NOW - 4 * SECOND), None)
>>> moves.take(msgspec.structs.replace(example_books(5100, 5200), t=NOW - SECOND), None)
>>> moves.value(example_window(), NOW, None, {}), moves.value(example_window(), NOW - 3 * SECOND, None, {})
(0.02, None)
"""

from __future__ import annotations

import msgspec

from models.contracts import Number
from models.features.feature import Feature, Values
from models.features.history import SpotHistory
from models.journal import AnyEvent, Book, Market
from models.money import PIP
from models.timestamps import SECOND

_BEHIND = 5 * SECOND  # the spot feed's clock may be this far behind ours


class MidMove(msgspec.Struct):
    """State: by market, the changes of Up's middle: (Unix ns, twice the middle in pips)."""

    lag_s: float
    mids: dict[str, list[tuple[int, int]]] = {}

    def take(self, event: AnyEvent, history: SpotHistory) -> None:
        if not isinstance(event, Book):
            return
        up = event.up
        if up is None or not (up.ok and up.bids and up.asks):
            self.mids.pop(event.key, None)
            return
        double = up.bids[0][0] + up.asks[0][0]
        mids = self.mids.setdefault(event.key, [])
        if mids and mids[-1][1] == double:
            return
        mids.append((event.t, double))
        oldest = event.t - round(self.lag_s * SECOND) - _BEHIND
        if len(mids) > 2 and mids[1][0] <= oldest:
            gone = 1
            while gone + 1 < len(mids) and mids[gone + 1][0] <= oldest:
                gone += 1
            del mids[:gone]

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> float | None:
        mids = self.mids.get(market.key)
        if not mids:
            return None
        then = as_of - round(self.lag_s * SECOND)
        for t, double in reversed(mids):
            if t <= then:
                return (mids[-1][1] - double) / 2 / PIP
        return None

    def forget(self, market_key: str) -> None:
        self.mids.pop(market_key, None)


def _row(value: float | None) -> dict[str, Number]:
    return {"mid_move": value}


FEATURE = Feature(
    name="mid_move",
    unit="dollars a share",
    version=1,
    inputs=("book", "market"),
    meaning="how far the middle of Up's quotes moved in the last lag_s seconds",
    computation=MidMove,
    row=_row,
    parameters={"lag_s": 3.0},
)
