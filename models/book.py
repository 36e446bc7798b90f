"""Order-book sides as kept in memory: sorted so that the best level is the last, whichever the side."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import neg
from typing import Any, Protocol

from models.money import SHARE, NotANumber

_MICRO = float(SHARE)


class WireLevel(Protocol):
    """A price level as it came: a decimal string, and shares from 0 to a thousand million."""

    @property
    def price(self) -> str: ...
    @property
    def size(self) -> float: ...


def _micro(levels: Sequence[WireLevel]) -> list[int]:
    """The levels' sizes in micro-shares, rounded half up. Raises NotANumber for one that is none."""
    try:
        return [int(level.size * _MICRO + 0.5) for level in levels]
    except (ValueError, OverflowError):  # not a number, or infinite
        raise NotANumber(f"{[level.size for level in levels]} are not all sizes") from None


class Side:
    """One side of a book. Keys are prices times ``sign`` (+1 bids, -1 asks), ascending: the best is the last.

    A snapshot's sizes are kept as they came until someone asks: most frames are replaced by the next snapshot before
    anyone looks below the tenth level. Six of seven snapshots have the price ladder of the one before, so that is
    compared first and parsed only when it differs."""

    __slots__ = ("_grid", "_parse", "_prices", "_raw", "_sizes", "keys", "sign")

    def __init__(self, sign: int, parse: Mapping[str, int]) -> None:
        """``parse``: from a price string to its key; look-up raises NotANumber."""
        self.sign = sign
        self.keys: list[int] = []
        self._parse = parse
        self._sizes: dict[int, int] = {}
        self._raw: Sequence[WireLevel] | None = None
        self._prices: list[str] | None = None  # the ladder ``keys`` was parsed from, while that is so
        self._grid: tuple[int, bool] = (0, False)  # (tick, whether every key is on its grid), while keys are the same

    def load(self, levels: Sequence[WireLevel]) -> None:
        """Take a snapshot in wire order, which is best last. Raises NotANumber, and keeps what it had."""
        prices = [level.price for level in levels]
        if prices != self._prices:
            parse = self._parse
            keys = [parse[price] for price in prices]
            if keys != sorted(keys):
                order = sorted(range(len(keys)), key=keys.__getitem__)
                levels = [levels[i] for i in order]
                keys = [keys[i] for i in order]
                prices = [prices[i] for i in order]
            self.keys = keys
            self._prices = prices
            self._grid = (0, False)
        self._raw = levels

    def put(self, price: int, size: int) -> None:
        """Set the total at ``price``; zero removes the level."""
        self._settle()
        key = price * self.sign
        if size == 0:
            if self._sizes.pop(key, 0):
                del self.keys[bisect_left(self.keys, key)]
                self._changed()
            return
        if not self._sizes.get(key):
            self.keys.insert(bisect_left(self.keys, key), key)
            self._changed()
        self._sizes[key] = size

    def _settle(self) -> None:
        """Parse a snapshot's sizes; a level that holds nothing is none. Raises NotANumber."""
        if self._raw is not None:
            self._sizes = dict(zip(self.keys, _micro(self._raw), strict=True))
            self.keys = sorted(key for key, held in self._sizes.items() if held)
            self._raw = None
            self._changed()

    def _changed(self) -> None:
        self._prices = None
        self._grid = (0, False)

    def best(self) -> int | None:
        """The best price, or None when the side is empty."""
        return self.keys[-1] * self.sign if self.keys else None

    def is_on_grid(self, tick: int, grid: frozenset[int]) -> bool:
        """Whether every key is in ``grid``, the keys that ``tick`` allows."""
        kept, answer = self._grid
        if kept != tick:
            answer = grid.issuperset(self.keys)
            self._grid = (tick, answer)
        return answer

    def top(self, depth: int) -> tuple[tuple[int, int], ...]:
        """Up to ``depth`` levels (price, size), best first. Raises NotANumber for a size that is none."""
        sign = self.sign
        keys = self.keys[: -depth - 1 : -1]
        if self._raw is None:
            sizes = self._sizes
            return tuple([(key * sign, sizes[key]) for key in keys])
        micro = _micro(self._raw[: -depth - 1 : -1])
        top = tuple(zip(keys if sign > 0 else map(neg, keys), micro, strict=False))
        if top and not top[0][1]:  # a best level that holds nothing is none
            self._settle()
            return self.top(depth)
        return top

    def clear(self) -> None:
        self.keys = []
        self._sizes = {}
        self._raw = None
        self._changed()

    def __getstate__(self) -> tuple[object, ...]:
        return self.sign, self.keys, self._sizes, self._raw, self._prices, self._grid, self._parse

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.sign, self.keys, self._sizes, self._raw, self._prices, self._grid, self._parse = state
