"""One outcome token's book: snapshots, changes, and the checks that say whether it may be traded on.

The exchange states the best prices with its changes, and several messages of one taker order, which bear one
timestamp, each state the final ones: they are compared after the last of them. Until then a book that differs is
``pending``: not to be traded on, and not yet called wrong.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from connectors.polymarket.wire import Change, MarketMessage, level_runs
from models.book import BookSide
from models.bounds import CheckBounds
from models.journal import NO_SRC, Levels, Src, TokenBook
from models.money import MICRO, NEGATIVE_PIPS, PIP, PIPS, TICKS, NotANumber
from models.reasons import BLOCKING, Reason
from models.timestamps import MILLISECOND

DEPTH = 10
BURST: Final = 100 * MILLISECOND  # messages of one taker order come within a few milliseconds
_TIMES = frozenset({Reason.TIMESTAMP_BACKWARDS, Reason.OUT_OF_ORDER})
_EMPTY_PRICE = frozenset({None, "", "0", "1"})


class _Stated(NamedTuple):
    """Best prices as the exchange stated them at exchange time ``x``, received at ``t`` (Unix ns)."""

    x: int
    bid: str | None
    ask: str | None
    t: int


class Token:
    """The local book of one token. Times are Unix ns, prices pips, sizes micro-shares."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.conn = ""
        self.market = ""  # its condition id, once a frame has named it
        self.pending: _Stated | None = None  # best prices that the book does not have yet
        self.bids = BookSide(+1, PIPS)
        self.asks = BookSide(-1, NEGATIVE_PIPS)
        self._tick = 100
        self._tick_conn = ""  # the connection on which the stream stated the tick, while that holds
        self._tick_announced = False  # by the stream, on any connection
        self.base: Src = NO_SRC
        self.invalid: str = Reason.NO_SNAPSHOT  # why nothing is known, until a snapshot; "" = known
        self.reported = False  # whether the reason in ``invalid`` has been counted
        self.latest_exchange_time = 0
        self.changes = 0  # judgements so far
        self._latest_of = [0, 0]  # exchange time of the last change and of the last snapshot
        self.last_trade_price: str | None = None  # as on the wire, once stated on this connection
        self.view = TokenBook(token, (), (), 100, -1, 0, 0, NO_SRC, NO_SRC, False, (Reason.NO_SNAPSHOT,))

    @property
    def tick(self) -> int:
        return self._tick

    @tick.setter
    def tick(self, tick: int) -> None:
        """Raises NotANumber for one that is none of the exchange's."""
        if tick not in TICKS:
            raise NotANumber(f"a tick of {tick} pips is none of the exchange's")
        self._tick = tick

    def announce_tick(self, tick: int, conn: str) -> None:
        """The stream states the tick. Raises NotANumber."""
        self.tick = tick
        self._tick_conn, self._tick_announced = conn, True

    def defined_tick(self, tick: int) -> None:
        """The market's definition states the tick, which may be of before what the stream said: while the stream's word
        stands it goes before; after that only a finer one is news. A book that stands is left as it is."""
        if self.invalid and not self._tick_conn and (not self._tick_announced or tick < self._tick):
            self.tick = tick

    def begin_anew(self) -> None:
        """It was asked for anew: the next snapshot is the beginning, whatever its time."""
        if self.invalid:
            self.latest_exchange_time = 0
            self._latest_of = [0, 0]

    def invalidate(self, reason: str, seq: int, t: int, src: Src) -> None:
        """Nothing is known until the next snapshot, from journal event ``seq`` at ``t`` (Unix ns) on."""
        self.invalid = reason
        self.reported = False
        self.last_trade_price = None
        self.pending = None
        if reason != Reason.NO_SNAPSHOT:
            self._tick_conn = ""
        if reason not in _TIMES:  # else the next snapshot is the new beginning, whatever its time
            self.latest_exchange_time = 0
            self._latest_of = [0, 0]
        self.bids.clear()
        self.asks.clear()
        self.view = TokenBook(self.token, (), (), self.tick, seq, t, self.view.x, src, NO_SRC, False, (reason,))

    def lateness(self, x: int, t: int, is_snapshot: bool, bounds: CheckBounds) -> str:
        """What is wrong with a frame of exchange time ``x`` coming at ``t`` (Unix ns), "" when nothing is.

        Across kinds of frames times run backwards by some milliseconds on a sound exchange, within one kind never."""
        if x < self.latest_exchange_time - bounds.backwards:
            return Reason.TIMESTAMP_BACKWARDS
        if x < self._latest_of[is_snapshot]:
            return Reason.OUT_OF_ORDER
        if x - t <= bounds.ahead:  # one from the future is no measure of what comes after it
            self._latest_of[is_snapshot] = x
        return ""

    def snapshot(
        self, message: MarketMessage, conn: str, src: Src, t: int, x: int, mismatch: bool, bounds: CheckBounds
    ) -> None:
        """Take a ``book`` message of receive time ``t`` and exchange time ``x`` (Unix ns).

        Raises NotANumber for prices that are none; the caller invalidates the book then."""
        if conn != self.conn:
            self.latest_exchange_time = 0
            self._latest_of = [0, 0]
        self.conn = conn  # first, so that the caller finds it
        late = self.lateness(x, t, True, bounds)
        if message.market:
            self.market = message.market
        if message.tick_size:
            self.announce_tick(PIPS[message.tick_size], conn)
        self.bids.load(message.bids or ())
        self.asks.load(message.asks or ())
        self.base = src
        self.pending = None
        if message.last_trade_price is not None and self.last_trade_price is not None:
            self.last_trade_price = message.last_trade_price  # trades are reported here; one of them may have been lost
        self.invalid = late or (Reason.HASH_MISMATCH if mismatch else "")
        self.reported = False

    def change(self, change: Change) -> None:
        """Apply one level's new total. Raises NotANumber, and ValueError for a side that is none."""
        price, size = PIPS[change.price], MICRO[change.size]
        if change.side == "BUY":
            self.bids.put(price, size)
        elif change.side == "SELL":
            self.asks.put(price, size)
        else:
            raise ValueError(f"side {change.side[:20]!r} is neither BUY nor SELL")

    def state(self, bid: str | None, ask: str | None, x: int, t: int) -> None:
        """The exchange states the best prices as of exchange time ``x``, at receive time ``t`` (Unix ns). Nothing
        stated leaves what was stated before at the same time."""
        if not bid and not ask:
            if self.pending is not None and not self._differs(self.pending.bid, self.pending.ask):
                self.pending = None
            return
        self.pending = _Stated(x, bid, ask, t) if self._differs(bid, ask) else None

    def contradicted(self, x: int) -> bool:
        """Whether the best prices stated before exchange time ``x`` (Unix ns) differ, now that all of their time has
        come."""
        return self.pending is not None and self.pending.x != x

    def _differs(self, bid: str | None, ask: str | None) -> bool:
        """Whether stated best prices contradict the local book."""
        for stated, side in ((bid, self.bids), (ask, self.asks)):
            if stated is None or stated == "":
                continue
            own = side.best()
            if stated in _EMPTY_PRICE or PIPS[stated] in (0, PIP):
                if own is not None:
                    return True
            elif own != PIPS[stated]:
                return True
        return False

    def judge(self, bounds: CheckBounds, seq: int, t: int, x: int, src: Src) -> TokenBook:
        """The book as it stands after a change at receive time ``t`` and exchange time ``x``, with its findings."""
        checks: list[str] = []
        bids: Levels = ()
        asks: Levels = ()
        self.changes += 1
        if self.invalid:
            checks.append(self.invalid)
        if x:
            if x - t > bounds.ahead:
                checks.append(Reason.TIMESTAMP_AHEAD)
            else:
                if t - x > bounds.old:
                    checks.append(Reason.TIMESTAMP_OLD)
                if x > self.latest_exchange_time:
                    self.latest_exchange_time = x
        if self.pending is not None and not self.invalid:
            checks.append(Reason.BEST_MISMATCH)
        elif not self.invalid or self.invalid == Reason.HASH_MISMATCH:
            bids = self.bids.top(DEPTH)
            asks = self.asks.top(DEPTH)
            if not bids or not asks:
                checks.append(Reason.ONE_SIDED_BOOK if bids or asks else Reason.EMPTY_BOOK)
            else:
                spread = asks[0][0] - bids[0][0]
                if spread <= 0:
                    checks.append(Reason.CROSSED_BOOK if spread else Reason.LOCKED_BOOK)
                elif spread > bounds.max_spread:
                    checks.append(Reason.SPREAD_TOO_WIDE)
            tick = self._tick
            if not (self.bids.is_on_grid(tick) and self.asks.is_on_grid(tick)):
                checks.extend(self._grid_findings())
        ok = not checks or BLOCKING.isdisjoint(checks)
        self.view = view = TokenBook(self.token, bids, asks, self._tick, seq, t, x, src, self.base, ok, tuple(checks))
        return view

    def news(self) -> tuple[str, ...]:
        """The findings of the last judgement that are to be counted: why a book is unknown counts once."""
        checks = self.view.checks
        if not self.invalid:
            return checks if self.pending is None else tuple(each for each in checks if each != Reason.BEST_MISMATCH)
        if self.reported:
            return tuple(reason for reason in checks if reason != self.invalid)
        self.reported = True
        return checks

    def _grid_findings(self) -> list[str]:
        prices = [key * side.sign for side in (self.bids, self.asks) for key in side.keys]
        found: list[str] = []
        if any(not self._tick <= price <= PIP - self._tick for price in prices):
            found.append(Reason.PRICE_OUT_OF_RANGE)
        if any(price % self._tick for price in prices):
            found.append(Reason.OFF_TICK)
        return found


def hashed_price(text: str) -> str:
    """A last trade price in the digits the checksum is made of: at least three decimals. Raises NotANumber."""
    pips = PIPS[text]
    return f"{pips // PIP}.{pips % PIP // 10:03d}" if pips % 10 == 0 else f"{pips / PIP:.4f}"


def hash_differs(message: MarketMessage, book: bytes, last_trade_price: str, tick: str, min_size: str) -> bool:
    """Whether ``book.hash`` contradicts the message's content; ``book``: the object's bytes.

    The exchange's rule: SHA-1 of the compact JSON of market, asset_id, timestamp, hash (empty), bids, asks,
    min_order_size, tick_size, neg_risk, last_trade_price, in this order and in the wire's own digits."""
    text = b'{"market":"%b","asset_id":"%b","timestamp":"%b","hash":"","bids":[%b],"asks":[%b],' % (
        message.market.encode(),
        message.asset_id.encode(),
        message.timestamp.encode(),
        *level_runs(book),
    )
    tail = (
        f'"min_order_size":"{min_size}","tick_size":"{tick}","neg_risk":false,"last_trade_price":"{last_trade_price}"}}'
    )
    return hashlib.sha1(text + tail.encode(), usedforsecurity=False).hexdigest() != message.hash
