"""Order-book sides in memory: sorted so that the best level is the last, whichever the side."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import floor
from typing import Any, Protocol

from models.money import PIP, SHARE, NotANumber

_MICRO = float(SHARE)
_LADDERS = 16  # of each side


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


@lru_cache(maxsize=32)
def _grid(sign: int, tick: int) -> frozenset[int]:
    """The keys that a side may have at this tick (pips)."""
    return frozenset(price * sign for price in range(tick, PIP - tick + 1, tick))


class _Ladder:
    """The prices of a side. ``keys``: prices times the side's sign, ascending. What is derived from them is cached:
    ``grid``, the last answer of whether all are on a tick's grid; ``best``, as many of the best as a depth wants."""

    __slots__ = ("best", "grid", "keys")

    def __init__(self, keys: list[int]) -> None:
        self.keys = keys
        self.grid: tuple[int, bool] = (0, False)
        self.best: tuple[int, list[int]] = (0, [])

    def __reduce__(self) -> tuple[type[_Ladder], tuple[list[int]]]:
        return _Ladder, (self.keys,)


class BookSide:
    """One side of a book. Keys are prices times ``sign`` (+1 bids, -1 asks), ascending: the best is the last.

    A snapshot's sizes are kept as they came until someone asks: most frames are replaced by the next snapshot before
    anyone looks below the tenth level. Six of seven snapshots have the price ladder of the one before, so that is
    compared first, as one text; where it differs it is, four times of ten, one of the last few of this side."""

    __slots__ = ("_ladder", "_ladders", "_parse", "_prices", "_raw", "_sizes", "sign")

    def __init__(self, sign: int, parse: Mapping[str, int]) -> None:
        """``parse``: from a price string to its key; look-up raises NotANumber."""
        self.sign = sign
        self._parse = parse
        self._ladder = _Ladder([])
        self._ladders: dict[str, _Ladder] = {}
        self._sizes: dict[int, int] = {}
        self._raw: Sequence[WireLevel] | None = None
        self._prices: str | None = None  # the text that ``_ladder`` stands in, while a snapshot does

    @property
    def keys(self) -> list[int]:
        """Prices times ``sign``, ascending."""
        return self._ladder.keys

    def load(self, levels: Sequence[WireLevel]) -> None:
        """Take a snapshot in wire order, which is best last. Raises NotANumber, and ValueError for a price that stands
        in it twice, and keeps what it had."""
        texts = [level.price for level in levels]
        prices = ",".join(texts)
        if prices != self._prices or len(levels) != len(self._ladder.keys):
            ladder = self._ladders.get(prices)
            if ladder is None or len(levels) != len(ladder.keys):
                levels, prices, ladder = self._read(levels, texts, prices)
            self._ladder = ladder
            self._prices = prices
        self._raw = levels

    def _read(
        self, levels: Sequence[WireLevel], texts: list[str], prices: str
    ) -> tuple[Sequence[WireLevel], str, _Ladder]:
        """A ladder that is not one of the last few, its levels in order and its text."""
        keys = list(map(self._parse.__getitem__, texts))
        if keys != sorted(keys):
            order = sorted(range(len(keys)), key=keys.__getitem__)
            levels = [levels[i] for i in order]
            keys = [keys[i] for i in order]
            prices = ",".join([texts[i] for i in order])
        if len(set(keys)) != len(keys):
            raise ValueError("a price stands twice on one side of the book")
        stored = self._ladders
        if len(stored) >= _LADDERS:
            del stored[next(iter(stored))]
        ladder = stored[prices] = _Ladder(keys)
        return levels, prices, ladder

    def put(self, price: int, size: int) -> None:
        """Set the total at ``price``; zero removes the level."""
        self._settle()
        key = price * self.sign
        keys, sizes = self._ladder.keys, self._sizes
        if size == 0:
            if sizes.pop(key, 0):
                del keys[bisect_left(keys, key)]
                self._changed(keys)
            return
        if not sizes.get(key):
            keys.insert(bisect_left(keys, key), key)
            self._changed(keys)
        sizes[key] = size

    def _settle(self) -> None:
        """Parse a snapshot's sizes; a level that holds nothing is none. Raises NotANumber."""
        if self._raw is not None:
            self._sizes = dict(zip(self._ladder.keys, _micro(self._raw), strict=True))
            self._raw = None
            self._changed(sorted(key for key, left in self._sizes.items() if left))

    def _changed(self, keys: list[int]) -> None:
        """A ladder of this side alone, which nothing is known of yet."""
        self._ladder = _Ladder(keys)
        self._prices = None

    def best(self) -> int | None:
        """The best price, or None when the side is empty."""
        keys = self._ladder.keys
        return keys[-1] * self.sign if keys else None

    def is_on_grid(self, tick: int) -> bool:
        """Whether every price is a multiple of ``tick`` (pips) in [tick, 1 - tick]."""
        ladder = self._ladder
        stored, answer = ladder.grid
        if stored != tick:
            answer = _grid(self.sign, tick).issuperset(ladder.keys)
            ladder.grid = (tick, answer)
        return answer

    def top(self, depth: int) -> tuple[tuple[int, int], ...]:
        """Up to ``depth`` levels (price, size), best first. Raises NotANumber for a size that is none."""
        ladder = self._ladder
        stored, best = ladder.best
        if stored != depth:
            sign = self.sign
            best = [key * sign for key in ladder.keys[: -depth - 1 : -1]]
            ladder.best = (depth, best)
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
        self._sizes = {}
        self._raw = None
        self._changed([])

    def __getstate__(self) -> tuple[object, ...]:
        return self.sign, self._parse, self._ladder, self._sizes, self._raw, self._prices

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.sign, self._parse, self._ladder, self._sizes, self._raw, self._prices = state
        self._ladders = {}
