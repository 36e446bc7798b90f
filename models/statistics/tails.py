"""What a record's bad side looks like: tail loss, drawdown, time under water, profit factor, losing runs.

>>> results = [1.0, -0.5, -1.0, 2.0, -0.25, 0.5]
>>> round(expected_shortfall(results, 0.6), 3), maximum_drawdown(results), under_water(results)
(-0.667, 1.5, 2)
>>> profit_factor(results), losing_run(results)
(2.0, 2)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def expected_shortfall(results: Sequence[float], level: float = 0.95) -> float:
    """The mean of the worst ``1 - level`` of the results (CVaR; at least one of them, the last counted by its part), in
    their unit; 0 without results. Rockafellar and Uryasev, "Optimization of conditional value-at-risk", 2000.

    >>> expected_shortfall([float(each) for each in range(100)], 0.95)
    2.0
    """
    if not results:
        return 0.0
    worst = sorted(results)
    wanted = max((1.0 - level) * len(worst), 1.0)
    whole = min(int(wanted + 1e-9), len(worst))
    part = max(wanted - whole, 0.0) if whole < len(worst) else 0.0
    total = math.fsum(worst[:whole]) + (part * worst[whole] if part > 1e-9 else 0.0)
    return total / (whole + (part if part > 1e-9 else 0.0))


def maximum_drawdown(results: Iterable[float]) -> float:
    """The deepest fall of the running total from its peak so far; the peak begins at 0."""
    total = peak = worst = 0.0
    for each in results:
        total += each
        peak = max(peak, total)
        worst = max(worst, peak - total)
    return worst


def under_water(results: Iterable[float]) -> int:
    """The most results in a row at which the running total stood below its peak."""
    total = peak = 0.0
    longest = now = 0
    for each in results:
        total += each
        if total >= peak:
            peak, now = total, 0
        else:
            now += 1
            longest = max(longest, now)
    return longest


def profit_factor(results: Sequence[float]) -> float:
    """What was won over what was lost; infinite without a loss, 0 without a gain."""
    won = math.fsum(each for each in results if each > 0.0)
    lost = -math.fsum(each for each in results if each < 0.0)
    if lost > 0.0:
        return won / lost
    return math.inf if won > 0.0 else 0.0


def losing_run(results: Iterable[float]) -> int:
    """The most losses in a row; a result of 0 ends a run."""
    longest = now = 0
    for each in results:
        now = now + 1 if each < 0.0 else 0
        longest = max(longest, now)
    return longest
