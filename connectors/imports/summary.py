"""What an import did: rows in, frames out, and every row that was refused, with its reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

from models.failures import Failure


class ImportFailure(Failure):
    """A recording that cannot be imported at all."""


class Refused(ValueError):
    """One row that cannot be used. ``reason`` is a code, the text says what stood there."""

    def __init__(self, reason: str, what: object = "") -> None:
        super().__init__(f"{reason}: {str(what)[:120]}" if what != "" else reason)
        self.reason = reason


class Summary:
    """Counts of one import. ``notes`` are the assumptions made, for people."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.run = ""
        self.files = 0
        self.rows = 0
        self.frames: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.notes: dict[str, None] = {}
        self.first_ns = 0
        self.last_ns = 0

    def reject(self, reason: str, where: str) -> None:
        """Count a refused row; the first of each reason is remembered with its place."""
        self.rejected[reason] += 1
        self.examples.setdefault(reason, where)

    def count(self, what: str, by: int = 1) -> None:
        self.counts[what] += by

    def note(self, text: str) -> None:
        self.notes[text] = None

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
            "notes": list(self.notes),
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
        }
