"""The trial journal: a line for every parameter set of a strategy that was looked at, and for every use of a holdout.

It is only ever added to. How many sets were tried of a strategy says how much of the best one's figures is luck, and a
period that was looked at, by a holdout, a walk or a sweep, is no holdout any more: a second look needs an explanation,
which is kept beside it. A set that is looked at again on the same data is no further trial.

``data`` names a journal; ``recording`` names what it was made of, by its beginning: another journal of the same
recording, under other settings or of more hours, is known by it. Lines of before there was ``recording`` have none, and
an ``until`` of 0; they are of their journal, to its end.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from models.failures import Failure

FILE: Final = "trials.jsonl"


class Trial(msgspec.Struct, frozen=True, tag_field="kind", tag="trial"):
    """``subject``: the strategy or instance; ``changes``: its ``KEY=VALUE`` words, sorted; ``data``: the journal it was
    looked at on, up to ``until`` (Unix ns); ``by``: ``sweep`` or ``validate``; ``at``: ISO 8601, UTC; ``net``: dollars
    it came to there."""

    subject: str
    changes: tuple[str, ...]
    data: str
    by: Literal["sweep", "validate"]
    at: str
    net: float
    recording: str = ""
    until: int = 0


class HoldoutUse(msgspec.Struct, frozen=True, tag_field="kind", tag="holdout"):
    """A look at the end of a journal, from ``since`` to ``until`` (Unix ns), that no parameter was chosen by. ``why``:
    what a second look was for."""

    subject: str
    data: str
    since: int
    at: str
    why: str = ""
    recording: str = ""
    until: int = 0


class TrialJournal:
    """The journal of a data folder. Raises Failure where a line cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def rows(self) -> Iterator[Trial | HoldoutUse]:
        """All lines, the oldest first."""
        if not self._path.is_file():
            return
        for number, line in enumerate(self._path.read_bytes().splitlines(), 1):
            try:
                yield msgspec.json.decode(line, type=Trial | HoldoutUse)
            except msgspec.MsgspecError as cause:
                raise Failure(
                    f"{self._path}, line {number} is damaged: {cause}.", "Correct that line: what was tried must count."
                ) from None

    def count(self, subject: str) -> int:
        """Parameter sets of ``subject`` ever looked at, on whatever data."""
        return len({each.changes for each in self.rows() if isinstance(each, Trial) and each.subject == subject})

    def add(self, trials: Sequence[Trial]) -> None:
        """Note the trials that are not there yet, for good when this returns."""
        known = {(each.subject, each.changes, each.data) for each in self.rows() if isinstance(each, Trial)}
        self._append([each for each in trials if (each.subject, each.changes, each.data) not in known])

    def check_holdout(self, use: HoldoutUse) -> None:
        """Raises Failure where the period held out, or a part of it, was looked at before, by a holdout or in a walk or
        sweep of the whole, and ``why`` says nothing."""
        if use.why.strip():
            return
        for each in self.rows():
            if _shows(each, use):
                by = "a holdout" if isinstance(each, HoldoutUse) else f"profit {each.by}"
                raise Failure(
                    f"the period held out for {use.subject} was looked at on {each.at} by {by}: "
                    "what it says now may have been chosen by it.",
                    'Take newer data; or say what a second look is for, which is kept: --because "…".',
                )

    def use_holdout(self, use: HoldoutUse) -> None:
        """Note that the holdout is looked at. Raises Failure as ``check_holdout``."""
        self.check_holdout(use)
        self._append([use])

    def _append(self, rows: Sequence[Trial | HoldoutUse]) -> None:
        if not rows:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(b"".join(msgspec.json.encode(each) + b"\n" for each in rows))
            file.flush()
            os.fsync(file.fileno())


def _shows(row: Trial | HoldoutUse, use: HoldoutUse) -> bool:
    """Whether the row is a look at something of what ``use`` holds out."""
    if row.subject != use.subject:
        return False
    if row.data == use.data:
        return True
    return row.recording == use.recording != "" and row.until > use.since
