"""Market objects and announcements to Market events."""

from __future__ import annotations

import msgspec

from connectors.polymarket.definitions import MarketDefinition
from connectors.polymarket.wire import MarketMessage
from flows.market_line.feed_state import FeedState
from flows.market_line.health import HealthSignal
from flows.market_line.journal import Journal
from flows.market_line.suspects import Suspects
from models.journal import Src
from models.reasons import Reason
from models.topics import FEED_MARKETS, FEED_POLYMARKET

_Learnt = tuple[MarketDefinition, bool, bool] | None


class Markets:
    """What Gamma, the CLOB and the stream say of markets; the first to say it counts."""

    def __init__(self, journal: Journal, feeds: FeedState, suspects: Suspects) -> None:
        self._journal = journal
        self._known = feeds.known
        self._books = feeds.books
        self._suspects = suspects

    def take(self, src: Src, frame: bytes, conn: str, checks: tuple[str, ...]) -> None:
        """A market object. Raises msgspec.DecodeError and ValueError."""
        journal = self._journal
        learnt = self._known.learn(frame)
        journal.health.signal(FEED_MARKETS, HealthSignal.SOUND, journal.t)
        self._tell(src, FEED_MARKETS, conn, learnt, checks, "market")

    def resolved(self, src: Src, message: MarketMessage, conn: str, checks: tuple[str, ...]) -> None:
        """The stream's ``market_resolved``. Raises ValueError."""
        learnt = self._known.from_resolved(message)
        self._tell(src, FEED_POLYMARKET, conn, learnt, checks, message.event_type)

    def announced(self, src: Src, message: MarketMessage, conn: str, checks: tuple[str, ...]) -> None:
        """The stream's ``new_market``. Raises ValueError."""
        learnt = self._known.from_new_market(message)
        self._tell(src, FEED_POLYMARKET, conn, learnt, checks, message.event_type)

    def _tell(self, src: Src, feed: str, conn: str, learnt: _Learnt, checks: tuple[str, ...], what: str) -> None:
        journal = self._journal
        if learnt is None:
            journal.note(src, feed, conn, what, "of no market we follow, or none yet", checks)
            return
        known, changed, conflict = learnt
        stated = known.market
        if conflict:
            checks = (*checks, Reason.RESOLUTION_CONFLICT)
            journal.find(feed, stated.key, Reason.RESOLUTION_CONFLICT)
        if not changed:
            journal.note(src, feed, conn, what, f"nothing new of {stated.key}", checks)
            return
        self._suspects.market(known)
        for name in (stated.up_token, stated.down_token):
            token = self._books.tokens.get(name)
            if token is not None:
                token.defined_tick(stated.tick)
        market = msgspec.structs.replace(stated, seq=journal.next(), t=journal.t, src=src, checks=checks)
        journal.emit(market, feed)
