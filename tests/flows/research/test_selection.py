"""What a sweep says of choosing among its sets: worthless ones are not told apart, a better one is."""

from __future__ import annotations

import random

from flows.research.evaluation import LineResult, RoundTrip
from flows.research.result import HOUR
from flows.research.selection import BLOCKS, LEAST_HOURS, selection_of
from models.money import DOLLAR


def line(nets: list[float]) -> LineResult:
    """A trade an hour."""
    trips = [
        RoundTrip("one", f"m{at}", at * HOUR, at * HOUR + 60, 10**6, 0, round(net * DOLLAR))
        for at, net in enumerate(nets)
    ]
    return LineResult(trips, 0, len(trips), len(trips))


def noise(seed: int, mean: float = 0.0, hours: int = 200) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(mean, 1.0) for _ in range(hours)]


def test_worthless_sets_are_not_told_from_not_trading() -> None:
    found = selection_of([line(noise(seed)) for seed in range(6)])
    assert found.hours == 200 and found.better == [] and found.why == ""
    assert found.spa is not None and found.spa > 0.05
    assert found.overfitted is not None and found.overfitted > 0.1


def test_a_better_set_is_chosen_on_either_half_and_named() -> None:
    found = selection_of([*(line(noise(seed)) for seed in range(5)), line(noise(9, 0.6))])
    assert found.overfitted == 0.0
    assert found.spa is not None and found.spa < 0.01
    assert found.better == [5]


def test_too_little_is_said_to_be_too_little() -> None:
    assert "two sets" in selection_of([line([1.0])]).why
    short = selection_of([line(noise(1, hours=LEAST_HOURS - 1)), line(noise(2, hours=LEAST_HOURS - 1))])
    assert "too few" in short.why and short.overfitted is None
    assert LEAST_HOURS >= BLOCKS
