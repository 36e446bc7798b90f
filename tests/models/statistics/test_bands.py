"""Live bands: false alarms as often as stated over the whole horizon and all three bands, and alarms where there are
reasons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from trialgate import compute_live_bands

from models.statistics.bands import Bands, Watch, bands, drawdown_rate
from models.statistics.tails import losing_run, maximum_drawdown


def outcomes(count: int, mean: float, seed: int) -> list[float]:
    return (np.random.default_rng(seed).choice([0.5, -0.5], count) + mean).tolist()


def crosses(fixed: Bands, values: Sequence[float]) -> bool:
    """By the definition, with other functions than the bands' own."""
    sums = np.cumsum(values)
    floors = [fixed.floor(count) for count in range(1, len(values) + 1)]
    return bool(
        (sums < np.asarray(floors) - 1e-9).any()
        or maximum_drawdown(values) > fixed.drawdown + 1e-9
        or losing_run(values) > fixed.run
    )


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_a_record_that_goes_on_leaves_its_bands_as_rarely_as_stated(rate: float) -> None:
    """The truth here is the law the record was drawn from; a long record is near it. 400 runs: standard error 1 to 2%,
    and what is discrete (losing runs) makes the bands wider, never narrower."""
    fixed = bands(outcomes(2_000, 0.03, seed=1), horizon=100, rate=rate, haircut=0.0, seed=2)
    false = np.mean([crosses(fixed, outcomes(100, 0.03, seed)) for seed in range(100, 500)])
    assert false <= rate + 3 * np.sqrt(rate * (1 - rate) / 400)
    assert false >= rate / 4


def test_watching_step_by_step_is_the_definition() -> None:
    fixed = bands(outcomes(300, 0.03, seed=3), horizon=80, rate=0.3, seed=4)
    alarms = 0
    for seed in range(200):
        values, watch = outcomes(80, 0.0, seed), Watch()
        for each in values:
            watch.take(each, fixed)
        assert bool(watch.breached(fixed)) is crosses(fixed, values)
        alarms += bool(watch.breached(fixed))
    assert 0 < alarms < 200


def test_what_stopped_earning_is_noticed_and_the_haircut_forgives() -> None:
    record = outcomes(1_000, 0.1, seed=5)
    strict, mild = (bands(record, horizon=300, haircut=cut, seed=6) for cut in (0.0, 0.5))
    dead = [outcomes(300, -0.1, seed) for seed in range(50)]
    assert np.mean([crosses(strict, each) for each in dead]) > 0.95
    assert np.mean([crosses(mild, each) for each in dead]) > 0.8
    assert mild.floor(300) < strict.floor(300)


def test_they_are_about_as_wide_as_those_of_trialgate() -> None:
    """Both are joint over bands and time. Theirs compound, so the returns are small; theirs narrow with time, so what
    can be compared is the end of the horizon."""
    record = [each / 1_000 for each in outcomes(500, 0.05, seed=8)]
    ours = bands(record, horizon=60, rate=0.05, haircut=0.0, seed=1)
    theirs = compute_live_bands(record, horizon=60, false_alarm_rate=0.05, seed=1)
    assert ours.drawdown == pytest.approx(theirs.max_drawdown[-1], rel=0.25)
    assert ours.floor(60) == pytest.approx(theirs.min_cumulative_return[-1], rel=0.4)
    assert abs(ours.run - theirs.max_losing_streak[-1]) <= 3


def test_how_often_a_drawdown_comes_of_itself_is_that_of_the_walk_it_was_drawn_from() -> None:
    """Against walks simulated anew: normal steps of mean 0.02, half of which is counted on, and deviation 0.1."""
    random = np.random.default_rng(5)
    record = random.normal(0.02, 0.1, 4_000)
    record += 0.02 - record.mean()
    walks = random.normal(0.01, record.std(), (20_000, 100)).cumsum(axis=1)
    peaks = np.maximum(np.maximum.accumulate(walks, axis=1), 0.0)
    falls = (peaks - walks).max(axis=1)
    for allowed in (0.6, 1.0, 1.6):
        share = float((falls >= allowed).mean())
        assert drawdown_rate(list(record), 100, allowed) == pytest.approx(share, abs=0.05)


def test_they_hold_for_their_horizon_and_need_a_record() -> None:
    fixed = bands(outcomes(100, 0.05, seed=9), horizon=10, seed=1)
    watch = Watch()
    for each in [0.1] * 10 + [-1.0] * 50:
        watch.take(each, fixed)
    assert (watch.count, watch.breached(fixed)) == (10, ())
    with pytest.raises(ValueError, match="too few"):
        bands([0.1] * 19, 10)
