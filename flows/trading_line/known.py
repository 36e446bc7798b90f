"""What the desk knows of the journal: markets with their latest books and marks, spot, what is stale, and the
sources."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from connectors.polymarket.unknown_tokens import MOST_UNKNOWN_TOKENS, unknown_tokens
from flows.trading_line.marks import remark
from models.contracts import Source
from models.journal import NO_SRC, AnyEvent, Book, Clock, Market, Spot, Src, TokenBook
from models.timestamps import MILLISECOND, SECOND

#: Longer than the market flow speaks of a market after its end, so that a late correction is still heard.
_KEEP_NS = 3_600 * SECOND
#: The market flow speaks no more of a market that did not resolve within a day of its end.
_UNRESOLVED_NS = 25 * 3_600 * SECOND


class KnownMarket(msgspec.Struct):
    """A market as the desk knows it. ``marks``: by outcome, the pips that its shares are valued at; ``fairs``:
    by instance, its last probability of Up and when (Unix ns); ``payouts``: by outcome in pips, once it was settled."""

    market: Market
    book: Book | None = None
    marks: dict[str, int] = {}
    fairs: dict[str, tuple[float, int]] = {}
    payouts: dict[str, int] = {}

    def token(self, outcome: str) -> TokenBook | None:
        """The book of an outcome's token, as it stood last."""
        if self.book is None:
            return None
        return self.book.up if outcome == "Up" else self.book.down

    def see(self, book: Book) -> None:
        """Take the latest books."""
        self.book = book
        remark(self.marks, book, self.market.end)

    def fair(self, instance: str, outcome: str, t: int, oldest: int) -> float:
        """Worth of a share in dollars by the instance's own last fair value; -1.0 where there is none, or it is more
        than ``oldest`` ns old at ``t``."""
        fair, at = self.fairs.get(instance, (-1.0, 0))
        if fair < 0.0 or t - at > oldest:
            return -1.0
        return fair if outcome == "Up" else 1.0 - fair


class MarketCache:
    """``markets``: by key. ``spots``: the last of each asset. ``stale_feeds`` (topics), ``stale_tokens``,
    ``stale_spots``: as the last clock tick said. ``lag``: ns from receipt to decision, as last measured;
    ``worst_lag``: the greatest so far, -1 before any."""

    def __init__(self) -> None:
        self.markets: dict[str, KnownMarket] = {}
        self.spots: dict[str, Spot] = {}
        self.stale_feeds: tuple[str, ...] = ()
        self.stale_tokens: tuple[str, ...] = ()
        self.stale_spots: tuple[str, ...] = ()
        self.lag = 0
        self.worst_lag = -1
        self._snapshots: dict[str, tuple[Src, int]] = {}  # token -> its last snapshot: feed record, journal event

    def learn(self, event: AnyEvent) -> None:
        """Take an event in."""
        if isinstance(event, Book):
            for token in (event.up, event.down):
                if token is not None and token.base == event.src:
                    self._snapshots[token.token] = (event.src, event.seq)
            known = self.markets.get(event.key)
            if known is not None:
                known.see(event)
        elif isinstance(event, Spot):
            self.spots[event.lane] = event
        elif isinstance(event, Clock):
            self.stale_feeds = event.stale_feeds
            self.stale_tokens, self.stale_spots = event.stale_books, event.stale_spots
            self.lag = max(event.lag_ms, 0) * MILLISECOND
            if event.lag_ms >= 0:
                self.worst_lag = max(self.worst_lag, self.lag)
        elif isinstance(event, Market):
            known = self.markets.get(event.key)
            if known is None:
                known = self.markets[event.key] = KnownMarket(event)
            known.market = event

    def forget(self, t: int, bought: Collection[str]) -> list[Market]:
        """Let go of the markets of which nothing can come any more at ``t`` (Unix ns); which they were. What was
        ``bought`` in stays until it resolves."""
        gone = [key for key, known in self.markets.items() if self._is_over(known, t, key in bought)]
        markets = [self.markets.pop(key).market for key in gone]
        for market in markets:
            for token in (market.up_token, market.down_token):
                self._snapshots.pop(token, None)
        if len(self._snapshots) > 2 * len(self.markets) + MOST_UNKNOWN_TOKENS:
            both = [(known.market.up_token, known.market.down_token) for known in self.markets.values()]
            for token in unknown_tokens(self._snapshots, {token for pair in both for token in pair}):
                del self._snapshots[token]
        return markets

    @staticmethod
    def _is_over(known: KnownMarket, t: int, bought: bool) -> bool:
        settled = bool(known.payouts)
        return t > known.market.end + (_KEEP_NS if settled else _UNRESOLVED_NS) and (settled or not bought)

    def sources(self, event: AnyEvent, known: KnownMarket, outcome: str, pair: bool) -> list[Source]:
        """Journal events and feed records that a decision at ``event`` on an outcome rests on; of a ``pair``, on the
        other outcome's book as well."""
        sources = [_source("trigger", event.seq, event.src)]
        sources.extend(self._book_sources("book", known.token(outcome)))
        if pair:
            sources.extend(self._book_sources("other_book", known.token(opposite(outcome))))
        spot = self.spots.get(known.market.asset)
        if spot is not None:
            sources.append(_source("spot", spot.seq, spot.src))
        sources.append(_source("market", known.market.seq, known.market.src))
        return sources

    def _book_sources(self, name: str, token: TokenBook | None) -> Iterator[Source]:
        """A book's last change, and the snapshot it rests on."""
        if token is None:
            return
        yield _source(name, token.seq, token.src)
        base, seq = self._snapshots.get(token.token, (NO_SRC, -1))
        if token.base[0]:
            yield _source(f"{name}_snapshot", seq if base == token.base else -1, token.base)


def opposite(outcome: str) -> str:
    """The outcome that pays when this one does not."""
    return "Down" if outcome == "Up" else "Up"


def _source(name: str, journal: int, src: Src) -> Source:
    return Source(name=name, journal=journal, topic=src[0], partition=src[1], offset=src[2])
