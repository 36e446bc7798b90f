"""Which lanes an event goes to: its underlying's; the clock and what concerns everyone go to all seen so far."""

from __future__ import annotations

from flows.trading_line.items import Routed
from models.journal import AnyEvent, Clock


class Router:
    """Drops events it has seen (``seq`` below the next): a crashed market flow emits its last ones again."""

    def __init__(self) -> None:
        self._lanes: list[str] = []
        self.next = 0

    def route(self, event: AnyEvent) -> list[Routed]:
        """Raises ValueError on a gap in the journal, which nothing downstream could survive honestly."""
        if event.seq < self.next:
            return []
        if event.seq > self.next:
            raise ValueError(f"the journal jumps from event {self.next - 1} to {event.seq}: it is not whole")
        self.next = event.seq + 1
        if isinstance(event, Clock) and self._lanes:
            copies = len(self._lanes)
            return [Routed(lane, event, copies) for lane in self._lanes]
        lane = event.lane
        if lane and lane not in self._lanes:
            self._lanes.append(lane)
            self._lanes.sort()
        return [Routed(lane, event, 1)]
