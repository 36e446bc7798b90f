"""One outcome token's book: snapshots, changes, and the checks that say whether it may be traded on."""

from __future__ import annotations

import hashlib

from connectors.polymarket.wire import Change, MarketMessage, level_runs
from flows.market_line.bounds import Bounds
from flows.market_line.findings import BLOCKING
from models.book import Side
from models.journal import NO_SRC, Levels, Src, TokenBook
from models.money import MICRO, NEGATIVE_PIPS, PIP, PIPS, TICKS, NotANumber
from models.reasons import Reason

DEPTH = 10
_TIMES = frozenset({Reason.TIMESTAMP_BACKWARDS, Reason.OUT_OF_ORDER})
_EMPTY_PRICE = frozenset({None, "", "0", "1"})


class Token:
    """The kept book of one token. Times are Unix ns, prices pips, sizes micro-shares."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.conn = ""
        self.bids = Side(+1, PIPS)
        self.asks = Side(-1, NEGATIVE_PIPS)
        self._tick = 100
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

    def invalidate(self, reason: str, seq: int, t: int, src: Src) -> None:
        """Nothing is known until the next snapshot, from journal event ``seq`` at ``t`` (Unix ns) on."""
        self.invalid = reason
        self.reported = False
        self.last_trade_price = None
        if reason not in _TIMES:  # else the next snapshot is the new beginning, whatever its time
            self.latest_exchange_time = 0
            self._latest_of = [0, 0]
        self.bids.clear()
        self.asks.clear()
        self.view = TokenBook(self.token, (), (), self.tick, seq, t, self.view.x, src, NO_SRC, False, (reason,))

    def lateness(self, x: int, t: int, is_snapshot: bool, bounds: Bounds) -> str:
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
        self, message: MarketMessage, conn: str, src: Src, t: int, x: int, mismatch: bool, bounds: Bounds
    ) -> None:
        """Take a ``book`` message of receive time ``t`` and exchange time ``x`` (Unix ns).

        Raises NotANumber for prices that are none; the caller invalidates the book then."""
        if conn != self.conn:
            self.latest_exchange_time = 0
            self._latest_of = [0, 0]
        self.conn = conn  # first, so that the caller finds it
        late = self.lateness(x, t, True, bounds)
        if message.tick_size:
            self.tick = PIPS[message.tick_size]
        self.bids.load(message.bids or ())
        self.asks.load(message.asks or ())
        self.base = src
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

    def best_differs(self, change: Change) -> bool:
        """Whether the best prices stated after ``change`` contradict the kept book."""
        for stated, side in ((change.best_bid, self.bids), (change.best_ask, self.asks)):
            if stated is None or stated == "":
                continue
            kept = side.best()
            if stated in _EMPTY_PRICE or PIPS[stated] in (0, PIP):
                if kept is not None:
                    return True
            elif kept != PIPS[stated]:
                return True
        return False

    def judge(self, bounds: Bounds, seq: int, t: int, x: int, src: Src) -> TokenBook:
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
        if not self.invalid or self.invalid == Reason.HASH_MISMATCH:
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
            return checks
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
