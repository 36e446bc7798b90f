"""The thresholds are those of e-LOND, and worthless instances pass them as rarely as stated."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from models.statistics.elond import Trials


def test_levels_are_those_of_the_formula() -> None:
    trials = Trials(alpha=0.01)
    for name in "abcd":
        trials.add(name)
    trials.accept("b")
    trials.accept("d")
    assert trials.level("a") == pytest.approx(0.01 / 2 * 3)
    assert trials.level("b") == pytest.approx(0.01 / 6 * 2)  # what was accepted lends itself nothing
    assert trials.level("c") == pytest.approx(0.01 / 12 * 3)
    assert trials.spent == pytest.approx(0.01 * math.fsum(1 / (n * (n + 1)) for n in range(1, 5)))


def test_its_state_is_plain_data() -> None:
    trials = Trials(alpha=0.005)
    trials.add("a")
    trials.accept("a")
    again = msgspec.json.decode(msgspec.json.encode(trials), type=Trials)
    assert again == trials and again.threshold("a") == trials.threshold("a")


@pytest.mark.parametrize("method", ["level", "accept", "threshold"])
def test_what_was_never_tried_has_no_level(method: str) -> None:
    with pytest.raises(ValueError, match="never tried"):
        getattr(Trials(alpha=0.1), method)("x")


def test_worthless_e_values_are_accepted_as_rarely_as_stated() -> None:
    """The hardest e-values: all mass at 0 and at 1 over the level, where Markov's inequality is an equality.
    20 of them, any accepted with probability about alpha * 20/21 = 0.19; 2,000 runs, standard error 0.9%."""
    trials = Trials(alpha=0.2)
    levels = [trials.level(name) for name in map(str, range(20)) if trials.add(name)]
    random = np.random.default_rng(1)
    any_accepted = (random.random((2_000, 20)) < np.asarray(levels)).any(axis=1)
    assert any_accepted.mean() <= 0.2
    assert any_accepted.mean() == pytest.approx(1 - math.prod(1 - level for level in levels), abs=0.03)
