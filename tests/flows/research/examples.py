"""A validation made by hand, for the tests of what is kept and shown."""

from __future__ import annotations

from flows.research.evaluation import RoundTrip
from flows.research.validation import Validation
from flows.research.verdict import verdict_of
from flows.research.walk_forward import HOUR, TestedStep
from models.money import DOLLAR, SHARE
from models.statistics.splits import WalkStep

FIRST = 490_000 * HOUR


def trip(at: int, net: float) -> RoundTrip:
    return RoundTrip("parity", f"m{at}", at, at + 1, SHARE, 0, round(net * DOLLAR))


def example_validation(held: bool = False) -> Validation:
    """Two steps: of the second set, then the first; tests of 2 and 1 trades that net 1 and -3 dollars."""
    hour = [FIRST + number * HOUR for number in range(8)]
    steps = [
        TestedStep(
            WalkStep((hour[0], hour[2]), (hour[2], hour[3]), (hour[3], hour[4])), 1, 9, 4,
            [trip(hour[3], 2.0), trip(hour[3] + 5, -1.0)],
        ),
        TestedStep(
            WalkStep((hour[1], hour[3]), (hour[3], hour[4]), (hour[4], hour[5])), 0, 8, 3, [trip(hour[4], -3.0)]
        ),
    ]  # fmt: skip
    record = [each for step in steps for each in step.test]
    verdict = verdict_of("parity", record, 2 * HOUR, 2, [0.1, 0.2])
    sets = [("parity.min_edge=0.002",), ("parity.min_edge=0.001",)]
    return Validation(verdict, steps, sets, verdict if held else None)
