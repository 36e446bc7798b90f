"""What has become stale: silence, noticed by the recorder's ticks alone."""

from __future__ import annotations

from flows.market_line.journal import Journal
from flows.market_line.kept import FeedState
from models.bounds import CheckBounds
from models.journal import Clock, Src
from models.markers import Tick
from models.reasons import Reason
from models.topics import FEED_CLOCK, FEED_COINBASE, FEED_POLYMARKET


class Ageing:
    """``stale_feeds``: feeds that say nothing for too long."""

    def __init__(self, journal: Journal, kept: FeedState, bounds: CheckBounds) -> None:
        self._journal = journal
        self._kept = kept
        self._bounds = bounds
        self.stale_feeds: set[str] = set()

    def tick(self, src: Src, tick: Tick, checks: tuple[str, ...]) -> None:
        """The Clock event of ``tick``, with all that is stale now."""
        journal, kept, bounds = self._journal, self._kept, self._bounds
        t, books, spots = journal.t, kept.books, kept.spots
        for feed, last in kept.heard.items():
            self._age(self.stale_feeds, feed, t - last > bounds.stale_feed, feed, "", Reason.STALE_FEED)
        for name, token in books.tokens.items():
            held = kept.known.by_token.get(name)
            alive = held is not None and held[0].start <= t <= held[0].end and not token.invalid
            stale = alive and t - token.view.t > bounds.stale_book
            market = held[0].key if held else ""
            self._age(books.stale, name, stale, FEED_POLYMARKET, market, Reason.STALE_BOOK)
        for product in spots.products.values():
            stale = bool(product.latest) and t - product.latest > bounds.stale_feed
            self._age(spots.stale, product.asset, stale, FEED_COINBASE, product.product, Reason.STALE_SPOT)
        event = Clock(
            journal.next(),
            t,
            src,
            "",
            checks,
            tick.number,
            tuple(sorted(self.stale_feeds)),
            tuple(sorted(books.stale)),
            tuple(sorted(spots.stale)),
            tick.lag_ms,
        )
        journal.emit(event, FEED_CLOCK)

    def _age(self, stale: set[str], name: str, is_stale: bool, feed: str, market: str, reason: Reason) -> None:
        if not is_stale:
            stale.discard(name)
        elif name not in stale:
            stale.add(name)
            self._journal.find(feed, market, reason)
