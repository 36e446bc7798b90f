"""What a record that nothing was chosen by says of a strategy, in one word, with what it rests on.

``insufficient data`` is a verdict of its own, and never a good one. ``edge shown`` asks for a mean whose lower bound is
above zero, and a Sharpe ratio above what the best of as many worthless sets as were ever tried would show. Neither
promotes anything: promotions are decided by bets on what is traded (docs/promotion.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from flows.research.evaluation import RoundTrip
from flows.research.walk_forward import HOUR, hourly
from models.money import DOLLAR
from models.statistics.bootstrap import mean_interval
from models.statistics.power import observations_needed
from models.statistics.sharpe import Moments, deflated_sharpe, minimum_track_record, moments, probabilistic_sharpe

Word = Literal["edge shown", "no edge shown", "loses", "insufficient data"]
LEAST_HOURS: Final = 48
LEAST_TRADES: Final = 100
SURE: Final = 0.95
#: The e-value that the first instance needs to become active.
THRESHOLD: Final = 400.0


class StrategyVerdict(msgspec.Struct, frozen=True):
    """``trades``, ``observations`` (underlying and hour), ``markets``: what it rests on; ``net``: dollars; ``mean``:
    net dollars a share of an observation, with its 95% interval; None where there are too few. ``probable``,
    ``deflated``: probability of a true ratio above zero, and above that of the best of ``tried`` worthless sets.
    ``reachable_h``: hours of trading until a promotion at this mean and rate, with even chances; None: never."""

    strategy: str
    word: Word
    why: str
    trades: int
    observations: int
    markets: int
    net: float
    mean: float | None
    low: float | None
    high: float | None
    probable: float | None
    deflated: float | None
    tried: int
    reachable_h: float | None
    track_record: float | None = None


def verdict_of(
    strategy: str, record: Sequence[RoundTrip], span: int, tried: int, ratios: Sequence[float]
) -> StrategyVerdict:
    """``record``: the joined test windows, which span so many ns; ``ratios``: of the sets that were tried, the mean
    over the deviation of their observations."""
    seen = hourly(record)
    sample = moments(seen) if len(seen) > 1 else None
    low, high = mean_interval(seen)
    known = math.isfinite(low) and sample is not None
    spread = moments(ratios).deviation if len(ratios) > 1 else 0.0
    deflated = deflated_sharpe(sample, max(tried, 1), spread * spread) if sample is not None else None
    net = 0
    for trip in record:
        net += trip.net
    word, why = _word(len(record), len(seen), low, high, deflated)
    reachable = None
    if sample is not None and sample.mean > 0.0 and span > 0:
        needed = observations_needed(THRESHOLD, sample.mean, max(sample.deviation, 1e-6))
        reachable = None if needed is None else round(needed / (len(seen) / (span / HOUR)), 1)
    return StrategyVerdict(
        strategy=strategy,
        word=word,
        why=why,
        trades=len(record),
        observations=len(seen),
        markets=len({trip.market for trip in record}),
        net=net / DOLLAR,
        mean=round(sample.mean, 6) if sample is not None else None,
        low=round(low, 6) if known else None,
        high=round(high, 6) if known else None,
        probable=round(probabilistic_sharpe(sample), 4) if sample is not None else None,
        deflated=None if deflated is None else round(deflated, 4),
        tried=tried,
        reachable_h=reachable,
        track_record=_track_record(sample),
    )


def _track_record(sample: Moments | None) -> float | None:
    """Observations that such a record needs to be above zero at 95%; None where it is not above it at all."""
    needed = minimum_track_record(sample) if sample is not None else math.inf
    return round(needed, 1) if math.isfinite(needed) else None


def _word(trades: int, observations: int, low: float, high: float, deflated: float | None) -> tuple[Word, str]:
    if observations < LEAST_HOURS or trades < LEAST_TRADES:
        needs = f"needs {LEAST_HOURS} hours with trades and {LEAST_TRADES} trades"
        return "insufficient data", f"{observations} hours with trades, {trades} trades: {needs}"
    if high < 0.0:
        return "loses", "the whole interval of its mean is below zero"
    if low <= 0.0:
        return "no edge shown", "the interval of its mean holds zero"
    if deflated is None or deflated < SURE:
        return "no edge shown", "the best of as many worthless sets would look as good"
    return "edge shown", "its mean is above zero, and above what was tried explains"
