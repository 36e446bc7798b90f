"""When nobody was looking: a moment counts as seen when something was observed soon after it."""

from __future__ import annotations

from typing import Final

from models.journal import Clock

_TICKS: Final = 2
#: A pause of the recorder is no slower clock: at most so many times the interval it began with.
_SLOWEST: Final = 10


class Cadence:
    """The length of the recorder's tick, learned from the journal. An operator's command makes a tick of its own, so
    the longer of the last two intervals counts."""

    def __init__(self, tick: int) -> None:
        """``tick``: ns, until two ticks were heard."""
        self._start = tick
        self._last: tuple[int, int] | None = None  # number and time
        self._intervals: list[int] = []

    def hear(self, clock: Clock) -> None:
        last = self._last
        if last is not None:
            if clock.number == last[0] + 1:
                self._intervals = [*self._intervals[-1:], clock.t - last[1]]
            else:  # another run of the recorder: what lies between is a hole and no tick
                self._intervals = []
        self._last = (clock.number, clock.t)

    @property
    def tick(self) -> int:
        """ns."""
        if not self._intervals:
            return self._start
        return min(max(self._intervals), _SLOWEST * self._start)

    def is_observed(self, due: int, following: int) -> bool:
        """Whether the first event after ``due``, at ``following`` (Unix ns), came within two ticks of it."""
        return following - due <= _TICKS * self.tick
