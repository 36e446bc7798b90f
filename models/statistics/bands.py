"""Bands that are fixed before a promotion, and that a live record must stay within: return, drawdown, losing run.

Paths as long as the horizon are drawn from the record by the stationary bootstrap (``models.statistics.bootstrap``),
and the three bounds are set so far out that a path crosses any of them, anywhere on its way, with the stated rate of
false alarms: joint over bands and time, as the bands are looked at after each observation. The bounds are those of one
common rank, so each of the three gives about as many alarms. A record that earned a promotion flatters, so its mean is
cut by ``haircut`` first. Leaving a band says: this is not what was promoted.

The idea of such bands, calibrated jointly, is that of stopping rules by simulation: Davey, "Building Winning
Algorithmic Trading Systems", 2014, chapter 23; the single-rank calibration is the minimum-p method of Westfall and
Young, "Resampling-Based Multiple Testing", 1993.

>>> record = [0.1, -0.05, 0.2, -0.1, 0.15, 0.05, -0.2, 0.1] * 10
>>> fixed = bands(record, horizon=50, rate=0.05, seed=1)
>>> watch = Watch()
>>> for outcome in [-0.2] * 20:
...     watch.take(outcome, fixed)
>>> watch.breached(fixed)
('cumulative return', 'drawdown', 'losing run')
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from models.statistics.bootstrap import block_length, stationary_indices

Floats = npt.NDArray[np.float64]


class Bands(msgspec.Struct, frozen=True):
    """``horizon``: observations that they hold for; ``rate``: of false alarms over all of it. After n observations the
    sum must be at least ``mean * n - width``, its drawdown at most ``drawdown``, losses in a row at most ``run``."""

    horizon: int
    rate: float
    mean: float
    width: float
    drawdown: float
    run: int

    def floor(self, count: int) -> float:
        """The least sum after so many observations."""
        return self.mean * count - self.width


class Watch(msgspec.Struct):
    """A live record against its bands."""

    count: int = 0
    total: float = 0.0
    peak: float = 0.0
    drawdown: float = 0.0
    run: int = 0
    longest: int = 0
    lowest: float = 0.0  # of the sum above the bands' mean line

    def take(self, outcome: float, fixed: Bands) -> None:
        """One more outcome; what comes after the horizon of the bands is not judged by them."""
        if self.count >= fixed.horizon:
            return
        self.count += 1
        self.total += outcome
        self.peak = max(self.peak, self.total)
        self.drawdown = max(self.drawdown, self.peak - self.total)
        self.run = self.run + 1 if outcome < 0.0 else 0
        self.longest = max(self.longest, self.run)
        self.lowest = min(self.lowest, self.total - fixed.mean * self.count)

    def breached(self, fixed: Bands) -> tuple[str, ...]:
        """The bands that it left, now or before."""
        left = (self.lowest < -fixed.width, self.drawdown > fixed.drawdown, self.longest > fixed.run)
        names = ("cumulative return", "drawdown", "losing run")
        return tuple(name for name, crossed in zip(names, left, strict=True) if crossed)


def bands(
    record: Sequence[float], horizon: int, rate: float = 0.05, haircut: float = 0.5, seed: int = 0, paths: int = 4_000
) -> Bands:
    """The bands for the next ``horizon`` observations of what has this record. Raises ValueError for a record of fewer
    than 20."""
    drawn, mean, lost = _drawn(record, horizon, haircut, seed, paths)
    depth, fall, run = _statistics(drawn, lost, mean)
    tail = np.minimum(np.minimum(_above(depth), _above(fall)), _above(run))
    # so many paths may have a statistic as rare as this in any of the three
    level = float(np.quantile(tail, rate, method="lower"))
    return Bands(
        horizon,
        rate,
        round(mean, 12),
        round(_bound(depth, level), 12),
        round(_bound(fall, level), 12),
        int(_bound(run, level)),
    )


def drawdown_rate(
    record: Sequence[float],
    horizon: int,
    allowed: float,
    haircut: float = 0.5,
    seed: int = 0,
    paths: int = 4_000,
) -> float:
    """How often the drawdown of what has this record reaches ``allowed`` within the next ``horizon`` observations, 0 to
    1. Raises ValueError for a record of fewer than 20.

    >>> drawdown_rate([0.1, -0.05, 0.2, -0.1] * 10, horizon=50, allowed=1_000.0)
    0.0
    """
    drawn, mean, lost = _drawn(record, horizon, haircut, seed, paths)
    return float((_statistics(drawn, lost, mean)[1] >= allowed).mean())


def _drawn(
    record: Sequence[float], horizon: int, haircut: float, seed: int, paths: int
) -> tuple[Floats, float, npt.NDArray[np.bool_]]:
    """Paths of what has this record with its mean cut, that mean, and where the record itself lost."""
    if len(record) < 20:
        raise ValueError(f"{len(record)} observations are too few for bands: at least 20")
    series = np.asarray(record, dtype=np.float64)
    mean = float(series.mean()) * (1.0 - haircut) if series.mean() > 0.0 else float(series.mean())
    shifted = series - series.mean() + mean
    drawn = stationary_indices(len(series), horizon, block_length(len(series)), paths, seed)
    return shifted[drawn], mean, series[drawn] < 0.0


def _statistics(paths: Floats, lost: npt.NDArray[np.bool_], mean: float) -> tuple[Floats, Floats, Floats]:
    """Of each path: how far it fell below its mean line, its drawdown, its longest losing run."""
    sums = paths.cumsum(axis=1)
    depth = (mean * np.arange(1, paths.shape[1] + 1) - sums).max(axis=1)
    peaks = np.maximum(np.maximum.accumulate(sums, axis=1), 0.0)
    steps = np.arange(1, paths.shape[1] + 1)
    broken = np.maximum.accumulate(np.where(lost, 0, steps), axis=1)
    return np.maximum(depth, 0.0), (peaks - sums).max(axis=1), (steps - broken).max(axis=1).astype(np.float64)


def _above(values: Floats) -> Floats:
    """The share of all values that are at least each."""
    ordered = np.sort(values)
    return (len(values) - np.searchsorted(ordered, values, side="left")) / len(values)


def _bound(values: Floats, level: float) -> float:
    """The least value that a share of at most ``level`` is above."""
    ordered = np.sort(values)
    return float(ordered[min(len(values) - 1, max(len(values) - int(level * len(values)) - 1, 0))])
