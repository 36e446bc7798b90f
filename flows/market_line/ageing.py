"""What has become stale: silence, noticed by the recorder's ticks alone."""

from __future__ import annotations

from flows.market_line.feed_state import FeedState
from flows.market_line.journal import Journal
from models.bounds import CheckBounds
from models.journal import Clock, Src
from models.markers import Tick
from models.reasons import Reason
from models.topics import FEED_CLOCK, FEED_COINBASE, FEED_POLYMARKET


class Ageing:
    """``stale_feeds``: feeds that say nothing for too long."""

    def __init__(self, journal: Journal, feeds: FeedState, bounds: CheckBounds) -> None:
        self._journal = journal
        self._feeds = feeds
        self._bounds = bounds
        self.stale_feeds: set[str] = set()

    def tick(self, src: Src, tick: Tick, checks: tuple[str, ...]) -> None:
        """The Clock event of ``tick``, with all that is stale now."""
        journal, feeds, bounds = self._journal, self._feeds, self._bounds
        t, books, spots = journal.t, feeds.books, feeds.spots
        for feed, last in feeds.heard.items():
            self._age(self.stale_feeds, feed, t - last > bounds.stale_feed, feed, "", Reason.STALE_FEED)
        by_token, stale_books, oldest = feeds.known.by_token, books.stale, t - bounds.stale_book
        for name, token in books.tokens.items():
            if token.invalid or token.view.t >= oldest:
                stale_books.discard(name)
                continue
            listed = by_token.get(name)
            if listed is None:
                stale_books.discard(name)
                continue
            market = listed[0].market
            stale = market.start <= t <= market.end
            self._age(stale_books, name, stale, FEED_POLYMARKET, market.key, Reason.STALE_BOOK)
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
