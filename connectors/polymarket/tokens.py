"""The books of all outcome tokens by the frames of the market channel: the same rules for the flow, which makes the
journal of them, and for the door, which must know what the flow lacks. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from connectors.polymarket.salvage import Odd
from connectors.polymarket.token import BURST, Token, hash_differs, hashed_price
from connectors.polymarket.wire import MarketMessage
from models.bounds import CheckBounds
from models.journal import Src
from models.money import PIPS
from models.reasons import Reason

_WIRE_TICKS = {1000: "0.1", 100: "0.01", 50: "0.005", 25: "0.0025", 10: "0.001", 1: "0.0001"}
_MIN_SIZE = 5  # shares, where no definition says otherwise


class Stamp(Protocol):
    """Where the reader stands. ``seq``: the next journal event's number. ``t``: receive time, Unix ns."""

    @property
    def seq(self) -> int: ...
    @property
    def t(self) -> int: ...


class TokenBooks:
    """Books by token. ``terms``: a token's (tick in pips, least order in shares) by its market's definition, or None.
    Exchange times ``x`` are Unix ns; ``src`` is the feed record at hand."""

    def __init__(self, stamp: Stamp, bounds: CheckBounds, terms: Callable[[str], tuple[int, int] | None]) -> None:
        self.tokens: dict[str, Token] = {}
        self._now = stamp
        self._bounds = bounds
        self._terms = terms
        self._pending: dict[str, None] = {}  # tokens whose stated best prices may not be those of the book

    def token(self, name: str) -> Token:
        """The local book of a token, a new one when it was never heard of."""
        token = self.tokens.get(name)
        if token is None:
            token = self.tokens[name] = Token(name)
            terms = self._terms(name)
            if terms is not None:
                token.tick = terms[0]
        return token

    def snapshot(self, src: Src, message: MarketMessage, x: int, raw: bytes | None, conn: str) -> Token:
        """Take a ``book`` message. ``raw``: its bytes, which its checksum is compared with; None: it is not.

        Raises NotANumber and ValueError for levels that are none."""
        token = self.tokens.get(message.asset_id) or self.token(message.asset_id)
        if token.conn != conn:
            token.last_trade_price = None
        mismatch = False
        if raw is not None:
            price = message.last_trade_price if message.last_trade_price is not None else token.last_trade_price
            if price is not None and message.hash:
                terms = self._terms(message.asset_id)
                tick = message.tick_size or _WIRE_TICKS[token.tick]
                mismatch = hash_differs(message, raw, price, tick, str(terms[1] if terms else _MIN_SIZE))
        token.snapshot(message, conn, src, self._now.t, x, mismatch, self._bounds)
        return token

    def changes(self, src: Src, message: MarketMessage, x: int) -> None:
        """Take a ``price_change`` message; a book that it contradicts is invalid after it, or once all of its time has
        come (``settle``)."""
        now, last = self._now, dict[str, int]()
        entries = message.price_changes or ()
        for at, change in enumerate(entries):
            token = self.token(change.asset_id)
            if token.invalid:
                continue
            if change.asset_id not in last:
                late = token.lateness(x, now.t, False, self._bounds)
                if late or token.contradicted(x):  # what the book is now cannot be known
                    token.invalidate(late or Reason.BEST_MISMATCH, now.seq, now.t, src)
                    continue
            token.change(change)
            last[change.asset_id] = at
        for name, at in last.items():
            change = entries[at]
            self._state(self.tokens[name], change.best_bid, change.best_ask, x)

    def best(self, src: Src, message: MarketMessage, x: int) -> bool:
        """Take a ``best_bid_ask`` message. Whether it changed what is to be said of the book."""
        token = self.tokens.get(message.asset_id)
        if token is None or token.invalid:
            return False
        before = token.pending
        if token.contradicted(x):
            token.invalidate(Reason.BEST_MISMATCH, self._now.seq, self._now.t, src)
            return True
        self._state(token, message.best_bid, message.best_ask, x)
        return (token.pending is None) != (before is None)

    def _state(self, token: Token, bid: str | None, ask: str | None, x: int) -> None:
        token.state(bid, ask, x, self._now.t)
        if token.pending is not None:
            self._pending[token.token] = None

    def settle(self, src: Src) -> list[Token]:
        """Time passes: books that still contradict the best prices stated a while ago are invalid. Returns those."""
        if not self._pending:
            return []
        now, found = self._now, list[Token]()
        for name in list(self._pending):
            token = self.tokens.get(name)
            if token is None or token.pending is None:
                del self._pending[name]
            elif now.t - token.pending.t >= BURST:
                del self._pending[name]
                token.invalidate(Reason.BEST_MISMATCH, now.seq, now.t, src)
                found.append(token)
        return found

    def change_tick(self, src: Src, message: MarketMessage, conn: str) -> Token:
        """Take a ``tick_size_change`` message: nothing is known until the next snapshot, which is no fault."""
        token = self.token(message.asset_id)
        token.invalidate(Reason.NO_SNAPSHOT, self._now.seq, self._now.t, src)
        token.reported = True
        token.announce_tick(PIPS[message.new_tick_size], conn)
        return token

    def trade(self, message: MarketMessage) -> None:
        """Take a ``last_trade_price`` message: later checksums are made with its price. Raises NotANumber."""
        self.token(message.asset_id).last_trade_price = hashed_price(message.price)

    def standing(self, conn: str | None) -> list[Token]:
        """Of the connection (None: of any), the tokens with a book."""
        return [
            token
            for token in self.tokens.values()
            if (conn is None or token.conn == conn)
            and (not token.invalid or token.view.ok or token.invalid == Reason.HASH_MISMATCH)
        ]

    def meant(self, odd: Odd, conn: str) -> list[Token]:
        """Of the connection, the tokens whose books the unusable message may have changed. What a trade may have been
        is forgotten here: it changes no level."""
        mine = [
            token
            for token in self.tokens.values()
            if token.conn == conn
            and (odd.anything or token.token in odd.tokens or (odd.market and token.market == odd.market))
        ]
        if odd.is_trade:
            for token in mine:
                token.last_trade_price = None
            return []
        names = {token.token for token in self.standing(conn)}
        return [token for token in mine if token.token in names]

    def renewed(self, tokens: tuple[str, ...]) -> None:
        """They were asked for anew: the next snapshot of what is not known is the beginning."""
        for name in tokens:
            token = self.tokens.get(name)
            if token is not None:
                token.begin_anew()
