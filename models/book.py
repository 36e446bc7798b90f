"""Order-book sides as kept in memory: sorted so that the best level is the last, whichever the side."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

from models.money import MICRO


class WireLevel(Protocol):
    """A price level as it came: decimal strings."""

    @property
    def size(self) -> str: ...


class Side:
    """One side of a book. Keys are prices times ``sign`` (+1 bids, -1 asks), ascending: the best is the last.

    A snapshot's levels are kept as they came until a change needs them parsed: most frames are replaced by the
    next snapshot before anyone looks below the tenth level."""

    __slots__ = ("_raw", "_sizes", "keys", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self._sizes: dict[int, int] = {}
        self._raw: Sequence[WireLevel] | None = None

    def load(self, keys: list[int], levels: Sequence[WireLevel]) -> None:
        """Take a snapshot: ``keys`` (signed prices) and their levels, in wire order, which is best last."""
        if keys != sorted(keys):
            order = sorted(range(len(keys)), key=keys.__getitem__)
            levels = [levels[i] for i in order]
            keys = [keys[i] for i in order]
        self.keys = keys
        self._raw = levels

    def put(self, price: int, size: int) -> None:
        """Set the total at ``price``; zero removes the level."""
        if self._raw is not None:
            self._sizes = {key: MICRO[level.size] for key, level in zip(self.keys, self._raw, strict=True)}
            self.keys = sorted(key for key, held in self._sizes.items() if held)
            self._raw = None
        key = price * self.sign
        if size == 0:
            if self._sizes.pop(key, 0):
                at = bisect_left(self.keys, key)
                del self.keys[at]
            return
        if not self._sizes.get(key):
            self.keys.insert(bisect_left(self.keys, key), key)
        self._sizes[key] = size

    def best(self) -> int | None:
        """The best price, or None when the side is empty."""
        return self.keys[-1] * self.sign if self.keys else None

    def top(self, depth: int) -> tuple[tuple[int, int], ...]:
        """Up to ``depth`` levels (price, size), best first."""
        sign = self.sign
        keys = self.keys[: -depth - 1 : -1]
        if self._raw is None:
            sizes = self._sizes
            return tuple([(key * sign, sizes[key]) for key in keys])
        levels = self._raw[: -depth - 1 : -1]
        memo = MICRO
        return tuple([(key * sign, memo[level.size]) for key, level in zip(keys, levels, strict=True)])

    def clear(self) -> None:
        self.keys = []
        self._sizes = {}
        self._raw = None

    def __getstate__(self) -> tuple[int, list[int], dict[int, int], Sequence[WireLevel] | None]:
        return self.sign, self.keys, self._sizes, self._raw

    def __setstate__(self, state: tuple[int, list[int], dict[int, int], Sequence[WireLevel] | None]) -> None:
        self.sign, self.keys, self._sizes, self._raw = state
