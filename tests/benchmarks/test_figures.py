"""Figures: medians, ratios in turns, percentiles and slopes."""

from __future__ import annotations

import pytest

from benchmarks.figures import Figure, Pace, Result, Stopwatch, add_paces, alternate, machine, percentile, slope


def test_a_figure_tells_median_and_range() -> None:
    reported = Figure("rate", "1/s", (3.0, 1.0, 10.0)).as_dict()
    assert (reported["median"], reported["min"], reported["max"], reported["rounds"]) == (3.0, 1.0, 10.0, 3)


def test_a_figure_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="no value"):
        Figure("rate", "1/s", ())


def test_contenders_take_turns_after_a_round_that_does_not_count() -> None:
    order: list[str] = []

    def contender(name: str) -> float:
        order.append(name)
        return float(len(order))

    values = alternate(2, {"a": lambda: contender("a"), "b": lambda: contender("b")})
    assert order == ["a", "b", "a", "b", "b", "a"]
    assert values == {"a": [3.0, 6.0], "b": [4.0, 5.0]}


def test_ratios_are_of_the_same_round_and_kind_of_time() -> None:
    result = Result("speed")
    add_paces(result, "items", {"a": [Pace(2, 20), Pace(3, 30)], "b": [Pace(1, 5), Pace(6, 90)]}, "a")
    values = {figure.name: figure.values for figure in result.figures}
    assert values == {
        "a": (2, 3),
        "b": (1, 6),
        "b / a": (0.5, 2.0),
        "b / a, processor time": (0.25, 3.0),
    }


def test_a_stopwatch_counts_from_its_making() -> None:
    watch = Stopwatch()
    fast = watch.pace(10**9)
    assert fast.wall > 0 and watch.pace(1).wall < fast.wall


def test_percentile_of_a_hundred_values() -> None:
    values = [float(number) for number in reversed(range(100))]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50.0, 99.0, 99.0)


def test_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_slope_of_a_line_and_of_a_single_moment() -> None:
    assert slope([0.0, 1.0, 2.0], [5.0, 7.0, 9.0]) == pytest.approx(2.0)
    assert slope([1.0, 1.0], [5.0, 7.0]) == 0.0


def test_the_machine_is_described() -> None:
    about = machine()
    assert about["cores"] and about["memory_gib"] > 0 and about["python"].startswith("3.1")
