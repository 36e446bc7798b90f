"""Spot: the Coinbase connections, their sequence numbers, and a book or ticker per product."""

from __future__ import annotations

from connectors.coinbase.wire import ChannelMessage, LevelUpdate
from models.book import BookSide
from models.bounds import CheckBounds
from models.journal import Levels
from models.money import MICRO, NEGATIVE_MICRO
from models.reasons import BLOCKING, Reason
from models.timestamps import parse_iso

DEPTH = 10


class Product:
    """One product's book (keys in micro-dollars, sizes in micro-coins), or its last ticker where there is no book."""

    def __init__(self, product: str) -> None:
        self.product = product
        self.asset = product.partition("-")[0]
        self.conn = ""
        self.bids = BookSide(+1, MICRO)
        self.asks = BookSide(-1, NEGATIVE_MICRO)
        self.has_book = False
        self.wants_book = (
            False  # once a book was sent, a ticker is no price any more: a lost book waits for its snapshot
        )
        self.invalid: str = Reason.NO_SNAPSHOT
        self.reported = False  # whether the reason in ``invalid`` has been counted
        self.ticker = 0
        self.latest = 0  # receive time of the last sound price, Unix ns
        self.price = 0  # micro-dollars, as last judged
        self.prices = 0  # how many frames with a price made it sound
        self.frozen = False  # until its next price: nothing of it is believed
        self.doubtful = False  # it speaks, and what it said last did not pass its checks
        self.last_trade = 0  # the greatest trade id seen

    def invalidate(self, reason: str) -> None:
        """Nothing is known until the next snapshot; the caller counts why."""
        self.invalid = reason
        self.reported = True
        self.has_book = False
        self.ticker = 0
        self.bids.clear()
        self.asks.clear()

    def snapshot(self, updates: list[LevelUpdate], conn: str) -> None:
        bids, asks = BookSide(+1, MICRO), BookSide(-1, NEGATIVE_MICRO)
        self.bids, self.asks = bids, asks
        self.conn = conn
        self.has_book = True
        self.wants_book = True
        self.invalid = ""
        self.update(updates)

    def update(self, updates: list[LevelUpdate]) -> None:
        """Apply absolute quantities. Raises NotANumber, and ValueError for a side that is none."""
        memo = MICRO
        for update in updates:
            if update.side == "bid":
                self.bids.put(memo[update.price_level], memo[update.new_quantity])
            elif update.side in ("offer", "ask"):
                self.asks.put(memo[update.price_level], memo[update.new_quantity])
            else:
                raise ValueError(f"side {update.side[:20]!r} is neither bid nor offer")

    def judge(self, bounds: CheckBounds, t: int, x: int) -> tuple[int, Levels, Levels, bool, tuple[str, ...]]:
        """(price, bids, asks, ok, findings) as they stand at receive time ``t`` and exchange time ``x``."""
        checks: list[str] = []
        bids: Levels = ()
        asks: Levels = ()
        price = self.ticker
        if self.invalid:
            checks.append(self.invalid)
        if self.frozen:
            checks.append(Reason.FROZEN_FEED)
        if x:
            if t - x > bounds.old:
                checks.append(Reason.TIMESTAMP_OLD)
            elif x - t > bounds.ahead:
                checks.append(Reason.TIMESTAMP_AHEAD)
        if self.has_book:
            bids, asks = self.bids.top(DEPTH), self.asks.top(DEPTH)
            if not bids or not asks:
                checks.append(Reason.ONE_SIDED_BOOK if bids or asks else Reason.EMPTY_BOOK)
            elif asks[0][0] <= bids[0][0]:
                checks.append(Reason.LOCKED_BOOK if asks[0][0] == bids[0][0] else Reason.CROSSED_BOOK)
            else:
                price = (asks[0][0] + bids[0][0]) // 2
        ok = price > 0 and not any(reason in BLOCKING for reason in checks)
        self.price = price
        return price, bids, asks, ok, tuple(checks)

    def news(self, found: tuple[str, ...]) -> tuple[str, ...]:
        """Of the findings of a judgement those to be counted: why nothing is known or believed counts once."""
        known = {Reason.FROZEN_FEED} | ({self.invalid} if self.reported else set())
        self.reported = self.reported or bool(self.invalid)
        return tuple(reason for reason in found if reason not in known)


def examine(updates: list[LevelUpdate]) -> None:
    """Whether updates that have no book to go into could be read. Raises NotANumber, and ValueError for a side."""
    for update in updates:
        MICRO[update.price_level], MICRO[update.new_quantity]
        if update.side not in ("bid", "offer", "ask"):
            raise ValueError(f"side {update.side[:20]!r} is neither bid nor offer")


class Sequence:
    """Sequence numbers of one connection: contiguous over all its channels, from 0."""

    def __init__(self, first: int = 0) -> None:
        """``first``: the number to come; -1 when it cannot be known, because records of the connection were lost."""
        self.next = first
        self._unread = 0  # frames that could not be read since the last one that could: each used up a number
        self._before = (first, 0)  # both, before the last check

    def unread(self) -> None:
        """A frame came whose number could not be read."""
        self._unread += 1

    def take_back(self) -> None:
        """The frame that was checked last cannot be read after all: as if its number had not been known."""
        self.next, self._unread = self._before

    def check(self, number: int) -> str:
        """ "" when the number follows, else the finding. A gap makes every product of the connection suspect."""
        if number < 0:
            return ""
        expected = self.next
        unread, self._unread = self._unread, 0
        self._before = (expected, unread)
        if expected < 0 or expected <= number <= expected + unread:
            self.next = number + 1
            return ""
        if number < expected:
            return Reason.DUPLICATE_FRAME if number == expected - 1 else Reason.OUT_OF_ORDER
        self.next = number + 1
        return Reason.SEQUENCE_GAP


def exchange_time(message: ChannelMessage) -> int:
    """The frame's own time in Unix ns, 0 where it states none. Raises ValueError for one that is no time."""
    return parse_iso(message.timestamp) if message.timestamp else 0
