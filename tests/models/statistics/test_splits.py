"""Walking forward: no holding is in two windows, and none that trains knows of what comes."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import purgedcv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.statistics.splits import HeldSpan, split, windows

lengths = st.integers(1, 50)


@given(lengths, lengths, lengths, st.integers(1, 500), st.booleans(), st.integers(0, 20), st.randoms())
def test_windows_follow_each_other_and_tests_join(
    train: int, validation: int, test: int, end: int, anchored: bool, embargo: int, random: object
) -> None:
    plan = windows(0, end, train, validation, test, anchored)
    begun = [random.randrange(end) for _ in range(30)]  # type: ignore[attr-defined]
    holdings = [HeldSpan(each, each + random.randrange(1, 40)) for each in begun]  # type: ignore[attr-defined]
    tested: list[int] = []
    for number, step in enumerate(plan):
        assert step.train[1] == step.validation[0] and step.validation[1] == step.test[0]
        assert step.train[0] == (0 if anchored else number * test)
        found = split(step, holdings, embargo)
        for place in found.train:
            assert holdings[place].end <= step.validation[0] and holdings[place].start < step.train[1] - embargo
        for place in found.validation:
            assert step.validation[0] <= holdings[place].start and holdings[place].end <= step.test[0]
        tested.extend(found.test)
    for one, other in itertools.pairwise(plan):
        assert one.test[1] == other.test[0]
    wanted = [place for place, each in enumerate(holdings) if each.start >= train + validation]
    assert sorted(tested) == wanted


def test_purging_is_that_of_purgedcv() -> None:
    random = np.random.default_rng(4)
    starts = np.sort(random.integers(0, 1_000, 200))
    ends = starts + random.integers(1, 60, 200)
    holdings = [HeldSpan(int(begun), int(ended)) for begun, ended in zip(starts, ends, strict=True)]
    (step, *_) = windows(0, 1_000, train=500, validation=200, test=300)
    found = split(step, holdings)
    before = np.flatnonzero(starts < 500)
    after = np.flatnonzero((starts >= 500) & (starts < 700))
    moments = pd.to_datetime(starts), pd.to_datetime(ends)
    # purgedcv judges by the holdings of the next window; a border at its very first holding is the same border
    edge = int(starts[after].min())
    kept = purgedcv.purge(before, after, pd.Series(moments[0]), pd.Series(moments[1]))
    assert [each for each in kept if ends[each] <= 500] == found.train
    assert all(500 < ends[each] <= edge for each in kept if each not in found.train)


def test_windows_without_a_length_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        windows(0, 10, 0, 1, 1)
    assert windows(0, 10, 5, 5, 1) == ()
