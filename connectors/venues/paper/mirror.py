"""Both tokens' books are one book: here everything is stated in prices of the Up token.

Every order stands in both books: a bid for Up at p is an offer of Down at 1 - p. So a level is a side of the Up book
and an Up price, whichever token an order or a trade names.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from models.journal import Book, Levels, Market, TokenBook, Trade
from models.money import PIP
from models.orders import WorkingOrder

BookSide = Literal["bid", "ask"]
#: A side of the Up book and a price in pips.
Level = tuple[BookSide, int]
#: The journal shows so many levels of a side; what lies beyond them is unknown.
DEPTH: Final = 10


def up_price(price: int, is_up: bool) -> int:
    """The price in the Up book, pips. Its own inverse."""
    return price if is_up else PIP - price


def standing(order: WorkingOrder) -> Level:
    """The level on which an order rests."""
    is_up = order.outcome == "Up"
    return ("bid" if (order.side == "buy") == is_up else "ask"), up_price(order.limit, is_up)


def facing(side: BookSide) -> BookSide:
    """The side that orders of ``side`` are filled from."""
    return "ask" if side == "bid" else "bid"


def reaches(side: BookSide, price: int, other: int) -> bool:
    """Whether an order of ``side`` at ``price`` meets an opposite one at ``other``."""
    return other <= price if side == "bid" else other >= price


def consumed(trade: Trade, market: Market) -> Level:
    """The level whose resting orders a trade filled."""
    is_up = trade.token == market.up_token
    buys_up = (trade.side.upper() == "BUY") == is_up
    return ("ask" if buys_up else "bid"), up_price(trade.price, is_up)


class Display(msgspec.Struct, frozen=True, gc=False):
    """What one token's book shows, stated as the Up book: levels best first. ``seq``: journal number of the book;
    ``x``: exchange time, ns."""

    bids: Levels
    asks: Levels
    seq: int
    x: int

    def levels(self, side: BookSide) -> Levels:
        """(pips, micro-shares), best first."""
        return self.bids if side == "bid" else self.asks

    def depth(self, side: BookSide, price: int) -> int | None:
        """Micro-shares shown on a level; None where the display does not reach."""
        levels = self.levels(side)
        for shown, size in levels:
            if shown == price:
                return size
        if len(levels) >= DEPTH and not reaches(side, price, levels[-1][0]):
            return None
        return 0

    def crosses(self, side: BookSide, price: int) -> bool:
        """Whether an order of ``side`` at ``price`` would find something opposite."""
        opposite = self.levels(facing(side))
        return bool(opposite) and reaches(side, price, opposite[0][0])


def middle_and_touch(order: WorkingOrder, shown: Display) -> tuple[int, int]:
    """(mid, best opposite price) of the order's own token, pips; a mid between two pips is rounded down, -1 where a
    side is empty."""
    side, _ = standing(order)
    is_up = order.outcome == "Up"
    opposite = shown.levels(facing(side))
    touch = up_price(opposite[0][0], is_up) if opposite else -1
    if not shown.bids or not shown.asks:
        return -1, touch
    both = shown.bids[0][0] + shown.asks[0][0]
    return (both if is_up else 2 * PIP - both) // 2, touch


def display(view: TokenBook, is_up: bool) -> Display:
    """A token's book, stated as the Up book."""
    if is_up:
        return Display(view.bids, view.asks, view.seq, view.x)
    bids = tuple((PIP - price, size) for price, size in view.asks)
    asks = tuple((PIP - price, size) for price, size in view.bids)
    return Display(bids, asks, view.seq, view.x)


def latest_display(book: Book, outcome: str) -> Display | None:
    """Of the token whose sound book is the later one by exchange time; of two of one moment that of ``outcome``, which
    is the book that its order names."""
    both = ((book.up, True), (book.down, False)) if outcome == "Up" else ((book.down, False), (book.up, True))
    shown = [display(view, is_up) for view, is_up in both if view is not None and view.ok]
    return max(shown, key=lambda each: (each.x, each.seq), default=None)


def changed_display(book: Book) -> Display | None:
    """What this very event shows: of the token that it changed, of Up where it changed both."""
    for view, is_up in ((book.up, True), (book.down, False)):
        if view is not None and view.ok and view.seq == book.seq:
            return display(view, is_up)
    return None
