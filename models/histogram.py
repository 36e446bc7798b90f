"""A histogram of whole numbers with fixed buckets: percentiles in constant memory, whatever the order of input."""

from __future__ import annotations

from collections.abc import Sequence

_BITS = 4  # of resolution: each power of two is cut into 16 buckets
_PARTS = 1 << _BITS
_MOST_BITS = 48
_SIZE = (_MOST_BITS - _BITS + 1) * _PARTS


class Histogram:
    """Counts of numbers from 0 to 2^48 - 1; lower ones count as 0, greater ones as the greatest.

    Error bound: numbers below 32 are exact; a percentile of greater ones is the upper end of its bucket, never below
    the true value and less than 1/16 of it above."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.total = 0

    def add_all(self, values: Sequence[int]) -> None:
        counts = self._counts
        for bucket in map(_bucket, values):
            counts[bucket] = counts.get(bucket, 0) + 1
        self.total += len(values)

    def percentile(self, per_mille: int) -> int | None:
        """The smallest bucket end that at least ``per_mille`` thousandths of the numbers do not exceed; None when
        there are no numbers. Raises ValueError for a share outside 1 to 1,000."""
        if not 1 <= per_mille <= 1_000:
            raise ValueError(f"{per_mille} thousandths is no share: 1 to 1,000 are")
        wanted = -(-self.total * per_mille // 1_000)
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return _end(bucket)
        return None

    def clear(self) -> None:
        self._counts.clear()
        self.total = 0


def _bucket(value: int) -> int:
    if value < _PARTS:
        return max(value, 0)
    shift = value.bit_length() - _BITS - 1
    return min((shift << _BITS) + (value >> shift), _SIZE - 1)


def _end(bucket: int) -> int:
    """The greatest number of the bucket."""
    shift = max((bucket >> _BITS) - 1, 0)
    return ((bucket - (shift << _BITS) + 1) << shift) - 1
