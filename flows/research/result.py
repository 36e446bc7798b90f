"""What a parameter set came to, in the figures that a table shows, and how much of the best one is luck.

The best of many looks good because it is the best of many. ``deflated`` puts a number on that: the probability that the
set's true ratio of mean to deviation a trade is above what the best of so many worthless sets would show
(``models.statistics.sharpe``).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flows.research.evaluation import LineResult, RoundTrip
from models.money import DOLLAR
from models.statistics.sharpe import deflated_sharpe, moments
from models.timestamps import SECOND

HOUR = 3_600 * SECOND


class SetResult(msgspec.Struct, frozen=True):
    """Figures of a set; dollars after fees. ``trades``: closed positions; ``hours``: of the clock, in which one was
    opened; ``drawdown``: from the highest of the sum of nets; ``open``: positions left open, in no figure."""

    changes: tuple[str, ...]
    trades: int
    hours: int
    won: int
    net: float
    fees: float
    drawdown: float
    worst: float
    open: int
    orders: int


def result_of(changes: tuple[str, ...], found: LineResult, instance: str = "") -> SetResult:
    """The figures of all instances, or of one."""
    trips = chosen(found.trips, instance)
    net = fees = won = peak = fall = worst = 0
    for trip in trips:
        net += trip.net
        fees += trip.fees
        won += trip.net > 0
        peak = max(peak, net)
        fall = max(fall, peak - net)
        worst = min(worst, trip.net)
    hours = len({trip.opened // HOUR for trip in trips})
    return SetResult(
        changes,
        len(trips),
        hours,
        won,
        net / DOLLAR,
        fees / DOLLAR,
        fall / DOLLAR,
        worst / DOLLAR,
        found.open,
        found.orders,
    )


def chosen(trips: Sequence[RoundTrip], instance: str) -> Sequence[RoundTrip]:
    """Those of one instance; of all where none is named."""
    return [trip for trip in trips if trip.instance == instance] if instance else trips


def best_is_luck(found: Sequence[LineResult], best: int, instance: str = "", others: int = 0) -> float | None:
    """The probability that the set number ``best`` is better than the best of as many worthless ones as were looked at,
    ``others`` of them in earlier sweeps; None where it has fewer than two trades."""
    ratios = []
    samples = []
    for each in found:
        nets = [trip.net / DOLLAR for trip in chosen(each.trips, instance)]
        sample = moments(nets) if len(nets) > 1 else None
        samples.append(sample)
        if sample is not None and sample.deviation > 0.0:
            ratios.append(sample.sharpe)
    sample = samples[best]
    if sample is None or sample.deviation <= 0.0:
        return None
    spread = moments(ratios).deviation if len(ratios) > 1 else 0.0
    return deflated_sharpe(sample, len(found) + others, spread * spread)
