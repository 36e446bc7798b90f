"""What looks frozen, or differs from REST: known no longer until it is sent anew."""

from __future__ import annotations

from connectors.polymarket.rest_books import RestBooks
from flows.market_line.feed_state import FeedState
from flows.market_line.journal import Journal
from flows.market_line.suspects import Suspects
from models.bounds import CheckBounds
from models.journal import Src
from models.markers import Notice
from models.reasons import Reason
from models.topics import FEED_COINBASE, FEED_POLYMARKET


class SuspicionJudge:
    """By our own evidence once a tick, and by what the door says."""

    def __init__(
        self, journal: Journal, feeds: FeedState, rest_books: RestBooks, suspects: Suspects, bounds: CheckBounds
    ) -> None:
        self._journal = journal
        self._feeds = feeds
        self._rest_books = rest_books
        self._suspects = suspects
        self._bounds = bounds

    def judge(self, src: Src) -> None:
        """Doubt what looks frozen by evidence, or where the stream did not catch up with REST."""
        feeds, journal = self._feeds, self._journal
        books = feeds.books
        for name in self._rest_books.differing(books.tokens, self._bounds, journal.t):
            books.freeze(src, (name,), Reason.REST_MISMATCH)
        for suspicion in self._suspects.judge(books.tokens, feeds.spots.products, feeds.connections, journal.t):
            if suspicion.feed == FEED_COINBASE:
                feeds.spots.freeze(src, suspicion.conn, suspicion.asset)
            elif suspicion.reason == Reason.FROZEN_FEED:
                feeds.invalidate(src, Reason.FROZEN_FEED, suspicion.conn)
                journal.find(FEED_POLYMARKET, suspicion.conn, Reason.FROZEN_FEED)
            else:
                books.freeze(src, suspicion.tokens, suspicion.reason)

    def hear(self, src: Src, notice: Notice) -> tuple[str, ...]:
        """What the door calls frozen and still seems sound here: the reasons that were counted."""
        self.judge(src)
        feeds = self._feeds
        if notice.tokens:
            return (Reason.FROZEN_BOOK,) if feeds.books.freeze(src, notice.tokens, Reason.FROZEN_BOOK) else ()
        if not feeds.invalidate(src, Reason.FROZEN_FEED, notice.conn):
            return ()
        feed = FEED_COINBASE if notice.conn in feeds.sequences else FEED_POLYMARKET
        self._journal.find(feed, notice.conn, Reason.FROZEN_FEED)
        return (Reason.FROZEN_FEED,)
