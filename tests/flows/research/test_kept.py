"""Kept validations: as they were found, the newest first, one a journal and way of walking."""

from __future__ import annotations

from pathlib import Path

from flows.research.kept import FOLDER, keep_validation, kept_validations
from tests.flows.research.examples import example_validation


def test_what_is_kept_is_what_was_found(tmp_path: Path) -> None:
    found = example_validation()
    keep_validation(tmp_path, "archive", "d1", "2026-11-30T10:00:00+00:00", False, [found])
    (kept,) = kept_validations(tmp_path)
    assert (kept.source, kept.data, kept.anchored) == ("archive", "d1", False)
    (walk,) = kept.walks
    assert walk.verdict == found.verdict and walk.holdout is None
    assert [(each.trades, each.net, each.chosen) for each in walk.steps] == [
        (2, 1.0, ("parity.min_edge=0.001",)),
        (1, -3.0, ("parity.min_edge=0.002",)),
    ]
    assert sum(each.net for each in walk.steps) == walk.verdict.net


def test_a_later_one_of_the_same_journal_takes_its_place_and_the_newest_stands_first(tmp_path: Path) -> None:
    assert kept_validations(tmp_path) == []
    found = [example_validation()]
    for at, data, anchored in (("03", "d1", False), ("05", "d1", True), ("04", "d2", False), ("06", "d1", False)):
        keep_validation(tmp_path, "a", data, at, anchored, found)
    (tmp_path / FOLDER / "damaged.json").write_text("{")
    assert [(each.at, each.data, each.anchored) for each in kept_validations(tmp_path)] == [
        ("06", "d1", False),
        ("05", "d1", True),
        ("04", "d2", False),
    ]
