"""Promotion on streams of trades that earn nothing: how many become active. And on streams that earn: how soon.

No market, no feeds: lots, settlements, hours and the promoter, as the learning flow calls it, with a look each hour.
The null streams are fair to the micro-dollar before costs, which are left out: that is the worst case. Each is of one
kind:

- ``plain``: binary lots at prices from 0.05 to 0.95, each underlying for itself;
- ``together``: sizes with a memory (an autoregressive volatility), and both underlyings share most outcomes;
- ``doubling``: each hour doubles its size until it is ahead;
- ``stopping``: each hour goes on buying until it is ahead, and stops;
- ``long shots``: prices of 1 to 3 cents and of 97 to 99, with Pareto sizes;
- ``overlapping``: lots are held for hours on one slow price, and sold in parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from benchmarks.figures import Result
from benchmarks.options import Options
from models.promotion.candidate import Bought, Candidate
from models.promotion.observations import HOUR_NS
from models.promotion.promoter import Promoter
from models.promotion.sections import PromotionSettings
from models.promotion.terms import terms_of
from models.statistics.power import observations_needed

UNDERLYINGS = ("BTC", "ETH")
HOURS = 150
STREAMS = 10_000
SHARE = 1_000_000
#: An alpha at which luck is to be seen at work: with none at all a benchmark would show nothing.
_LOOSE = 0.5
#: One lot: minutes after the hour's beginning, underlying, pips paid, micro-shares, and what it came to, pips.
Trade = tuple[int, str, int, int, int]


def plain(random: np.random.Generator, hours: int, edge: float = 0.0) -> Iterator[list[Trade]]:
    for _ in range(hours):
        found: list[Trade] = []
        for name in UNDERLYINGS:
            for minute in range(int(random.integers(1, 5))):
                price = int(random.integers(500, 9_500))
                won = random.random() < price / 10_000 + edge
                found.append((minute, name, price, int(random.integers(5, 20)) * SHARE, 10_000 * won))
        yield found


def together(random: np.random.Generator, hours: int) -> Iterator[list[Trade]]:
    level = 0.0
    for _ in range(hours):
        level = 0.95 * level + 0.3 * float(random.normal())
        found: list[Trade] = []
        for minute in range(3):
            shared = float(random.random())
            for name in UNDERLYINGS:
                drawn = shared if random.random() < 0.8 else float(random.random())
                size = max(1, round(10 * math.exp(level))) * SHARE
                found.append((minute, name, 5_000, size, 10_000 * (drawn < 0.5)))
        yield found


def doubling(random: np.random.Generator, hours: int) -> Iterator[list[Trade]]:
    for _ in range(hours):
        found: list[Trade] = []
        for name in UNDERLYINGS:
            size, ahead = SHARE, 0
            for minute in range(8):
                won = bool(random.random() < 0.5)
                found.append((minute, name, 5_000, size, 10_000 * won))
                ahead += size if won else -size
                if ahead > 0:
                    break
                size *= 2
        yield found


def stopping(random: np.random.Generator, hours: int) -> Iterator[list[Trade]]:
    for _ in range(hours):
        found: list[Trade] = []
        for name in UNDERLYINGS:
            ahead = 0
            for minute in range(12):
                won = bool(random.random() < 0.5)
                found.append((minute, name, 5_000, 10 * SHARE, 10_000 * won))
                ahead += 1 if won else -1
                if ahead > 0:
                    break
        yield found


def long_shots(random: np.random.Generator, hours: int) -> Iterator[list[Trade]]:
    for _ in range(hours):
        found: list[Trade] = []
        for name in UNDERLYINGS:
            for minute in range(3):
                price = int(random.integers(100, 300))
                price = price if random.random() < 0.5 else 10_000 - price
                size = min(1_000, round(5 * (1.0 + float(random.pareto(1.5))))) * SHARE
                found.append((minute, name, price, size, 10_000 * (random.random() < price / 10_000)))
        yield found


NULLS: dict[str, Callable[[np.random.Generator, int], Iterator[list[Trade]]]] = {
    "plain": plain,
    "together": together,
    "doubling": doubling,
    "stopping": stopping,
    "long shots": long_shots,
}


def judged(trades: Iterator[list[Trade]], settings: PromotionSettings) -> int | None:
    """The hour at which a stream becomes active, None where it never does."""
    promoter, candidate = _begin(settings)
    for number, hour in enumerate(trades):
        for place, (minute, name, price, size, paid) in enumerate(hour):
            t = number * HOUR_NS + minute * 60 * 10**9
            market = f"{number}-{place}"
            regime = "calm" if number // 12 % 2 else "wild"
            candidate.bought(Bought(t, "x", market, "Up", name, size, size * price // 10_000, "book_cross", regime))
            candidate.settled(t + 1, market, paid, 0)
        if _becomes_active(promoter, (number + 1) * HOUR_NS):
            return number + 1
    return None


def overlapping(random: np.random.Generator, hours: int, settings: PromotionSettings) -> int | None:
    """Lots of one slow fair price (a clipped martingale of 2 cents an hour), held 1 to 12 hours, sold in two parts."""
    promoter, candidate = _begin(settings)
    price, until = 5_000, list[tuple[int, str, int, int]]()
    for number in range(hours):
        t = number * HOUR_NS
        step = 200 if random.random() < 0.5 else -200
        price = price if price in (200, 9_800) else price + step
        if price in (200, 9_800):  # absorbed: a new market begins
            for _, market, left, _ in until:
                candidate.sold(t, "x", market, "Up", left, left * price // 10_000)
            until, price = [], 5_000
        due = [each for each in until if each[0] <= number]
        until = [each for each in until if each[0] > number]
        for _, market, left, again in due:
            part = left // 2 if again else left
            candidate.sold(t, "x", market, "Up", part, part * price // 10_000)
            if again:
                until.append((number + again, market, left - part, 0))
        size = int(random.integers(1, 10)) * SHARE
        candidate.bought(Bought(t, "x", str(number), "Up", "BTC", size, size * price // 10_000, "book_cross", "calm"))
        until.append((number + int(random.integers(1, 7)), str(number), size, int(random.integers(1, 6))))
        if _becomes_active(promoter, (number + 1) * HOUR_NS - 1):
            return number + 1
    return None


def _begin(settings: PromotionSettings) -> tuple[Promoter, Candidate]:
    promoter = Promoter(terms_of(settings))
    promoter.register("x", "updown_fair_value", "canary", 0)
    return promoter, promoter.candidates["x"]


def _becomes_active(promoter: Promoter, t: int) -> bool:
    candidate = promoter.candidates["x"]
    if candidate.state in ("shadow", "disabled"):  # nothing is bought any more: the next trial begins at once
        candidate.state = "canary"
    return promoter.look("x", t).new == "active"


def nulls(kind: str, first: int, count: int, hours: int, alpha: float = PromotionSettings().alpha) -> int:
    """How many of ``count`` null streams of a kind become active, with seeds from ``first`` on."""
    settings, active = PromotionSettings(alpha=alpha), 0
    for seed in range(first, first + count):
        random = np.random.default_rng([seed, sum(map(ord, kind))])
        found = (
            overlapping(random, hours, settings)
            if kind == "overlapping"
            else judged(NULLS[kind](random, hours), settings)
        )
        active += found is not None
    return active


def edged(random: np.random.Generator, hours: int, edge: float) -> Iterator[list[Trade]]:
    """Three lots an hour at even odds, with an edge in probability."""
    for _ in range(hours):
        won = random.random(3) < 0.5 + edge
        yield [(place, "BTC", 5_000, 10 * SHARE, 10_000 * bool(won[place])) for place in range(3)]


def found_at(edge: float, first: int, count: int, hours: int) -> list[int | None]:
    """The hours at which ``count`` streams with an edge become active."""
    settings = PromotionSettings()
    return [
        judged(edged(np.random.default_rng([seed, 7]), hours, edge), settings) for seed in range(first, first + count)
    ]


def predicted(edge: float, power: float) -> int:
    """Hours in which such a stream should show enough, by the power formula: a purse alone has half the weight."""
    settings = PromotionSettings()
    wanted = 2.0 * (2.0 / settings.alpha) - 1.0
    needed = observations_needed(wanted, edge, math.sqrt((0.25 - edge * edge) / 3.0), power)
    assert needed is not None
    return needed + 1  # the first hour only learns the scale


def clopper_pearson(hits: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share."""
    from scipy.stats import beta

    half = (1.0 - level) / 2.0
    low = 0.0 if hits == 0 else float(beta.ppf(half, hits, count - hits + 1))
    return low, 1.0 if hits == count else float(beta.ppf(1.0 - half, hits + 1, count - hits))


def measure(options: Options) -> Result:
    """Promote on null streams, and on streams with an edge of 6 and of 10 cents a share."""
    result = Result("promotion_nulls")
    streams, earning = (60, 4) if options.quick else (STREAMS, 100)
    kinds = (*NULLS, "overlapping")
    each, chunk = math.ceil(streams / len(kinds)), 10 if options.quick else 139
    jobs = [(kind, begun, min(chunk, each - begun)) for kind in kinds for begun in range(0, each, chunk)]
    active = dict.fromkeys(kinds, 0)
    with ProcessPoolExecutor(2) as pool:
        running = [(kind, pool.submit(nulls, kind, 1_000_000 + begun, count, HOURS)) for kind, begun, count in jobs]
        for number, (kind, job) in enumerate(running, 1):
            active[kind] += job.result()
            options.say(f"null streams {number}/{len(running)}: {sum(active.values())} became active")
        total, count = sum(active.values()), each * len(kinds)
        low, high = clopper_pearson(total, count)
        result.add("null streams", "streams", [count])
        result.add("false promotions to active", "streams", [total])
        result.add("their share, upper end of the exact 95% interval", "%", [100 * high])
        result.notes.append(f"false promotions by kind: {', '.join(f'{kind} {active[kind]}' for kind in kinds)}")
        result.notes.append(f"share {total / count:.4%}, interval {low:.4%} to {high:.4%}; alpha is 0.5%")
        loose = [pool.submit(nulls, kind, 2_000_000, streams // 60, HOURS, _LOOSE) for kind in kinds]
        many, passed = len(kinds) * (streams // 60), 0
        for job in loose:
            passed += job.result()
        result.add("for comparison: false promotions at alpha 50%", "%", [100 * passed / many])
        for edge in (0.06, 0.10):
            late = predicted(edge, 0.9)
            begun = [
                pool.submit(found_at, edge, first, earning // 4, 3 * late) for first in range(0, earning, earning // 4)
            ]
            hours = [hour for job in begun for hour in job.result()]
            reached = sorted(hour for hour in hours if hour is not None)
            within = sum(hour <= late for hour in reached)
            name = f"edge {100 * edge:.0f} ct"
            result.add(f"{name}: hours to active, median", "h", [reached[len(reached) // 2] if reached else math.inf])
            result.add(f"{name}: hours predicted for half", "h", [predicted(edge, 0.5)])
            result.add(f"{name}: active within the hours predicted for 90%", "%", [100 * within / len(hours)])
            options.say(f"{name}: {len(reached)} of {len(hours)} became active")
    return result
