"""Walking forward: parameters chosen by what was known then, and judged by what came after.

Each step has a window to train on, one to validate on and one to test on, in this order of time
(``models.statistics.splits``). Of all parameter sets the better half by training is ranked again by validation; the
best of those is what one would have traded, and its trades that begin in the test window are the record. Holdings that
reach into the next window are purged from training and validation. The test windows join to one record that nothing
was chosen by.

Every set is followed by a line of its own over the whole journal, so that at a test window's beginning its averages
are warm; a line knows nothing of what is to come, so nothing of a test window gets into a choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from flows.research.evaluation import RoundTrip
from models.money import DOLLAR
from models.settlement import window_of
from models.statistics.sharpe import moments
from models.statistics.splits import HeldSpan, WalkStep, split

HOUR = 3_600 * 10**9


class TestedStep(msgspec.Struct, frozen=True):
    """A step: its windows, the number of the set that was chosen, how many trades that rests on, and the test."""

    windows: WalkStep
    chosen: int
    trained_on: int
    validated_on: int
    test: list[RoundTrip]


def walk(sets: Sequence[Sequence[RoundTrip]], steps: Sequence[WalkStep], embargo: int = 0) -> list[TestedStep]:
    """The steps taken one after the other. ``sets``: each set's closed positions; the first is chosen where nothing
    speaks for another."""
    return [_step(sets, each, embargo) for each in steps]


def _step(sets: Sequence[Sequence[RoundTrip]], step: WalkStep, embargo: int) -> TestedStep:
    parts = [split(step, [HeldSpan(trip.opened, trip.closed) for trip in trips], embargo) for trips in sets]
    trained = [[trips[place] for place in part.train] for trips, part in zip(sets, parts, strict=True)]
    validated = [[trips[place] for place in part.validation] for trips, part in zip(sets, parts, strict=True)]
    ranked = sorted(range(len(sets)), key=lambda number: (-score(trained[number]), number))
    better = ranked[: max(1, math.ceil(len(ranked) / 2))]
    chosen = min(better, key=lambda number: (-score(validated[number]), better.index(number)))
    test = [sets[chosen][place] for place in parts[chosen].test]
    return TestedStep(step, chosen, len(trained[chosen]), len(validated[chosen]), test)


def score(trips: Sequence[RoundTrip]) -> float:
    """What sets are ranked by: mean net a trade over its standard error; none for fewer than two trades.

    >>> trips = [RoundTrip("a", "m", 0, 1, 10, 0, net) for net in (1_000_000, 3_000_000)]
    >>> score(trips), score(trips[:1])
    (2.0, 0.0)
    """
    if len(trips) < 2:
        return 0.0
    sample = moments([trip.net / DOLLAR for trip in trips])
    if sample.deviation <= 0.0:
        return math.copysign(1e9, sample.mean) if sample.mean else 0.0
    return round(sample.mean * math.sqrt(sample.count) / sample.deviation, 9)


def hourly(trips: Sequence[RoundTrip]) -> list[float]:
    """Net dollars a share of each underlying and hour in which positions were opened: one observation each, for those
    of one hour are of one price.

    >>> trips = [RoundTrip("a", "btc-updown-5m-0", 0, 1, 10_000_000, 0, net) for net in (1_000_000, 3_000_000)]
    >>> hourly(trips)
    [0.2]
    """
    net: dict[tuple[str, int], int] = {}
    shares: dict[tuple[str, int], int] = {}
    for trip in sorted(trips, key=lambda each: each.opened):
        window = window_of(trip.market)
        key = (window.asset if window is not None else trip.market, trip.opened // HOUR)
        net[key] = net.get(key, 0) + trip.net
        shares[key] = shares.get(key, 0) + trip.shares
    return [round(net[key] / shares[key], 9) for key in net if shares[key]]
