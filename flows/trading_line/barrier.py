"""The sequence barrier: puts what the lanes judged back into journal order, whichever worker was faster."""

from __future__ import annotations

import msgspec

from flows.trading_line.items import Judged


class BarrierState(msgspec.Struct):
    """``next``: number of the next event; ``waiting``: copies of later ones, and of it while it is not whole."""

    next: int = 0
    waiting: dict[int, list[Judged]] = {}


class Barrier:
    """Holds events back until every lane has delivered its copy of the next one."""

    SCHEMA = "barrier/1"

    def __init__(self, state: BarrierState | None = None) -> None:
        self._state = state or BarrierState()

    def state(self) -> BarrierState:
        """The state, to be written at once: it is not a copy."""
        return self._state

    def offer(self, judged: Judged) -> list[list[Judged]]:
        """The events that are now complete, in order; each as its copies in lane order."""
        state = self._state
        if judged.seq < state.next:
            return []
        waiting = state.waiting
        if not waiting and judged.copies == 1 and judged.seq == state.next:  # by far the most
            state.next += 1
            return [[judged]]
        waiting.setdefault(judged.seq, []).append(judged)
        ready: list[list[Judged]] = []
        while True:
            copies = waiting.get(state.next)
            if copies is None or len(copies) < copies[0].copies:
                return ready
            del waiting[state.next]
            if len(copies) > 1:
                copies.sort(key=lambda copy: copy.lane)
            ready.append(copies)
            state.next += 1
