"""The sequence barrier: puts what the lanes judged back into journal order, whichever worker was faster."""

from __future__ import annotations

from flows.trading_line.items import Judged


class Barrier:
    """Holds events back until every lane has delivered its copy of the next one."""

    def __init__(self) -> None:
        self.next = 0
        self._waiting: dict[int, list[Judged]] = {}

    def offer(self, judged: Judged) -> list[list[Judged]]:
        """The events that are now complete, in order; each as its copies in lane order."""
        if judged.seq < self.next:
            return []
        self._waiting.setdefault(judged.seq, []).append(judged)
        ready: list[list[Judged]] = []
        while True:
            copies = self._waiting.get(self.next)
            if copies is None or len(copies) < copies[0].copies:
                return ready
            del self._waiting[self.next]
            copies.sort(key=lambda copy: copy.lane)
            ready.append(copies)
            self.next += 1
