"""Whether choosing among the sets of a sweep means anything: all of them together, hour by hour, on one time line.

Informs and opens nothing. The probability of backtest overfitting asks how often the best of one half of the hours is
below the middle in the other; SPA asks whether any set is better than not trading, and StepM which ones are, with the
number of sets counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from flows.research.evaluation import LineResult
from flows.research.result import HOUR, chosen
from models.failures import Failure
from models.money import DOLLAR
from models.statistics.overfitting import backtest_overfitting
from models.statistics.superior import superior

BLOCKS: Final = 8
#: Hours below which nothing is said.
LEAST_HOURS: Final = 48


class Selection(msgspec.Struct, frozen=True):
    """``hours``: of the time line, those without a trade too. ``overfitted``: probability of backtest overfitting.
    ``spa``: p-value that no set is better than not trading; ``better``: numbers of the sets that StepM calls better.
    None where it cannot be said, ``why`` then."""

    hours: int
    overfitted: float | None = None
    spa: float | None = None
    better: list[int] = []
    why: str = ""


def selection_of(found: Sequence[LineResult], instance: str = "") -> Selection:
    """What can be said of the sets' results, in the order of the sets."""
    trips = [list(chosen(each.trips, instance)) for each in found]
    opened = [trip.opened // HOUR for each in trips for trip in each]
    if len(found) < 2 or not opened:
        return Selection(0, why="there are not two sets that traded")
    first, count = min(opened), max(opened) - min(opened) + 1
    rows = [[0.0] * count for _ in found]
    for row, each in zip(rows, trips, strict=True):
        for trip in each:
            row[trip.opened // HOUR - first] += trip.net / DOLLAR
    if count < LEAST_HOURS:
        return Selection(count, why=f"{count} hours with {len(opened)} trades are too few: {LEAST_HOURS} at least")
    overfitted = backtest_overfitting(rows, BLOCKS)
    varying = {str(number): row for number, row in enumerate(rows) if max(row) > min(row)}
    try:
        told = superior(varying)
    except Failure as missing:
        return Selection(count, overfitted, why=f"SPA and StepM: {missing.cause} {missing.cure}")
    return Selection(count, overfitted, told.p_value, sorted(int(name) for name in told.better))
