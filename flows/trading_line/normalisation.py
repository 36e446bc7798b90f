"""Scores of many units made comparable: each by the rolling robust scale and rank of its own metric family.

Of the last ``KEPT`` scores of a family (those of scan rows on which the strategy itself was asked, whatever instance
and market) the scale is ``1.4826 MAD``, the median absolute deviation from the median, made equal to the standard
deviation of normal data (Hampel 1974). Where more than half of the scores are the same it is 0, and ``1.2533`` times
the mean absolute deviation from the median goes instead (Iglewicz and Hoaglin 1993, *How to Detect and Handle
Outliers*, for the modified z-score); where all are, the threshold itself. Medians of an even number are the lower one.

The comparable score is the margin over the threshold in such scales, within ±``BOUND``: at 0 it passes, whatever the
unit. The rank is the share of the kept scores that are below, ties counted half. Both are judged by the scores before
it, so a row's own score does not weigh on itself. They are deterministic: a function of the scan rows in journal order.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from typing import Final

import msgspec

KEPT: Final = 256
ENOUGH: Final = 32  # scores before a family counts as warm
BOUND: Final = 10.0
_NORMAL_MAD: Final = 1.4826
_NORMAL_MEAN: Final = 1.2533
_LEAST_SCALE: Final = 0.005


class Standard(msgspec.Struct, frozen=True, gc=False):
    """``score``: margin in robust scales; ``rank``: 0 to 1; ``warming``: the family has too few scores yet."""

    score: float
    rank: float
    warming: bool


class _Family(msgspec.Struct):
    """The last scores in the order in which they came, from ``oldest`` on in a ring, and the same in ascending
    order."""

    ring: list[float] = []
    ascending: list[float] = []
    oldest: int = 0


class Normalisation:
    """Keeps the last scores of each family."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}

    def judge(self, family: str, score: float, threshold: float) -> Standard:
        """Where a score stands among those of its family before it."""
        kept = self._families.get(family)
        ascending = kept.ascending if kept is not None else []
        margin = (score - threshold) / _scale(ascending, threshold)
        rank = 0.5
        if ascending:
            rank = (bisect_left(ascending, score) + bisect_right(ascending, score)) / (2 * len(ascending))
        return Standard(round(min(max(margin, -BOUND), BOUND), 6), round(rank, 6), len(ascending) < ENOUGH)

    def take(self, family: str, score: float) -> None:
        """Keep a score."""
        kept = self._families.get(family)
        if kept is None:
            kept = self._families[family] = _Family()
        if len(kept.ring) < KEPT:
            kept.ring.append(score)
        else:
            oldest, kept.ring[kept.oldest] = kept.ring[kept.oldest], score
            kept.oldest = (kept.oldest + 1) % KEPT
            del kept.ascending[bisect_left(kept.ascending, oldest)]
        insort(kept.ascending, score)


def _scale(ascending: list[float], threshold: float) -> float:
    if ascending:
        median = ascending[(len(ascending) - 1) // 2]
        deviation = _median_deviation(ascending, median)
        if deviation > 0.0:
            return _NORMAL_MAD * deviation
        mean = math.fsum(abs(each - median) for each in ascending) / len(ascending)
        if mean > 0.0:
            return _NORMAL_MEAN * mean
    return max(abs(threshold), _LEAST_SCALE)


def _median_deviation(ascending: list[float], median: float) -> float:
    """The lower median of the distances from ``median``. The nearest half of the scores stand side by side: its left
    end is found by halving."""
    count = (len(ascending) + 1) // 2
    left, right = 0, len(ascending) - count
    while left < right:
        middle = (left + right) // 2
        if median - ascending[middle] > ascending[middle + count] - median:
            left = middle + 1
        else:
            right = middle
    return max(median - ascending[left], ascending[left + count - 1] - median)
