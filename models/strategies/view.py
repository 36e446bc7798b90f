"""What a strategy may look at: one market, its books, the spot price and the features, at one moment."""

from __future__ import annotations

import msgspec

from models.journal import Book, Market, Spot


class View(msgspec.Struct, gc=False):
    """``t``, ``as_of``: Unix ns, of the event and of the last spot price by its feed's clock. ``variance``: of the log
    price a second, with ``returns`` behind it over ``history_s`` seconds. ``strike``: dollars; ``strike_gap_s``: how
    far from the window's start it was taken (0 = official or exact). ``average``: dollars, of spot over the elapsed
    part of the settlement's averaging time. ``stale_feeds`` (topics), ``stale_tokens``, ``spot_stale``: what the last
    clock tick called stale."""

    t: int
    as_of: int
    market: Market
    book: Book | None
    spot: Spot | None
    variance: float
    returns: int
    history_s: float
    strike: float | None
    strike_source: str
    strike_gap_s: float
    average: float | None
    stale_feeds: frozenset[str] = frozenset()
    stale_tokens: frozenset[str] = frozenset()
    spot_stale: bool = False
