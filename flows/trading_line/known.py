"""What the portfolio keeps of the journal: markets with their latest books, spot, what is stale; and its sources."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from flows.market_line.strangers import MOST_STRANGERS, strangers
from models.contracts import Source
from models.journal import NO_SRC, AnyEvent, Book, Clock, Market, Spot, Src, TokenBook
from models.timestamps import SECOND

#: Longer than the market flow speaks of a market after its end, so that none is settled twice.
_KEEP_NS = 3_600 * SECOND
#: The market flow speaks no more of a market that did not resolve within a day of its end.
_UNRESOLVED_NS = 25 * 3_600 * SECOND


class Held(msgspec.Struct):
    """What is kept of a market: its definition, latest books, and when it was last ordered in."""

    market: Market
    book: Book | None = None
    fair: float = -1.0
    fair_t: int = 0
    last_order: dict[str, int] = {}
    last_exit: dict[str, int] = {}  # outcome -> Unix ns of the last order to sell
    stopped: set[str] = set()  # strategies that left by their stop-loss
    done: bool = False

    def token(self, outcome: str) -> TokenBook | None:
        """The book of an outcome's token, as it stood last."""
        if self.book is None:
            return None
        return self.book.up if outcome == "Up" else self.book.down


class Known:
    """``markets``: by key. ``spots``: the last of each asset. ``stale_tokens``, ``stale_spots``: as the last clock tick
    said."""

    def __init__(self) -> None:
        self.markets: dict[str, Held] = {}
        self.spots: dict[str, Spot] = {}
        self.stale_tokens: tuple[str, ...] = ()
        self.stale_spots: tuple[str, ...] = ()
        self._snapshots: dict[str, tuple[Src, int]] = {}  # token -> its last snapshot: feed record, journal event

    def learn(self, event: AnyEvent) -> None:
        """Take an event in."""
        if isinstance(event, Book):
            for token in (event.up, event.down):
                if token is not None and token.base == event.src:
                    self._snapshots[token.token] = (event.src, event.seq)
            held = self.markets.get(event.key)
            if held is not None:
                held.book = event
        elif isinstance(event, Spot):
            self.spots[event.lane] = event
        elif isinstance(event, Clock):
            self.stale_tokens, self.stale_spots = event.stale_books, event.stale_spots
        elif isinstance(event, Market):
            held = self.markets.get(event.key)
            if held is None:
                held = self.markets[event.key] = Held(event)
            held.market = event

    def forget(self, t: int, bought: Collection[str]) -> list[Market]:
        """Let go of the markets of which nothing can come any more at ``t`` (Unix ns); which they were. What was
        ``bought`` in stays until it resolves."""
        gone = [key for key, held in self.markets.items() if self._is_over(held, t, key in bought)]
        markets = [self.markets.pop(key).market for key in gone]
        for market in markets:
            for token in (market.up_token, market.down_token):
                self._snapshots.pop(token, None)
        if len(self._snapshots) > 2 * len(self.markets) + MOST_STRANGERS:
            both = [(held.market.up_token, held.market.down_token) for held in self.markets.values()]
            for token in strangers(self._snapshots, {token for pair in both for token in pair}):
                del self._snapshots[token]
        return markets

    @staticmethod
    def _is_over(held: Held, t: int, bought: bool) -> bool:
        return t > held.market.end + (_KEEP_NS if held.done else _UNRESOLVED_NS) and (held.done or not bought)

    def sources(self, event: AnyEvent, held: Held, outcome: str, pair: bool) -> list[Source]:
        """Journal events and feed records that a decision at ``event`` on an outcome rests on; of a ``pair``, on the
        other outcome's book as well."""
        sources = [_source("trigger", event.seq, event.src)]
        sources.extend(self._book_sources("book", held.token(outcome)))
        if pair:
            sources.extend(self._book_sources("other_book", held.token(opposite(outcome))))
        spot = self.spots.get(held.market.asset)
        if spot is not None:
            sources.append(_source("spot", spot.seq, spot.src))
        sources.append(_source("market", held.market.seq, held.market.src))
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
