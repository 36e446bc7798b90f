"""What is asked of an instance, as rows that people can read: value, threshold, verdict, and when it could open.

A criterion that cannot be judged yet is ``insufficient``, which is no pass. ``reachable_h``: hours until it could be
met at today's rate and effect, None where it could not.

>>> row = at_least("lots", 40, 100, per_hour=10.0)
>>> row.verdict, row.reachable_h, row.text
('insufficient', 6.0, 'lots 40, needs 100: about 6 h at the rate so far')
>>> at_least("lots", 100, 100).verdict, unjudged("regimes", "no regime was stated").verdict
('pass', 'insufficient')
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from models.contracts import CriterionRow
from models.money import DOLLAR
from models.promotion.observations import HOUR_NS, HourObservation, LotBook
from models.promotion.wagers import MOST, Wager
from models.statistics.bands import Bands, Watch
from models.statistics.power import observations_needed

_FOLDS = 4


def at_least(
    name: str, value: float, needed: float, per_hour: float = 0.0, grows: bool = True, digits: int = 4
) -> CriterionRow:
    """A number that must be reached. ``grows``: more of it comes with time, so that too little is insufficient and no
    failure."""
    value, needed = _figure(value, digits), -_figure(-needed, digits)
    said = f"{name} {value:g}, needs {needed:g}"
    if value >= needed:
        return CriterionRow(name, value, needed, "pass", 0.0, said)
    hours = round((needed - value) / per_hour, 2) if per_hour > 0.0 else None
    when = "not at the rate so far" if hours is None else f"about {hours:g} h at the rate so far"
    return CriterionRow(name, value, needed, "insufficient" if grows else "fail", hours, f"{said}: {when}")


def unjudged(name: str, why: str, needed: float = 0.0, hours: float | None = None) -> CriterionRow:
    """What cannot be judged, and why."""
    return CriterionRow(name, 0.0, needed, "insufficient", hours, f"{name}: {why}")


def evidence(
    name: str, value: float, threshold: float, enough: bool, hours: float | None, by_luck: str
) -> CriterionRow:
    """An e-value against its threshold. ``enough``: whether there is enough to call a small one a failure; ``hours``:
    when it could reach it; ``by_luck``: how often worthless ones do."""
    value, threshold = _figure(value, 4), -_figure(-threshold, 4)
    said = f"{name} {value:g}, needs {threshold:g} ({by_luck})"
    if value >= threshold:
        return CriterionRow(name, value, threshold, "pass", 0.0, said)
    when = "not at the effect so far" if hours is None else f"about {hours:g} h at today's rate and effect"
    return CriterionRow(name, value, threshold, "fail" if enough else "insufficient", hours, f"{said}: {when}")


def within_bands(fixed: Bands | None, watch: Watch) -> tuple[CriterionRow, ...]:
    """What happened since the bands were fixed, against each of them; empty where there are none. ``cumulative return``
    is how far the sum fell below its mean line, so at least a number below zero.

    >>> fixed = Bands(horizon=200, rate=0.05, mean=0.01, width=1.5, drawdown=0.8, run=9)
    >>> watch = Watch()
    >>> watch.take(-0.9, fixed)
    >>> [(each.name, each.value, each.threshold, each.verdict) for each in within_bands(fixed, watch)][:2]
    [('cumulative return', -0.91, -1.5, 'pass'), ('drawdown', 0.9, 0.8, 'fail')]
    """
    if fixed is None:
        return ()
    left = watch.breached(fixed)
    rows = []
    for name, value, bound, word in (
        ("cumulative return", watch.lowest, -fixed.width, "at least"),
        ("drawdown", watch.drawdown, fixed.drawdown, "at most"),
        ("losing run", float(watch.longest), float(fixed.run), "at most"),
    ):
        value, bound = round(value, 6), round(bound, 6)
        verdict: Literal["pass", "fail", "insufficient"] = (
            "fail" if name in left else "pass" if watch.count else "insufficient"
        )
        said = f"{name} {value:g}, {word} {bound:g}, in {watch.count} of {fixed.horizon} observations"
        rows.append(CriterionRow(name, value, bound, verdict, None, said))
    return tuple(rows)


def within_drawdown(fall: int, allowed: float, rate: float, horizon: int) -> CriterionRow:
    """The drawdown of a state in dollars: ``fall`` in micro-dollars, ``allowed`` in dollars. ``rate``: of records that
    go on as before, how many fall as far within the horizon; below 0: not known.

    >>> within_drawdown(300_000_000, 250.0, 0.03, 200).text
    'drawdown in dollars 300, below 250; of records that go on as before 3% reach it in 200 observations'
    """
    value = round(fall / DOLLAR, 6)
    said = f"drawdown in dollars {value:g}, below {allowed:g}"
    if rate >= 0.0:
        said += f"; of records that go on as before {rate:.1%} reach it in {horizon} observations".replace(".0%", "%")
    return CriterionRow("drawdown in dollars", value, allowed, "fail" if value >= allowed else "pass", None, said)


def hours_to(threshold: float, wager: Wager, book: LotBook, elapsed_h: float) -> float | None:
    """Hours until a wager's value could be the threshold: of its purses the one that could be first to carry it alone,
    with even chances. None where none could."""
    found: list[float] = []
    weights = wager.weights()
    rest = max(1.0 - math.fsum(weights.values()), 0.0)
    for name, weight in weights.items():
        purse = wager.purses[name]
        count = purse.estimate.count
        if count < 2 or elapsed_h <= 0.0:
            continue
        mean = purse.estimate.total / count
        variance = max(purse.estimate.squares / count - mean * mean, 1e-12)
        wanted = max((threshold - rest) / weight, 1.0)
        needed = observations_needed(wanted, mean, math.sqrt(variance), 0.5, MOST, wager.worth(name, book))
        if needed is not None:
            found.append(needed / (count / elapsed_h))
    return round(min(found), 1) if found else None


def stable(
    name: str, cells: Iterable[Sequence[float]], fewest: int, share: float, least: int = 2, hours: float | None = None
) -> CriterionRow:
    """Of the cells with enough observations a share must not lose. Fewer than ``least`` such cells are no answer."""
    counted = [cell for cell in cells if len(cell) >= fewest]
    if len(counted) < least:
        why = f"{len(counted)} of at least {least} cells have {fewest} observations"
        return unjudged(name, why, share, hours)
    good = len([cell for cell in counted if math.fsum(cell) >= 0.0])
    held = round(good / len(counted), 4)
    said = f"{name}: {good} of {len(counted)} do not lose, needs {share:.0%}"
    return CriterionRow(name, held, share, "pass" if held >= share else "fail", 0.0 if held >= share else None, said)


def folds(record: Sequence[HourObservation]) -> list[list[float]]:
    """The record in four parts of time."""
    size = math.ceil(len(record) / _FOLDS) if record else 1
    return [[each.x for each in record[begun : begun + size]] for begun in range(0, len(record), size)]


def by_hour_of_day(record: Sequence[HourObservation]) -> list[list[float]]:
    """The record by six hours of the day, UTC."""
    cells: list[list[float]] = [[] for _ in range(4)]
    for each in record:
        cells[each.hour % 24 // 6].append(each.x)
    return cells


def by_regime(record: Sequence[HourObservation]) -> list[list[float]]:
    """The record by regime; hours without one are left out."""
    cells: dict[str, list[float]] = {}
    for each in record:
        if each.regime:
            cells.setdefault(each.regime, []).append(each.x)
    return list(cells.values())


def hours_between(since: int, t: int) -> float:
    """Hours from one moment to another, both Unix ns."""
    return max(t - since, 0) / HOUR_NS


def _figure(value: float, digits: int) -> float:
    """As it is shown and compared, rounded down. What is needed is rounded up, so that nothing passes by rounding."""
    scale = 10**digits  # deterministic: a power of integers
    return math.floor(value * scale) / scale if abs(value) < 1e9 else value
