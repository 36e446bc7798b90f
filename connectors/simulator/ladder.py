"""The maker's ladder: the Up token's resting quantities around a quote. Pure and seeded.

Prices are pips (1e-4 dollars), sizes hundredths of a share. The Down token's book is the same one seen in the mirror.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final, Literal

ONE: Final = 10_000
MIN_SIZE: Final = 500
TOUCH_SIZE: Final = 60.0  # shares, median at the best price: about 37 dollars were seen at the touch
CORE: Final = 5  # contiguous levels the maker keeps
LEAST: Final = 10  # levels a side, where there is room for them
FILL: Final = 12
MOST: Final = 25
LEAN_STEP: Final = 0.15
Side = Literal["BUY", "SELL"]


def quote(fair: float, tick: int, spread_ticks: int) -> tuple[int | None, int | None]:
    """Best bid and ask around ``fair``: never a bid above it, never an ask below it, both inside [tick, 1 - tick]."""
    half = (spread_ticks - 1) / 2
    bid = math.floor(fair * ONE / tick - half) * tick
    ask = math.ceil(fair * ONE / tick + half) * tick
    if ask <= bid:
        ask = bid + tick
    bid = min(bid, ONE - tick)
    ask = max(ask, tick)
    return (bid if bid >= tick else None), (ask if ask <= ONE - tick else None)


class Ladder:
    """Resting quantities of one market. Every change is noted in ``changes`` until ``take_changes``."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.best_bid: int | None = None
        self.best_ask: int | None = None
        self._changes: dict[tuple[Side, int], int] = {}
        self._around: tuple[int | None, int | None, int] | None = None  # the quote it stands around
        self.lean = 0.0  # of its depth to the bids, -1 to 1

    def take_changes(self) -> dict[tuple[Side, int], int]:
        """(side, price) -> new size since the last call, in the order of their first change."""
        changes, self._changes = self._changes, {}
        return changes

    def set(self, side: Side, price: int, size: int) -> None:
        """A level's new total; 0 removes it. ``best_*`` follow with ``settle_best``."""
        book = self.bids if side == "BUY" else self.asks
        if size:
            book[price] = size
        else:
            book.pop(price, None)
            self._around = None
        self._changes[side, price] = size

    def settle_best(self) -> None:
        self.best_bid = max(self.bids) if self.bids else None
        self.best_ask = min(self.asks) if self.asks else None

    def move(self, bid: int | None, ask: int | None, tick: int) -> None:
        """Bring the ladder around a new quote; None pulls that side."""
        around = (bid, ask, tick)
        if around == self._around:
            return
        for price in [price for price in self.bids if bid is None or price > bid]:
            self.set("BUY", price, 0)
        for price in [price for price in self.asks if ask is None or price < ask]:
            self.set("SELL", price, 0)
        if bid is not None:
            self._fill("BUY", self.bids, bid, -tick, tick)
        if ask is not None:
            self._fill("SELL", self.asks, ask, tick, tick)
        self.settle_best()
        self._around = around

    def _fill(self, side: Side, book: dict[int, int], best: int, step: int, tick: int) -> None:
        for depth in range(CORE):
            price = best + depth * step
            if not tick <= price <= ONE - tick:
                break
            if price not in book:
                self.set(side, price, self._leant(side, self.size(depth)))
        if len(book) < LEAST:
            price = min(book) if step < 0 else max(book)
            while len(book) < FILL:
                price += step
                if not tick <= price <= ONE - tick:
                    break
                self.set(side, price, self.size(len(book)))
        elif len(book) > MOST:
            far = sorted(book) if step < 0 else sorted(book, reverse=True)
            for price in far[: len(book) - MOST + CORE]:
                self.set(side, price, 0)

    def size(self, depth: int) -> int:
        """A plausible size ``depth`` levels from the best price, at least the minimum order."""
        shares = TOUCH_SIZE * (1.0 + depth) * self._rng.lognormvariate(0.0, 0.6)
        return max(MIN_SIZE, round(shares * 100) if self._rng.random() < 0.4 else round(shares) * 100)

    def resize(self) -> None:
        """One of the five best levels of a side gets another size."""
        side: Side = "BUY" if self._rng.random() < 0.5 else "SELL"
        book = self.bids if side == "BUY" else self.asks
        if not book:
            return
        depth = min(int(self._rng.expovariate(0.7)), CORE - 1, len(book) - 1)
        ordered = sorted(book, reverse=side == "BUY")
        self.set(side, ordered[depth], self._leant(side, self.size(depth)))

    def lean_to(self, lean: float) -> None:
        """Let the depth of the best levels lean to the bids (1) or the asks (-1); small changes wait for a greater."""
        if abs(lean - self.lean) < LEAN_STEP:
            return
        self.lean = lean
        for side, book in (("BUY", self.bids), ("SELL", self.asks)):
            for depth, price in enumerate(sorted(book, reverse=side == "BUY")[:CORE]):
                self.set(side, price, self._leant(side, self.size(depth)))  # type: ignore[arg-type]

    def _leant(self, side: Side, size: int) -> int:
        if not self.lean:
            return size
        factor = 1.0 + self.lean if side == "BUY" else 1.0 - self.lean
        return max(MIN_SIZE, round(size * factor / 100) * 100)

    def clear(self) -> None:
        """Pull everything."""
        for price in list(self.bids):
            self.set("BUY", price, 0)
        for price in list(self.asks):
            self.set("SELL", price, 0)
        self.settle_best()
