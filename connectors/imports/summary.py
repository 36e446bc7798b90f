"""What an import did: rows in, frames out, and every row that was refused, with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from models.failures import Failure

#: The finding that rows lie outside their market's window: local time, or a name that gives the closing time.
OUTSIDE: Final = "rows_outside_their_window"


class ImportFailure(Failure):
    """A recording that cannot be imported at all."""


class WrongShape(ImportFailure):
    """Files that are not of the kind they were said to be."""


class RefusedRow(ValueError):
    """One row that cannot be used. ``reason`` is a code, the text says what stood there."""

    def __init__(self, reason: str, what: object = "") -> None:
        super().__init__(f"{reason}: {str(what)[:120]}" if what != "" else reason)
        self.reason = reason


def _nothing() -> None:
    """Show nothing. No lambda, so that a summary can go to another process."""


class ImportProgress:
    """How far an import is, for people: ``done`` of ``total`` of the ``stage``'s units. ``show`` is called now and
    then."""

    def __init__(self, show: Callable[[], None] = _nothing) -> None:
        self.stage = "reading"
        self.done = 0
        self.total = 0
        self._show = show

    def begin(self, stage: str, total: int) -> None:
        self.stage, self.done, self.total = stage, 0, total
        self._show()

    def reach(self, done: int) -> None:
        self.done = done
        self._show()


class ImportSummary:
    """Counts of one import. ``notes`` are the assumptions made, for people; ``guesses`` those that may be wrong half of
    the time; ``findings`` what the rows say that cannot be right, by count."""

    def __init__(self, kind: str, progress: ImportProgress | None = None) -> None:
        self.kind = kind
        self.run = ""
        self.progress = progress or ImportProgress()
        self.files = 0
        self.rows = 0
        self.frames: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self.found: dict[str, str] = {}
        self.notes: dict[str, None] = {}
        self.guesses: dict[str, None] = {}
        self.first_ns = 0
        self.last_ns = 0

    def reject(self, reason: str, where: str) -> None:
        """Count a refused row, or a field of one; the first of each reason is remembered with its place."""
        self.rejected[reason] += 1
        self.examples.setdefault(reason, where)

    def find(self, what: str, example: str, by: int = 1) -> None:
        """Count rows that went on and cannot be right; the first of each is remembered with its place."""
        self.findings[what] += by
        self.found.setdefault(what, example)

    def count(self, what: str, by: int = 1) -> None:
        self.counts[what] += by

    def note(self, text: str) -> None:
        self.notes[text] = None

    def guess(self, text: str) -> None:
        self.guesses[text] = None

    def why_nothing(self, what: str) -> WrongShape:
        """The failure of an import (or of its part ``what``) of which no row could be used: reasons and first
        examples."""
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.rejected.items()) or "no rows"
        examples = "".join(f"\n        refused {where}" for where in list(self.examples.values())[:5])
        return WrongShape(f"not one of {what} could be used: {reasons}.{examples}", "Check kind, map and files.")

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON: keys in a fixed order."""
        return {
            "kind": self.kind,
            "run": self.run,
            "files": self.files,
            "rows": self.rows,
            "frames": dict(sorted(self.frames.items())),
            "rejected": dict(sorted(self.rejected.items())),
            "examples": dict(sorted(self.examples.items())),
            "counts": dict(sorted(self.counts.items())),
            "findings": dict(sorted(self.findings.items())),
            "found": dict(sorted(self.found.items())),
            "notes": list(self.notes),
            "guesses": list(self.guesses),
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
        }
