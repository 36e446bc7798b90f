"""Post-only quotes on the simulated exchange: what a maker earns who only follows the book, filled by the paper venue.

The exchange's maker has no lag and no error here, so nobody can know more than its quotes say. Each of the windows is
simulated anew with another seed; the mean over them must not be above zero by more than chance allows.
"""

from __future__ import annotations

import math
import statistics

from benchmarks.figures import Result
from benchmarks.options import Options
from connectors.venues.paper.venue import PaperVenue
from tests.connectors.venues.paper.quoter import PARAMETERS, PLACES, Outcome, Quoter, simulate

NAME = "maker"
SEEDS = 100
QUICK_SEEDS = 2


def measure(options: Options) -> Result:
    """Dollars a five-minute window, for quotes at, before and behind the best price."""
    result = Result(NAME)
    seeds = QUICK_SEEDS if options.quick else SEEDS
    outcomes: dict[str, list[Outcome]] = {place: [] for place in PLACES}
    for seed in range(seeds):
        run = simulate(seed)
        for place in PLACES:
            outcomes[place].append(Quoter(run, PaperVenue(PARAMETERS), place).play())
        if (seed + 1) % 10 == 0:
            options.say(f"{seed + 1} of {seeds} windows")
    for place in PLACES:
        for name, values in _columns(outcomes[place]).items():
            result.add(f"{place}: {name}", "$ a window", values)
            result.notes.append(f"{place}: {name} {interval(values)}")
        shares, fills = (math.fsum(getattr(each, what) for each in outcomes[place]) for what in ("shares", "fills"))
        result.notes.append(f"{place}: {fills / seeds:,.0f} fills of {shares / seeds:,.0f} shares a window")
    return result


def _columns(outcomes: list[Outcome]) -> dict[str, list[float]]:
    return {
        "earned": [each.earned for each in outcomes],
        "settled": [each.settled for each in outcomes],
        "spread": [each.spread for each in outcomes],
        "adverse selection": [each.spread - each.earned for each in outcomes],
    }


def interval(values: list[float]) -> str:
    """The mean with its 95% interval, for people."""
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*bounds(values))


def bounds(values: list[float]) -> tuple[float, float, float]:
    """The mean and the ends of its 95% interval."""
    mean = statistics.fmean(values)
    half = 1.96 * statistics.stdev(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half
