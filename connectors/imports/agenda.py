"""Frames whose time is known before it has come: strikes, resolutions."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from connectors.imports.frames import Frame


class Agenda:
    """A queue of frames by time; equal times keep the order of entry."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Frame]] = []
        self._entered = 0

    def add(self, frame: Frame) -> None:
        heapq.heappush(self._heap, (frame.recv_ns, self._entered, frame))
        self._entered += 1

    def due(self, t_ns: int) -> Iterator[Frame]:
        """What is due at or before ``t_ns``, taken off."""
        while self._heap and self._heap[0][0] <= t_ns:
            yield heapq.heappop(self._heap)[2]

    def rest(self) -> Iterator[Frame]:
        """All that is left, by time."""
        while self._heap:
            yield heapq.heappop(self._heap)[2]
