"""Which tokens have a sound book, as the flow has it: the door's own light view, by the very rules of the flow.

Nothing comes back from the flows. Whatever the door receives, and the ticks of its clock, pass through the same
``TokenBooks`` and ``RestBooks`` in the order in which they were published; so what the flow holds invalid is known
here. Frames are taken in when someone looks, a few times a second. Times are Unix ns of the feed's clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from connectors.control_text import control_text
from connectors.polymarket.fields import check_messages
from connectors.polymarket.rest_books import RestBooks
from connectors.polymarket.salvage import UNREADABLE, Element, Odd, about, salvage
from connectors.polymarket.token import Token
from connectors.polymarket.tokens import TokenBooks
from connectors.polymarket.unknown_tokens import unknown_tokens
from connectors.polymarket.wire import MarketMessage, decode_frame, object_at
from models.bounds import CheckBounds
from models.journal import NO_SRC
from models.reasons import BLOCKING, Reason
from models.timestamps import parse_epoch_ms

MOST_WAITING: Final = 4_000  # frames that wait for a look
SAID_AGAIN: Final = 4  # the flow leaves out a frame that is one of the last few, word for word
#: What the exchange may rightly show; all else that blocks is mended by a new snapshot, or is worth asking for one.
_RIGHTLY: Final = frozenset({Reason.EMPTY_BOOK, Reason.ONE_SIDED_BOOK, Reason.SPREAD_TOO_WIDE})
_UNSOUND: Final = BLOCKING - _RIGHTLY


class Lack(NamedTuple):
    """A token without a sound book on its connection: since when, and what is wrong."""

    token: str
    conn: str
    since: int
    reason: Reason


class _Now:
    seq = 0
    t = 0


class Soundness:
    """Fed with what the door receives. ``bad``: frames of which something could not be used."""

    def __init__(self, bounds: CheckBounds) -> None:
        self.bad = 0
        self._bounds = bounds
        self._now = _Now()
        self._terms: dict[str, tuple[int, int]] = {}
        self._books = TokenBooks(self._now, bounds, self._terms.get)
        self._rest = RestBooks()
        self._waiting: deque[tuple[str, bytes | None, int]] = deque()  # no frame: a tick
        self._said: dict[str, deque[bytes]] = {}
        self._touched: dict[str, tuple[int, int]] = {}  # token -> exchange and receive time, to be judged
        self._since: dict[str, tuple[str, int]] = {}  # token -> connection and since when it lacks a book

    # --- what is seen -----------------------------------------------------------------------------------------------

    def define(self, token: str, tick: int, min_size: int) -> None:
        """The token's tick (pips) and least order (shares), as its market's definition has them now."""
        self._take_in()
        self._terms[token] = (tick, min_size)
        entry = self._books.tokens.get(token)
        if entry is not None:
            entry.defined_tick(tick)

    def frame(self, conn: str, frame: bytes, t: int) -> None:
        """A frame of the market channel."""
        self._waiting.append((conn, frame, t))
        if len(self._waiting) > MOST_WAITING:
            self._take_in()

    def tick(self, t: int) -> None:
        """A tick of the recorder's clock."""
        self._waiting.append(("", None, t))

    def rest(self, message: MarketMessage, t: int) -> None:
        """An answer of REST ``/book``. Raises NotANumber and ValueError."""
        self._take_in()
        if parse_epoch_ms(message.timestamp) - t <= self._bounds.ahead:
            self._rest.take(message, self._books.tokens.get(message.asset_id), t)

    def doubted(self, tokens: Iterable[str], t: int) -> None:
        """The door calls them frozen: nothing is known until the next snapshot."""
        self._take_in()
        self._invalidate([self._books.tokens[name] for name in tokens if name in self._books.tokens], t)

    def renewed(self, conn: str, tokens: tuple[str, ...]) -> None:
        """They are asked for anew."""
        self._take_in()
        self._said.pop(conn, None)
        self._books.renewed(tokens)

    def closed(self, conn: str) -> None:
        """The connection ended."""
        self._take_in()
        self._said.pop(conn, None)
        for token in self._books.standing(conn):
            token.invalidate(Reason.DISCONNECTED, 0, self._now.t, NO_SRC)

    def forget(self, token: str) -> None:
        """The token's market is over."""
        self._books.tokens.pop(token, None)
        for by_token in (self._terms, self._since, self._touched):
            by_token.pop(token, None)

    # --- judgement ----------------------------------------------------------------------------------------------------

    def lacking(self, serving: Mapping[str, str], t: int) -> list[Lack]:
        """Of the tokens that a connection serves (token -> connection), those without a sound book at ``t``."""
        self._take_in()
        found: list[Lack] = []
        for name, conn in serving.items():
            reason = self._wrong(self._books.tokens.get(name), conn)
            if reason is None:
                self._since.pop(name, None)
                continue
            entry = self._since.get(name)
            if entry is None or entry[0] != conn:
                entry = self._since[name] = (conn, t)
            found.append(Lack(name, conn, entry[1], reason))
        for name in [name for name in self._since if name not in serving]:
            del self._since[name]
        self._forget_unknown(serving)
        return found

    def _forget_unknown(self, serving: Mapping[str, str]) -> None:
        """Tokens that nobody asked for must not fill the memory: the latest are kept, their market may come yet."""
        tokens = self._books.tokens
        for name in unknown_tokens(tokens, self._terms.keys() | serving.keys()):
            del tokens[name]

    def _wrong(self, token: Token | None, conn: str) -> Reason | None:
        if token is None:
            return Reason.NO_SNAPSHOT
        if token.invalid:
            return Reason(token.invalid)
        if token.conn != conn:
            return Reason.NO_SNAPSHOT
        checks = () if token.pending is not None else token.view.checks  # what is pending is settled at a tick
        return next((Reason(each) for each in checks if each in _UNSOUND), None)

    def _judge(self) -> None:
        for name, (x, t) in self._touched.items():
            token = self._books.tokens.get(name)
            if token is not None:
                try:
                    token.judge(self._bounds, 0, t, x, NO_SRC)
                except UNREADABLE:  # a size that is none
                    token.invalidate(Reason.DECODE_ERROR, 0, t, NO_SRC)
        self._touched.clear()

    # --- frames to books ----------------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        waiting = self._waiting
        while waiting:
            conn, frame, t = waiting.popleft()
            self._now.t = max(self._now.t, t)
            if frame is None:
                self._tick()
            else:
                self._read(conn, frame, t)

    def _tick(self) -> None:
        for token in self._books.settle(NO_SRC):
            self._said.pop(token.conn, None)
        differing = self._rest.differing(self._books.tokens, self._bounds, self._now.t)
        self._invalidate([self._books.tokens[name] for name in differing], self._now.t)

    def _invalidate(self, tokens: list[Token], t: int) -> None:
        for token in tokens:
            if not token.invalid:
                token.invalidate(Reason.FROZEN_BOOK, 0, t, NO_SRC)
                self._said.pop(token.conn, None)

    def _read(self, conn: str, frame: bytes, t: int) -> None:
        if control_text(frame) is not None:
            return
        said = self._said.setdefault(conn, deque(maxlen=SAID_AGAIN))
        if len(frame) > 2:
            if frame in said:
                return
            said.append(frame)
        elements: Iterable[Element]
        try:
            messages = decode_frame(frame)
            check_messages(messages)
            elements = enumerate(messages)
        except UNREADABLE:
            self.bad += 1
            try:
                elements = salvage(frame)
            except UNREADABLE:
                elements = [(0, Odd("no JSON", anything=True))]
        for at, element in elements:
            odd = element
            if not isinstance(odd, Odd):
                try:
                    self._message(conn, frame, at, odd, t)
                    continue
                except UNREADABLE as cause:
                    odd = about(odd, str(cause))
            for token in self._books.meant(odd, conn):
                token.invalidate(Reason.DECODE_ERROR, 0, t, NO_SRC)
                self._said.pop(conn, None)
        self._judge()  # the times of the next frame are compared with those of this one

    def _message(self, conn: str, frame: bytes, at: int, message: MarketMessage, t: int) -> None:
        books, kind = self._books, message.event_type
        if kind == "book":
            x = parse_epoch_ms(message.timestamp)
            self._touched[message.asset_id] = (x, t)
            books.snapshot(NO_SRC, message, x, object_at(frame, at) if message.hash else None, conn)
        elif kind == "price_change":
            x = parse_epoch_ms(message.timestamp)
            books.changes(NO_SRC, message, x)
            for change in message.price_changes or ():
                self._touched[change.asset_id] = (x, t)
        elif kind == "best_bid_ask":
            x = parse_epoch_ms(message.timestamp)
            if books.best(NO_SRC, message, x):
                self._touched[message.asset_id] = (x, t)
        elif kind == "last_trade_price":
            books.trade(message)
        elif kind == "tick_size_change":
            books.change_tick(NO_SRC, message, conn)
            self._touched[message.asset_id] = (parse_epoch_ms(message.timestamp), t)
