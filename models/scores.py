"""Scores of probability forecasts of a yes/no outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

CLIP = 0.001  # a forecast of 0 or 1 that is wrong would score infinitely badly


class Score(msgspec.Struct, frozen=True):
    """Brier score (Brier 1950) and mean log loss in nats of ``n`` forecasts; lower is better."""

    n: int
    brier: float
    log_loss: float


class Bin(msgspec.Struct, frozen=True):
    """A bin of a reliability diagram: mean forecast, observed frequency, and its 95% Wilson interval."""

    low: float
    high: float
    n: int
    forecast: float
    observed: float
    interval_low: float
    interval_high: float


def score(forecasts: Sequence[float], outcomes: Sequence[bool]) -> Score:
    """Raises ValueError for none, or for lengths that differ. Log loss clips forecasts to [0.001, 0.999]."""
    if len(forecasts) != len(outcomes) or not forecasts:
        raise ValueError(f"{len(forecasts)} forecasts of {len(outcomes)} outcomes")
    squares = [(p - y) ** 2 for p, y in zip(forecasts, outcomes, strict=True)]
    logs = [
        -math.log(min(max(p if y else 1.0 - p, CLIP), 1.0 - CLIP)) for p, y in zip(forecasts, outcomes, strict=True)
    ]
    n = len(forecasts)
    return Score(n, round(math.fsum(squares) / n, 6), round(math.fsum(logs) / n, 6))


def reliability(forecasts: Sequence[float], outcomes: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Equal-width bins that hold at least one forecast."""
    rows: list[Bin] = []
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [i for i, p in enumerate(forecasts) if low <= p < high or (number == bins - 1 and p == 1.0)]
        if not inside:
            continue
        n = len(inside)
        hits = len([i for i in inside if outcomes[i]])
        lower, upper = wilson(hits, n)
        mean = math.fsum(forecasts[i] for i in inside) / n
        rows.append(Bin(low, high, n, round(mean, 6), round(hits / n, 6), round(lower, 6), round(upper, 6)))
    return rows


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of Wilson (1927) for a proportion."""
    p = hits / n
    denominator = 1.0 + z * z / n
    centre = (p + z * z / (2 * n)) / denominator
    half = z * math.sqrt(p * (1.0 - p) / n + z * z / (4 * n * n)) / denominator
    return max(centre - half, 0.0), min(centre + half, 1.0)
