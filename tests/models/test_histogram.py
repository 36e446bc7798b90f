"""Percentiles from fixed buckets: exact for small numbers, within a sixteenth for great ones."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.histogram import Histogram

NUMBERS = st.integers(0, 40) | st.integers(0, 2**47)


def filled(numbers: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.add_all(numbers)
    return histogram


@given(numbers=st.lists(NUMBERS, min_size=1, max_size=200), per_mille=st.integers(1, 1_000))
def test_a_percentile_is_at_most_a_sixteenth_above_the_true_one_and_never_below(
    numbers: list[int], per_mille: int
) -> None:
    reported = filled(numbers).percentile(per_mille)
    true = sorted(numbers)[-(-len(numbers) * per_mille // 1_000) - 1]
    assert reported is not None
    assert true <= reported
    assert reported == true if true < 32 else Fraction(reported - true, true) < Fraction(1, 16)


@given(numbers=st.lists(NUMBERS, max_size=50), per_mille=st.integers(1, 1_000))
def test_the_order_of_the_numbers_is_of_no_matter(numbers: list[int], per_mille: int) -> None:
    assert filled(numbers).percentile(per_mille) == filled(sorted(numbers)).percentile(per_mille)


def test_nothing_has_no_percentile_and_what_was_cleared_is_nothing() -> None:
    histogram = filled([3, 5])
    assert (histogram.total, histogram.percentile(500), histogram.percentile(1_000)) == (2, 3, 5)
    histogram.clear()
    assert (histogram.total, histogram.percentile(500)) == (0, None)


def test_numbers_out_of_range_count_at_the_ends() -> None:
    assert filled([-7]).percentile(500) == 0
    assert filled([2**60]).percentile(500) == 2**48 - 1


@pytest.mark.parametrize("share", [0, 1_001])
def test_a_share_that_is_none_is_refused(share: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        filled([1]).percentile(share)
