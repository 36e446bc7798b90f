"""Scores become comparable: against medians taken the slow way, by units, and over a snapshot."""

from __future__ import annotations

import pickle
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.trading_line.normalisation import BOUND, ENOUGH, KEPT, Normalisation

SCORES = st.lists(st.floats(-5, 5).map(lambda x: round(x, 3)), min_size=1, max_size=60)


def fed(scores: list[float]) -> Normalisation:
    kept = Normalisation()
    for score in scores:
        kept.take("edge", score)
    return kept


@given(SCORES, st.floats(-5, 5), st.floats(-1, 1))
def test_the_score_is_the_margin_in_median_absolute_deviations(scores: list[float], score: float, bar: float) -> None:
    median = statistics.median_low(scores)
    distances = [abs(each - median) for each in scores]
    scale = 1.4826 * statistics.median_low(distances) or 1.2533 * statistics.fmean(distances) or max(abs(bar), 0.005)
    expected = min(max((score - bar) / scale, -BOUND), BOUND)
    found = fed(scores).judge("edge", score, bar)
    assert found.score == pytest.approx(expected, abs=1e-5)
    below, same = sum(each < score for each in scores), sum(each == score for each in scores)
    assert found.rank == pytest.approx((below + same / 2) / len(scores), abs=1e-6)


def test_another_unit_changes_nothing() -> None:
    scores = [((7 * each) % 31) / 1000 for each in range(100)]
    cents = fed([100 * each for each in scores]).judge("edge", 2.5, 2.0)
    assert fed(scores).judge("edge", 0.025, 0.020) == cents


def test_only_the_last_scores_count() -> None:
    late = [float(each % 17) for each in range(KEPT)]
    assert fed([1e6] * 50 + late).judge("edge", 3.0, 1.0) == fed(late).judge("edge", 3.0, 1.0)


def test_a_family_warms_up_by_itself() -> None:
    kept = fed([0.1] * (ENOUGH - 1))
    assert kept.judge("edge", 0.1, 0.02).warming
    kept.take("edge", 0.1)
    assert not kept.judge("edge", 0.1, 0.02).warming
    assert kept.judge("arbitrage", 0.1, 0.02).warming


def test_a_snapshot_goes_on_the_same() -> None:
    kept = fed([each * 0.01 for each in range(KEPT + 7)])
    again = pickle.loads(pickle.dumps(kept))
    for each in (kept, again):
        each.take("edge", -3.0)
    assert again.judge("edge", 0.5, 0.1) == kept.judge("edge", 0.5, 0.1)
