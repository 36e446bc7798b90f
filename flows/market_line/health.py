"""How well a feed, or one asset of it, can be relied on: a state machine whose rules are a table."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from models.reasons import Reason

Status = Literal["starting", "running", "warning", "failed"]


class State(StrEnum):
    """``connecting``: nothing stood yet. ``warming``: a connection stands and nothing sound came through it yet.
    ``healthy``: sound data comes. ``degraded``: it comes, with faults. ``stale``: it stopped although the connection
    stands. ``down``: no connection stands."""

    CONNECTING = "connecting"
    WARMING = "warming"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    STALE = "stale"
    DOWN = "down"


class Signal(StrEnum):
    """What can happen to a feed. ``sound``: data that passed its checks. ``clear``: no fault for a while."""

    OPENED = "opened"
    SOUND = "sound"
    FAULT = "fault"
    CLEAR = "clear"
    SILENT = "silent"
    CLOSED = "closed"
    RESTARTED = "restarted"


STATUS: Final[dict[State, Status]] = {
    State.CONNECTING: "starting",
    State.WARMING: "starting",
    State.HEALTHY: "running",
    State.DEGRADED: "warning",
    State.STALE: "warning",
    State.DOWN: "failed",
}

_C, _W, _H, _D, _S, _X = State

#: (state, signal) -> next state; what is not in it changes nothing.
RULES: Final[dict[tuple[State, Signal], State]] = {
    (_C, Signal.OPENED): _W,
    (_C, Signal.SOUND): _H,
    (_C, Signal.CLOSED): _X,
    (_W, Signal.SOUND): _H,
    (_W, Signal.FAULT): _D,
    (_W, Signal.SILENT): _S,
    (_W, Signal.CLOSED): _X,
    (_W, Signal.RESTARTED): _C,
    (_H, Signal.FAULT): _D,
    (_H, Signal.SILENT): _S,
    (_H, Signal.CLOSED): _X,
    (_H, Signal.RESTARTED): _C,
    (_D, Signal.CLEAR): _H,
    (_D, Signal.SILENT): _S,
    (_D, Signal.CLOSED): _X,
    (_D, Signal.RESTARTED): _C,
    (_S, Signal.OPENED): _W,
    (_S, Signal.SOUND): _H,
    (_S, Signal.CLOSED): _X,
    (_S, Signal.RESTARTED): _C,
    (_X, Signal.OPENED): _W,
    (_X, Signal.SOUND): _H,
    (_X, Signal.RESTARTED): _C,
}


class Health:
    """The state of one feed or asset. Times are Unix ns of event time."""

    __slots__ = ("_calm_ns", "_last_fault", "since", "state", "transitions", "why")

    def __init__(self, calm_ns: int) -> None:
        """``calm_ns``: without a fault for this long a degraded feed is healthy again."""
        self._calm_ns = calm_ns
        self._last_fault = 0
        self.state = State.CONNECTING
        self.since = 0
        self.why: str = Reason.NO_SNAPSHOT
        self.transitions = 0

    def take(self, signal: Signal, t: int, reason: str = Reason.OK) -> bool:
        """Whether the signal changed the state. ``reason``: why it was given."""
        if signal is Signal.FAULT:
            self._last_fault = t
        to = RULES.get((self.state, signal))
        if to is None:
            return False
        self.state, self.since, self.why = to, t, reason
        self.transitions += 1
        return True

    def tick(self, t: int) -> bool:
        """Time passes: faults of long ago are forgiven. Whether that changed the state."""
        if self.state is State.DEGRADED and t - self._last_fault >= self._calm_ns:
            return self.take(Signal.CLEAR, t)
        return False
