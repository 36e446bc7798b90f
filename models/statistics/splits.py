"""Windows for walking forward: train, validate, test, each later than the one before and none knowing of the next.

Windows are of time and not of counts. A holding belongs to the window in which it began. One that is still open when
the next window begins is purged: it would be judged by what that window holds. An embargo leaves out besides what
begins shortly before the next window. Test windows join to one record without a gap or overlap. Lopez de Prado,
"Advances in Financial Machine Learning", 2018, chapter 7.

>>> from models.timestamps import SECOND
>>> hour = 3_600 * SECOND
>>> plan = windows(0, 10 * hour, train=4 * hour, validation=hour, test=2 * hour)
>>> [(each.train[0] // hour, each.validation[0] // hour, each.test[0] // hour, each.test[1] // hour) for each in plan]
[(0, 4, 5, 7), (2, 6, 7, 9), (4, 8, 9, 10)]
>>> spans = [(0, 1), (3, 5), (4, 5), (6, 9)]
>>> split(plan[0], [HeldSpan(begun * hour, ended * hour) for begun, ended in spans])
Split(train=[0], validation=[2], test=[3])
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

Span = tuple[int, int]


class HeldSpan(msgspec.Struct, frozen=True):
    """From when to when something was held, Unix ns; it ends before ``end``."""

    start: int
    end: int


class WalkStep(msgspec.Struct, frozen=True):
    """One step of the walk: three spans (from, to) in Unix ns, the end not included."""

    train: Span
    validation: Span
    test: Span


class Split(msgspec.Struct, frozen=True):
    """The places of the holdings of each window."""

    train: list[int]
    validation: list[int]
    test: list[int]


def windows(
    start: int, end: int, train: int, validation: int, test: int, anchored: bool = False
) -> tuple[WalkStep, ...]:
    """The steps of a walk from ``start`` to ``end`` (Unix ns), each ``test`` later than the one before; the last test
    window may be shorter. ``anchored``: training always begins at the start, and grows. Raises ValueError for lengths
    that are not positive."""
    if min(train, validation, test) <= 0:
        raise ValueError("each window must have a length")
    found: list[WalkStep] = []
    at = start + train + validation
    while at < end:
        begun = start if anchored else at - validation - train
        found.append(WalkStep((begun, at - validation), (at - validation, at), (at, min(at + test, end))))
        at += test
    return tuple(found)


def split(step: WalkStep, holdings: Sequence[HeldSpan], embargo: int = 0) -> Split:
    """Which holdings belong to which window of a step. ``embargo``: ns before the next window in which nothing counts
    that begins there. Of a test window all count that begin in it."""
    return Split(
        _within(step.train, holdings, embargo),
        _within(step.validation, holdings, embargo),
        [place for place, each in enumerate(holdings) if step.test[0] <= each.start < step.test[1]],
    )


def _within(span: Span, holdings: Sequence[HeldSpan], embargo: int) -> list[int]:
    begun, ended = span
    return [place for place, each in enumerate(holdings) if begun <= each.start < ended - embargo and each.end <= ended]
