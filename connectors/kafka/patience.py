"""How long the broker may hold a fetch: as short as it bears.

The embedded broker searches a topic from its beginning for each fetch, and answers empty when it has not found the
place within the fetch's wait. So the milliseconds that keep a reader quick in a short topic starve it for good in a
long one: measured, with 25,000 batches a wait of 10 ms gives nothing and keeps the broker busy, one of 40 ms gives hops
of 32 ms, one of 500 ms hops of 145 ms. How many batches there are nobody tells, so the wait is found by trying.
"""

from __future__ import annotations

from typing import Final

#: The longest wait, which is also the client library's own.
MOST_MS: Final = 500
#: From one wait to the next.
FACTOR: Final = 4
#: For so long a wait stands before a shorter one is tried; twice as long each time that one starved.
HOLD_S: Final = 300.0
MOST_HOLD_S: Final = 3_600.0


class Patience:
    """The wait in milliseconds. ``raised``, ``lowered``: how often it was changed. Times are seconds of a monotonic
    clock."""

    def __init__(self, quick_ms: int) -> None:
        self.wait_ms = self._quick_ms = quick_ms
        self.raised = self.lowered = 0
        self._hold_s = HOLD_S
        self._changed = 0.0
        self._trying = False  # whether the wait is a shorter one that was tried

    @property
    def strained(self) -> bool:
        """Whether the wait is longer than the reader would like."""
        return self.wait_ms > self._quick_ms

    def starved(self, now: float) -> bool:
        """A topic that has more gave nothing: the next longer wait. False when there is none."""
        if self.wait_ms >= MOST_MS:
            return False
        self.raised += 1
        if self._trying:
            self._hold_s = min(self._hold_s * 2, MOST_HOLD_S)
        self._change(min(self.wait_ms * FACTOR, MOST_MS), now, trying=False)
        return True

    def fed(self, now: float) -> bool:
        """Nothing starves: after a while the next shorter wait. False while this one stands."""
        if not self.strained or now - self._changed < self._hold_s:
            return False
        self.lowered += 1
        self._change(max(self.wait_ms // FACTOR, self._quick_ms), now, trying=True)
        return True

    def _change(self, wait_ms: int, now: float, trying: bool) -> None:
        self.wait_ms = wait_ms
        self._changed = now
        self._trying = trying
