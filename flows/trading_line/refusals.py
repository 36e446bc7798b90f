"""Equal refusals are sent once in a while and counted in between."""

from __future__ import annotations

from models.timestamps import SECOND


class _Sent:
    """The last row of one reason: when (Unix ns), and how many equal ones came since."""

    __slots__ = ("repeats", "t")

    def __init__(self, t: int) -> None:
        self.t = t
        self.repeats = 0


class Refusals:
    """What was refused by subject (strategy, market, and outcome where one leaves) and reason. Each reason is counted
    by itself: a row tells of its own repeats, whatever other reasons came between."""

    def __init__(self, every_s: int) -> None:
        self._every = every_s * SECOND
        self._sent: dict[tuple[str, str, str], dict[str, _Sent]] = {}

    def due(self, subject: tuple[str, str, str], reason: str, t: int) -> int | None:
        """How many equal refusals came unsent since the last row, when one is due at ``t`` (Unix ns); else None, and
        this one is counted."""
        reasons = self._sent.setdefault(subject, {})
        last = reasons.get(reason)
        if last is None:
            reasons[reason] = _Sent(t)
            return 0
        if t - last.t < self._every:
            last.repeats += 1
            return None
        repeats, last.repeats, last.t = last.repeats, 0, t
        return repeats

    def forget(self, market: str) -> None:
        for subject in [each for each in self._sent if each[1] == market]:
            del self._sent[subject]
