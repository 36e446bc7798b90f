"""Walking forward: nothing of a test window is known to the choice, and a verdict says what it rests on."""

from __future__ import annotations

from random import Random

import pytest

from flows.research.evaluation import LineResult, RoundTrip
from flows.research.validation import SHARES, plan, sets_of, settings_of, validate
from flows.research.verdict import verdict_of
from flows.research.walk_forward import HOUR, hourly, walk
from models.failures import Failure
from models.money import DOLLAR, SHARE
from models.settings import Settings
from models.statistics.splits import windows
from models.strategies.instance import instances
from models.strategies.registry import STRATEGIES

FAIR = "updown_fair_value"
BEGIN = 1_795_000 * HOUR // 1_000 // HOUR * HOUR


def trip(hour: float, net: float, lasts: float = 0.1, market: str = "btc-updown-5m-0") -> RoundTrip:
    opened = BEGIN + round(hour * HOUR)
    return RoundTrip("parity", market, opened, opened + round(lasts * HOUR), 10 * SHARE, 0, round(net * DOLLAR))


def other(each: RoundTrip, dollars: int) -> RoundTrip:
    """The same with another result."""
    return RoundTrip(each.instance, each.market, each.opened, each.closed, each.shares, 0, -dollars * DOLLAR)


def record(hours: int, mean: float, seed: int, deviation: float = 1.0) -> list[RoundTrip]:
    rng = Random(seed)
    return [trip(number / 3, rng.gauss(mean, deviation)) for number in range(hours * 3)]


STEPS = windows(BEGIN, BEGIN + 100 * HOUR, 40 * HOUR, 20 * HOUR, 10 * HOUR)


def test_the_choice_knows_nothing_of_the_test_window() -> None:
    """Whatever is changed from a step's test window on, its choice stays."""
    sets = [record(100, 0.1, 1), record(100, 0.2, 2), record(100, 0.0, 3), record(100, 0.15, 4)]
    before = walk(sets, STEPS)
    for number, step in enumerate(STEPS):
        spoilt = [
            [each if each.closed <= step.test[0] else other(each, place) for each in trips]
            for place, trips in enumerate(sets)
        ]
        after = walk(spoilt, STEPS)[number]
        assert (after.chosen, after.trained_on) == (before[number].chosen, before[number].trained_on)


def test_test_windows_join_without_gap_or_overlap() -> None:
    only = record(100, 0.1, 1)
    taken = walk([only], STEPS)
    joined = [each for step in taken for each in step.test]
    assert joined == [each for each in only if each.opened >= STEPS[0].test[0]]


def test_holdings_that_reach_into_the_next_window_are_purged() -> None:
    across = [trip(39.9, 100.0, lasts=2.0), trip(59.9, 100.0, lasts=2.0), trip(1, 1.0), trip(45, 1.0)]
    (step, *_) = walk([across], STEPS)
    assert (step.trained_on, step.validated_on) == (1, 1)


def test_the_better_set_is_found_and_luck_in_training_alone_is_not_enough() -> None:
    good = record(100, 0.8, 1)
    rest = [each for each in record(100, -0.5, 2) if each.opened >= BEGIN + 40 * HOUR]
    lucky = [trip(number / 3, 3.0 + number % 2) for number in range(119)] + rest
    (step, *_) = walk([record(100, 0.0, 3), good, lucky, record(100, 0.0, 4)], STEPS)
    assert step.chosen == 1


@pytest.mark.parametrize(
    ("mean", "hours", "word"),
    [(0.5, 200, "edge shown"), (0.0, 200, "no edge shown"), (-0.5, 200, "loses"), (0.5, 20, "insufficient data")],
    ids=["edge", "none", "loses", "short"],
)
def test_verdicts(mean: float, hours: int, word: str) -> None:
    verdict = verdict_of("parity", record(hours, mean, 1), hours * HOUR, 3, [0.0, 0.05, -0.05])
    assert verdict.word == word, verdict
    assert (verdict.trades, verdict.observations) == (3 * hours, hours)
    assert (verdict.reachable_h is None) == (verdict.mean is not None and verdict.mean <= 0.0)


def test_an_edge_that_many_tries_explain_is_none() -> None:
    few = verdict_of("parity", record(200, 0.1, 7), 200 * HOUR, 2, [0.0, 0.1])
    many = verdict_of("parity", record(200, 0.1, 7), 200 * HOUR, 10_000, [0.0, 0.1])
    assert few.deflated is not None and many.deflated is not None and few.deflated > many.deflated
    assert many.word != "edge shown"


def test_observations_are_hours_of_an_underlying() -> None:
    trips = [trip(0, 1.0), trip(0.5, -3.0), trip(0.2, 1.0, market="eth-updown-5m-0"), trip(1, 1.0)]
    assert hourly(trips) == [-0.1, 0.1, 0.1]


def test_every_strategy_is_a_twin_at_each_of_its_thresholds() -> None:
    base = Settings()
    for number, chosen in enumerate(settings_of(base)):
        found = {each.id: each for each in instances(chosen)}
        assert set(found) == set(STRATEGIES) and {each.state for each in found.values()} == {"twin"}
        for name, each in found.items():
            stated = float(sets_of(base, name)[number][0].partition("=")[2])
            assert each.parameters.min_edge == stated


def test_asked_for_sets_are_every_combination_and_others_keep_their_thresholds() -> None:
    base = Settings()
    asked = ("fair_value.min_edge=0.01:0.03:0.01", "fair_value.stop_loss=0.1,0.2")
    lines = [{each.id: each for each in instances(chosen)} for chosen in settings_of(base, asked)]
    assert [(each[FAIR].parameters.min_edge, each[FAIR].parameters.stop_loss) for each in lines] == [
        (edge, loss) for edge in (0.01, 0.02, 0.03) for loss in (0.1, 0.2)
    ]
    assert sets_of(base, "parity", asked) == sets_of(base, "parity")
    assert ["parity" in each for each in lines] == [True] * 3 + [False] * 3, "off where it has no such set"
    found = [LineResult(record(60, 0.1 * number, number), 0, 0, 0) for number in range(6)]
    for name, count in ((FAIR, 6), ("parity", 3)):
        validated = validate(base, name, found, plan(BEGIN, BEGIN + 80 * HOUR, anchored=False), count, asked=asked)
        assert len(validated.sets) == count


@pytest.mark.parametrize("word", ["portfolio.capital=1,2", "fair_value.min_egde=1,2", "fair_value.min_edge=abc,1"])
def test_what_is_no_parameter_of_a_strategy_is_refused(word: str) -> None:
    with pytest.raises(Failure) as refused:
        settings_of(Settings(), (word,))
    assert word.partition("=")[0].partition(".")[2] in refused.value.cause and refused.value.cure


def test_a_holdout_is_judged_apart() -> None:
    steps = plan(BEGIN, BEGIN + 80 * HOUR, anchored=False)
    assert steps[0].test[0] - BEGIN == round(80 * HOUR * (SHARES[0] + SHARES[1]))
    lines = [LineResult(record(100, mean, seed), 0, 0, 0) for seed, mean in enumerate((0.5, 0.4, 0.6))]
    held = windows(BEGIN + 20 * HOUR, BEGIN + 100 * HOUR, 40 * HOUR, 20 * HOUR, 20 * HOUR)[0]
    found = validate(Settings(), "parity", lines, steps, 3, held)
    assert found.holdout is not None and found.holdout.trades == 60
    assert all(each.opened < held.test[0] for step in found.steps for each in step.test)
