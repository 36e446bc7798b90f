"""What a strategy may look at: one market, its books, the spot price and the features, at one moment.

>>> from models.features.examples import example_market, example_price
>>> view = View(t=0, as_of=0, market=example_market(), book=None, spot=example_price(0, 60_000.0), values={"fair": 0.5})
>>> view.values["fair"], view.siblings
(0.5, ())
"""

from __future__ import annotations

import msgspec

from models.costs import NO_EXTRAS, CostModel
from models.features.feature import Values
from models.journal import Book, Market, Spot

_NOTHING: Values = {}


class Sibling(msgspec.Struct, frozen=True, gc=False):
    """Another window of the same underlying that has not ended, with its books as they stood last."""

    market: Market
    book: Book | None


class View(msgspec.Struct, gc=False):
    """``t``, ``as_of``: Unix ns, of the event and of the last spot price by its feed's clock. ``values``: of the
    features that the strategy declares and what they rest on, by name; what each is, its provider says.
    ``stale_feeds`` (topics), ``stale_tokens``, ``spot_stale``: what the last clock tick called stale. ``siblings``: for
    strategies that want them, by start, end and key. ``costs``: what trading costs beyond prices. Valid for one
    evaluation: a strategy keeps nothing of it."""

    t: int
    as_of: int
    market: Market
    book: Book | None
    spot: Spot | None
    values: Values = _NOTHING
    stale_feeds: frozenset[str] = frozenset()
    stale_tokens: frozenset[str] = frozenset()
    spot_stale: bool = False
    siblings: tuple[Sibling, ...] = ()
    costs: CostModel = NO_EXTRAS
