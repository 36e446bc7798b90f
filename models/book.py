"""Order-book sides as kept in memory: sorted so that the best level is the last, whichever the side."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import floor
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
        return [floor(level.size * _MICRO + 0.5) for level in levels]  # twice as quick as int()
    except (ValueError, OverflowError):  # not a number, or infinite
        raise NotANumber(f"{[level.size for level in levels]} are not all sizes") from None


class Side:
    """One side of a book. Keys are prices times ``sign`` (+1 bids, -1 asks), ascending: the best is the last.

    A snapshot's sizes are kept as they came until someone asks: most frames are replaced by the next snapshot before
    anyone looks below the tenth level. Six of seven snapshots have the price ladder of the one before, so that is
    compared first, as one text, and parsed only when it differs."""

    __slots__ = ("_best", "_grid", "_parse", "_prices", "_raw", "_sizes", "keys", "sign")

    def __init__(self, sign: int, parse: Mapping[str, int]) -> None:
        """``parse``: from a price string to its key; look-up raises NotANumber."""
        self.sign = sign
        self.keys: list[int] = []
        self._parse = parse
        self._sizes: dict[int, int] = {}
        self._raw: Sequence[WireLevel] | None = None
        self._prices: str | None = None  # the ladder ``keys`` was parsed from, prices with commas, while that is so
        self._grid: tuple[int, bool] = (0, False)  # (tick, whether every key is on its grid), while keys are the same
        self._best: tuple[int, list[int]] = (0, [])  # (depth, as many of the best prices), while keys are the same

    def load(self, levels: Sequence[WireLevel]) -> None:
        """Take a snapshot in wire order, which is best last. Raises NotANumber, and ValueError for a price that stands
        in it twice, and keeps what it had."""
        prices = ",".join([level.price for level in levels])
        if prices != self._prices or len(levels) != len(self.keys):
            parse = self._parse
            keys = [parse[level.price] for level in levels]
            if keys != sorted(keys):
                order = sorted(range(len(keys)), key=keys.__getitem__)
                levels = [levels[i] for i in order]
                keys = [keys[i] for i in order]
                prices = ",".join([level.price for level in levels])
            if len(set(keys)) != len(keys):
                raise ValueError("a price stands twice on one side of the book")
            self.keys = keys
            self._changed()
            self._prices = prices
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
        self._best = (0, [])

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
        kept, best = self._best
        if kept != depth:
            sign = self.sign
            best = [key * sign for key in self.keys[: -depth - 1 : -1]]
            self._best = (depth, best)
        raw = self._raw
        if raw is None:
            sizes, sign = self._sizes, self.sign
            return tuple([(price, sizes[price * sign]) for price in best])
        micro = _micro(raw[: -depth - 1 : -1])
        if 0 in micro:  # a level that holds nothing is none
            self._settle()
            return self.top(depth)
        return tuple(zip(best, micro))  # noqa: B905 - as many as there are best prices, and to check that costs

    def clear(self) -> None:
        self.keys = []
        self._sizes = {}
        self._raw = None
        self._changed()

    def __getstate__(self) -> tuple[object, ...]:
        return self.sign, self.keys, self._sizes, self._raw, self._prices, self._grid, self._best, self._parse

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.sign, self.keys, self._sizes, self._raw, self._prices, self._grid, self._best, self._parse = state
