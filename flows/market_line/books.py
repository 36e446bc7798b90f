"""The local books of all outcome tokens, and the Book events made of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from connectors.polymarket.definitions import Definitions, MarketDefinition
from connectors.polymarket.salvage import Odd
from connectors.polymarket.token import Token
from connectors.polymarket.tokens import TokenBooks
from connectors.polymarket.unknown_tokens import unknown_tokens
from flows.market_line.connection import Connections
from flows.market_line.journal import Journal
from models.bounds import CheckBounds
from models.journal import Book, Src
from models.money import PIP
from models.reasons import Reason
from models.timestamps import SECOND
from models.topics import FEED_POLYMARKET

#: How long after its market's end a token's levels are kept.
_LEVELS_NS = 60 * SECOND


class Books:
    """Books by token. ``stale``: tokens whose book is too old, until its next change."""

    def __init__(self, journal: Journal, known: Definitions, connections: Connections, bounds: CheckBounds) -> None:
        self._journal = journal
        self._known = known
        self._conns = connections
        self._bounds = bounds
        self.token_books = TokenBooks(journal, bounds, known.terms)
        self._torn: set[str] = set()  # markets whose books, when last of one moment, did not mirror each other
        self._lags: dict[str, deque[int]] = {}  # by asset
        self.tokens = self.token_books.tokens
        self.stale: set[str] = set()

    def tell(self, src: Src, touched: dict[str, int], checks: tuple[str, ...]) -> None:
        """One Book event for each market whose books a frame changed; ``touched``: token -> exchange time (Unix ns)."""
        journal = self._journal
        done: set[str] = set()
        for name, x in touched.items():
            listed = self._known.by_token.get(name)
            if listed is None:
                token = self.token_books.token(name)
                view = token.judge(self._bounds, journal.seq, journal.t, x, src)
                journal.find_all(token.news(), FEED_POLYMARKET, "")
                journal.find(FEED_POLYMARKET, "", Reason.UNKNOWN_ASSET)
                all_checks = (*checks, Reason.UNKNOWN_ASSET)
                event = Book(journal.next(), journal.t, src, "", all_checks, "", view, None)
                journal.emit(event, FEED_POLYMARKET)
                continue
            known = listed[0]
            if known.market.key in done:
                continue
            done.add(known.market.key)
            self.tell_market(src, known, touched, checks)

    def tell_market(self, src: Src, known: MarketDefinition, touched: dict[str, int], checks: tuple[str, ...]) -> None:
        """The market's Book event; what was ``touched`` is judged anew."""
        for x in touched.values():
            self._lag(known, x)
            break
        for name in (known.market.up_token, known.market.down_token):
            if name in touched:
                checks = self._judge(src, known, self.tokens[name], touched[name], checks)
        self._emit(src, known, checks)

    def tell_snapshot(self, src: Src, known: MarketDefinition, token: Token, x: int, checks: tuple[str, ...]) -> None:
        """The market's Book event after a snapshot of one of its tokens, of exchange time ``x`` (Unix ns)."""
        self._lag(known, x)
        self._emit(src, known, self._judge(src, known, token, x, checks))

    def _lag(self, known: MarketDefinition, x: int) -> None:
        lags = self._lags.get(known.market.asset)
        if lags is None:
            lags = self._lags[known.market.asset] = self._journal.health.lags(FEED_POLYMARKET, known.market.asset)
        lags.append(self._journal.t - x)

    def _judge(
        self, src: Src, known: MarketDefinition, token: Token, x: int, checks: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Judge the token's book; ``checks`` and what is news of it."""
        journal = self._journal
        view = token.judge(self._bounds, journal.seq, journal.t, x, src)
        self.stale.discard(token.token)
        if not view.checks:
            return checks
        news = token.news()
        journal.find_all(news, FEED_POLYMARKET, known.market.key)
        return (*checks, *news)

    def _emit(self, src: Src, known: MarketDefinition, checks: tuple[str, ...]) -> None:
        """The market's Book event: both books as last judged, and whether they are a pair."""
        journal, market, tokens = self._journal, known.market, self.tokens
        key = market.key
        up_token, down_token = tokens.get(market.up_token), tokens.get(market.down_token)
        up = up_token.view if up_token is not None else None
        down = down_token.view if down_token is not None else None
        pair_ok = False
        torn = self._torn
        if up is not None and down is not None and up.ok and down.ok:
            bounds = self._bounds
            if -bounds.pair_skew <= up.x - down.x <= bounds.pair_skew:
                pair_ok = True
                tear = bounds.parity
                if not (
                    -tear <= up.bids[0][0] + down.asks[0][0] - PIP <= tear
                    and -tear <= up.asks[0][0] + down.bids[0][0] - PIP <= tear
                ):
                    torn.add(key)
                    journal.find(FEED_POLYMARKET, key, Reason.PARITY_BROKEN)
                else:
                    torn.discard(key)
        if key in torn:  # one book alone, a moment later, is no proof that it is the sound one
            checks = (*checks, Reason.PARITY_BROKEN)
        book = Book(journal.next(), journal.t, src, market.asset, checks, key, up, down, pair_ok)
        journal.emit(book, FEED_POLYMARKET)

    def invalidate(self, src: Src, reason: Reason, conn: str | None) -> bool:
        """The books of the connection (None: any) are unknown until its next snapshot. Whether any was sound."""
        gone = self._give_up(src, self.token_books.standing(conn), reason)
        return bool(self._tell_given_up(src, gone, (), reason))

    def doubt(self, src: Src, odd: Odd, conn: str) -> list[str]:
        """What the unusable message may have changed is unknown until its next snapshot; ``tell_doubted`` says so."""
        names = self._give_up(src, self.token_books.meant(odd, conn), Reason.DECODE_ERROR)
        if names:
            self._conns.forget_frames(conn)
        return names

    def tell_doubted(self, src: Src, names: Sequence[str], checks: tuple[str, ...]) -> None:
        """Book events of the markets of tokens that were given up as unreadable."""
        self._tell_given_up(src, names, checks, Reason.DECODE_ERROR)

    def settle(self, src: Src) -> None:
        """Give up what still contradicts the best prices that were stated a while ago."""
        for token in self.token_books.settle(src):
            listed = self._known.by_token.get(token.token)
            token.reported = True
            self._conns.forget_frames(token.conn)
            self._journal.find(FEED_POLYMARKET, listed[0].market.key if listed else "", Reason.BEST_MISMATCH)
            if listed is not None:
                self.tell_market(src, listed[0], {}, (Reason.BEST_MISMATCH,))

    def _give_up(self, src: Src, tokens: list[Token], reason: Reason) -> list[str]:
        journal = self._journal
        for token in tokens:
            token.invalidate(reason, journal.seq, journal.t, src)
            token.reported = True  # counted for the connection, not for each of its books
        return [token.token for token in tokens]

    def _tell_given_up(
        self, src: Src, names: Sequence[str], checks: tuple[str, ...], reason: Reason
    ) -> dict[str, MarketDefinition]:
        """One Book event for each market of the tokens. Returns the markets."""
        markets = {
            listed[0].market.key: listed[0] for name in names if (listed := self._known.by_token.get(name)) is not None
        }
        for known in markets.values():
            self.tell_market(src, known, {}, (*checks, reason))
        return markets

    def freeze(self, src: Src, tokens: tuple[str, ...], reason: Reason) -> int:
        """Invalidate the books that stand among ``tokens``, and tell; how many those were."""
        journal = self._journal
        count = 0
        for name in tokens:
            token = self.tokens.get(name)
            if token is None or token.invalid:
                continue
            token.invalidate(reason, journal.seq, journal.t, src)
            token.reported = True
            self._conns.forget_frames(token.conn)
            listed = self._known.by_token.get(name)
            journal.find(FEED_POLYMARKET, listed[0].market.key if listed else "", reason)
            count += 1
            if listed is not None:
                self.tell_market(src, listed[0], {}, (reason,))
        return count

    def let_go(self, src: Src) -> None:
        """Let the levels go of tokens whose market ended a while ago: hundreds of them, that nobody trades on any more.
        What is reported of such a market later has an unknown book."""
        journal = self._journal
        over: dict[str, MarketDefinition] = {}
        by_token, last = self._known.by_token, journal.t - _LEVELS_NS
        for name, token in self.tokens.items():
            if token.invalid:
                continue
            listed = by_token.get(name)
            if listed is not None and listed[0].market.end < last:
                token.invalidate(Reason.NO_SNAPSHOT, journal.seq, journal.t, src)
                token.reported = True  # nothing is wrong
                over[listed[0].market.key] = listed[0]
        for known in over.values():
            self.tell_market(src, known, {}, ())

    def forget(self, known: MarketDefinition) -> None:
        """The market is over."""
        for token in known.tokens:
            if token not in self._known.by_token:  # else another market has it now
                self.tokens.pop(token, None)
                self.stale.discard(token)
        self._torn.discard(known.market.key)

    def forget_unknown(self) -> list[str]:
        """Of tokens that no definition names the latest are kept, in case it is late; those that are not."""
        names = unknown_tokens(self.tokens, self._known.by_token)
        for name in names:
            del self.tokens[name]
            self.stale.discard(name)
        return names
