"""Sorting with a bound on memory gives what sorting in memory gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.imports import sorting
from connectors.imports.sorting import Sorter


@settings(max_examples=50)
@given(
    rows=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["", "a", "b"])), max_size=120),
    budget=st.integers(1, 6_000),
)
def test_any_budget_gives_rows_by_time_then_tie_then_entry(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]], budget: int
) -> None:
    with Sorter(tmp_path_factory.mktemp("sort"), budget) as sorter:
        for number, (t, tie) in enumerate(rows):
            sorter.add(t, number, tie)
        found = list(sorter.sorted())
    numbered = [(t, tie, number) for number, (t, tie) in enumerate(rows)]
    assert found == sorted(numbered)


def test_many_runs_are_merged_before_files_run_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "_MOST_RUNS", 3)
    with Sorter(tmp_path, 1) as sorter:
        for number in range(50, 0, -1):
            sorter.add(number, number)
            assert len(sorter._runs) <= 3
        assert [row for _, _, row in sorter.sorted()] == list(range(1, 51))
    assert list(tmp_path.iterdir()) == []
