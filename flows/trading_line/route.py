"""Which lanes an event goes to: its underlying's; the clock and inputs, which concern everyone, to all seen so far."""

from __future__ import annotations

import msgspec

from flows.trading_line.items import Configured, Routed
from models.inputs import Promotion, read_input
from models.journal import AnyEvent, Clock, Configuration, Input
from models.topics import MODELS

_MOST_STANDING = 1_000
_FOR_ALL = (Clock, Input)
_RARE = (Clock, Input, Configuration)


class RouterState(msgspec.Struct):
    """``lanes``: seen so far, sorted. ``next``: number of the next event. ``standing``: inputs that hold until another
    of their subject comes, in their order. ``stated``: the configuration that holds, "" before the journal states one;
    ``reported``: which one each lane was given last."""

    lanes: list[str] = []
    next: int = 0
    standing: dict[str, Input] = {}
    stated: str = ""
    reported: dict[str, str] = {}


def states(event: AnyEvent) -> str:
    """The configuration that the event puts the trading flow under, as JSON; "" for none."""
    return event.settings if isinstance(event, Configuration) and event.flow == "trading" else ""


class Router:
    """Drops events it has seen (``seq`` below the next): a crashed market flow emits its last ones again.

    A lane that is born late is handed, with its first event, the inputs that stand: the last of each subject."""

    SCHEMA = "router/1"

    def __init__(self, state: RouterState | None = None) -> None:
        self._state = state or RouterState()

    def state(self) -> RouterState:
        """The state, to be written at once: it is not a copy."""
        return self._state

    def route(self, event: AnyEvent, fixed: bool = False) -> list[Routed | Configured]:
        """The event for each lane that it goes to; before it, where the lane has not heard of it yet, the configuration
        that holds. ``fixed``: no statement changes the configuration.

        Raises ValueError on a gap in the journal, which nothing downstream could survive honestly."""
        state = self._state
        lane = event.lane
        if (
            event.seq == state.next
            and not isinstance(event, _RARE)
            and lane in state.lanes
            and state.reported.get(lane, "") == state.stated
        ):  # by far the most: for one lane that knows all
            state.next += 1
            return [Routed(lane, event, 1)]
        stated, out = "" if fixed else states(event), list[Routed | Configured]()
        if stated and event.seq >= state.next:
            state.stated = stated
        for routed in self._route(event):
            if state.reported.get(routed.lane, "") != state.stated:
                state.reported[routed.lane] = state.stated
                out.append(Configured(routed.lane, state.stated))
            out.append(routed)
        return out

    def _route(self, event: AnyEvent) -> list[Routed]:
        state = self._state
        if event.seq < state.next:
            return []
        if event.seq > state.next:
            raise ValueError(f"the journal jumps from event {state.next - 1} to {event.seq}: it is not whole")
        state.next = event.seq + 1
        lanes = state.lanes
        if isinstance(event, _FOR_ALL):
            if isinstance(event, Input):
                self._stand(event)
            if lanes:
                copies = len(lanes)
                return [Routed(lane, event, copies) for lane in lanes]
            return [Routed("", event, 1)]
        lane = event.lane
        if lane and lane not in lanes:
            lanes.append(lane)
            lanes.sort()
            return [Routed(lane, event, 1, tuple(state.standing.values()))]
        return [Routed(lane, event, 1)]

    def _stand(self, event: Input) -> None:
        subject = _subject(event)
        if not subject:
            return
        standing = self._state.standing
        standing.pop(subject, None)  # the order is that of the last of each
        standing[subject] = event
        if len(standing) > _MOST_STANDING:
            del standing[next(iter(standing))]


def _subject(event: Input) -> str:
    """What the input is about, where it stands until another one of the same subject; "" where it does not. Execution
    reports tell of a moment. Commands are the desk's, which hears every event from the first on."""
    if event.topic != MODELS:
        return ""
    try:
        said = read_input(event.topic, event.payload.encode())
    except (msgspec.MsgspecError, ValueError):
        return ""
    return f"model of {said.instance}" if isinstance(said, Promotion) else ""
