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


class HealthSignal(StrEnum):
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
RULES: Final[dict[tuple[State, HealthSignal], State]] = {
    (_C, HealthSignal.OPENED): _W,
    (_C, HealthSignal.SOUND): _H,
    (_C, HealthSignal.CLOSED): _X,
    (_W, HealthSignal.SOUND): _H,
    (_W, HealthSignal.FAULT): _D,
    (_W, HealthSignal.SILENT): _S,
    (_W, HealthSignal.CLOSED): _X,
    (_W, HealthSignal.RESTARTED): _C,
    (_H, HealthSignal.FAULT): _D,
    (_H, HealthSignal.SILENT): _S,
    (_H, HealthSignal.CLOSED): _X,
    (_H, HealthSignal.RESTARTED): _C,
    (_D, HealthSignal.CLEAR): _H,
    (_D, HealthSignal.SILENT): _S,
    (_D, HealthSignal.CLOSED): _X,
    (_D, HealthSignal.RESTARTED): _C,
    (_S, HealthSignal.OPENED): _W,
    (_S, HealthSignal.SOUND): _H,
    (_S, HealthSignal.CLOSED): _X,
    (_S, HealthSignal.RESTARTED): _C,
    (_X, HealthSignal.OPENED): _W,
    (_X, HealthSignal.SOUND): _H,
    (_X, HealthSignal.RESTARTED): _C,
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

    def take(self, signal: HealthSignal, t: int, reason: str = Reason.OK) -> bool:
        """Whether the signal changed the state. ``reason``: why it was given."""
        if signal is HealthSignal.FAULT:
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
            return self.take(HealthSignal.CLEAR, t)
        return False
