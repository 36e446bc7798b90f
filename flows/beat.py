"""The moments of event time by which a flow's windows close."""

from __future__ import annotations

import msgspec


class Beat(msgspec.Struct, frozen=True, gc=False):
    """On its way to the windows: closes those that ended before ``t`` (Unix ns)."""

    t: int


class Beats:
    """One beat a window is enough: the first clock tick that lies in another window than the one before it."""

    def __init__(self, window: int) -> None:
        """``window``: the windows' length in ns; they are aligned to the epoch."""
        self._window = window
        self._turn = -1

    def at(self, t: int) -> list[Beat]:
        """The beat of the clock tick at ``t`` (Unix ns), where there is one."""
        turn = t // self._window
        if turn == self._turn:
            return []
        self._turn = turn
        return [Beat(t)]
