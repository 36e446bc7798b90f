"""The trial journal: what was looked at counts for ever, once, and a holdout locks."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.registry.trials import FILE, HoldoutUse, Trial, TrialJournal
from models.failures import Failure


def trial(words: str, data: str = "d1", subject: str = "parity") -> Trial:
    return Trial(subject, tuple(words.split()), data, "sweep", "2026-11-30T10:00:00+00:00", 1.0)


def test_a_set_counts_once_whatever_the_data(tmp_path: Path) -> None:
    journal = TrialJournal(tmp_path)
    assert journal.count("parity") == 0
    journal.add([trial("a=1"), trial("a=2"), trial("a=1", subject="lead_lag")])
    journal.add([trial("a=1"), trial("a=1", "d2"), trial("a=3")])
    assert (journal.count("parity"), journal.count("lead_lag")) == (3, 1)
    assert len(list(TrialJournal(tmp_path).rows())) == 5


def test_a_holdout_is_looked_at_once(tmp_path: Path) -> None:
    journal = TrialJournal(tmp_path)
    first = HoldoutUse("parity", "d1", 100, "2026-11-30T10:00:00+00:00")
    journal.use_holdout(first)
    for since in (100, 90, 110):  # another share of the same end is no other holdout
        with pytest.raises(Failure, match="was looked at on 2026-11-30"):
            journal.use_holdout(HoldoutUse("parity", "d1", since, "later"))
    journal.use_holdout(HoldoutUse("parity", "d2", 100, "later"))
    journal.use_holdout(HoldoutUse("lead_lag", "d1", 100, "later"))
    journal.use_holdout(HoldoutUse("parity", "d1", 100, "later", "the fees were wrong"))
    assert [row.why for row in journal.rows() if isinstance(row, HoldoutUse)] == ["", "", "", "the fees were wrong"]


def test_a_period_that_was_walked_or_swept_is_no_holdout(tmp_path: Path) -> None:
    """Also on another journal of the same recording; what came after the look is new."""
    journal = TrialJournal(tmp_path)
    walked = Trial("parity", ("a=1",), "d1", "validate", "2026-11-30T10:00:00+00:00", 1.0, "r1", until=200)
    journal.add([walked, trial("a=1", "old")])

    def use(data: str, recording: str, since: int, why: str = "") -> HoldoutUse:
        return HoldoutUse("parity", data, since, "later", why, recording, until=300)

    for looked_at in (use("d1", "r1", 160), use("d2", "r1", 199)):
        with pytest.raises(Failure, match=r"was looked at on 2026-11-30T10:00:00\+00:00 by profit validate"):
            journal.use_holdout(looked_at)
    with pytest.raises(Failure, match="by profit sweep"):
        journal.use_holdout(use("old", "r3", 160))  # a line of before recordings were named
    journal.use_holdout(use("d3", "r2", 160))
    journal.use_holdout(use("d2", "r1", 200))
    with pytest.raises(Failure, match="by profit validate"):
        journal.use_holdout(use("d2", "r1", 190))
    with pytest.raises(Failure, match="by a holdout"):
        journal.use_holdout(use("d4", "r2", 299))
    journal.use_holdout(use("d2", "r1", 190, "the fees were wrong"))
    assert len([row for row in journal.rows() if isinstance(row, HoldoutUse)]) == 3


def test_a_damaged_line_is_no_missing_trial(tmp_path: Path) -> None:
    journal = TrialJournal(tmp_path)
    journal.add([trial("a=1"), trial("a=2")])
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(Failure, match="line 2 is damaged"):
        journal.count("parity")
