"""Scores by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scores import reliability, score, wilson


def test_brier_and_log_loss_by_hand() -> None:
    result = score([0.8, 0.3, 0.5], [True, False, True])
    assert result.n == 3
    assert result.brier == pytest.approx((0.04 + 0.09 + 0.25) / 3, abs=1e-6)
    assert result.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.7) + math.log(0.5)) / 3, abs=1e-6)


def test_certainty_that_is_wrong_is_clipped() -> None:
    assert score([1.0], [False]).log_loss == pytest.approx(-math.log(0.001), abs=1e-6)
    assert score([0.0], [True]).brier == 1.0
    assert score([1.0], [True]).log_loss == pytest.approx(-math.log(0.999), abs=1e-6)


@given(outcomes=st.lists(st.booleans(), min_size=1, max_size=50))
def test_a_constant_half_scores_a_quarter_and_log_two(outcomes: list[bool]) -> None:
    result = score([0.5] * len(outcomes), outcomes)
    assert (result.brier, result.log_loss) == (0.25, round(math.log(2), 6))


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), min_size=1, max_size=40))
def test_the_order_of_the_forecasts_does_not_matter(pairs: list[tuple[float, bool]]) -> None:
    there = score([p for p, _ in pairs], [y for _, y in pairs])
    back = score([p for p, _ in reversed(pairs)], [y for _, y in reversed(pairs)])
    assert there == back


@pytest.mark.parametrize(("forecasts", "outcomes"), [([], []), ([0.5], []), ([0.5], [True, False])])
def test_nothing_to_score_is_refused(forecasts: list[float], outcomes: list[bool]) -> None:
    with pytest.raises(ValueError, match=f"{len(forecasts)} forecasts of {len(outcomes)}"):
        score(forecasts, outcomes)


def test_wilson_by_hand() -> None:
    # 15 of 20 at z = 1.96: the usual textbook case
    low, high = wilson(15, 20)
    assert (round(low, 4), round(high, 4)) == (0.5313, 0.8881)


@given(n=st.integers(1, 500), hits=st.integers(0, 500))
def test_wilson_bounds_solve_its_equation(n: int, hits: int) -> None:
    hits = min(hits, n)
    p = hits / n
    for bound in wilson(hits, n):
        assert 0.0 <= bound <= 1.0
        # each bound is a proportion that lies just z standard errors from the observed one
        assert (p - bound) ** 2 == pytest.approx(1.96**2 * bound * (1 - bound) / n, abs=1e-9)
    low, high = wilson(hits, n)
    assert low <= p <= high or math.isclose(low, p, abs_tol=1e-12) or math.isclose(high, p, abs_tol=1e-12)


@given(pairs=st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), max_size=60), bins=st.integers(1, 20))
def test_every_forecast_is_in_one_bin(pairs: list[tuple[float, bool]], bins: int) -> None:
    rows = reliability([p for p, _ in pairs], [y for _, y in pairs], bins)
    counted, hits = 0, 0.0
    for row in rows:
        assert row.low - 1e-6 <= row.forecast <= row.high + 1e-6
        assert row.interval_low - 1e-6 <= row.observed <= row.interval_high + 1e-6
        counted += row.n
        hits += row.observed * row.n
    assert counted == len(pairs)
    assert round(hits, 2) == len([y for _, y in pairs if y])


def test_one_is_in_the_last_bin() -> None:
    (row,) = reliability([1.0], [True])
    assert (row.low, row.high, row.n) == (0.9, 1.0, 1)
