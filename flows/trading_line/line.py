"""The trading line as one plain object: journal events in, messages out. Flow, replay, tests and sweeps use its parts.

The flow runs router, lanes and desk as steps of their own, on as many workers as wanted; here they are called one after
the other. Both give the same rows.
"""

from __future__ import annotations

import msgspec

from connectors.venues.venue import Venue
from flows.trading_line.barrier import Barrier
from flows.trading_line.desk import Desk, Out
from flows.trading_line.items import Configured, Judged
from flows.trading_line.lane import Lane
from flows.trading_line.route import Router, states
from models.configuration import with_relevant
from models.journal import AnyEvent
from models.settings import Settings


class OrderedDesk:
    """The barrier and the desk behind it: one step, because nothing may come between them."""

    def __init__(self, settings: Settings, venue: Venue | None = None) -> None:
        self._barrier = Barrier()
        self._desk = Desk(settings, venue)

    def ready(self, judged: Judged) -> list[list[Judged]]:
        """The events that are complete with this copy, in journal order."""
        return self._barrier.offer(judged)

    def decide(self, copies: list[Judged]) -> list[Out]:
        """What one event leads to."""
        return self._desk.take(copies)

    def configure(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        self._desk.configure(settings)


class TradingLine:
    """Everything from the journal to the ledger. ``advance`` is the whole interface. ``fixed``: the configurations that
    the journal states are passed over."""

    def __init__(self, settings: Settings, venue: Venue | None = None, fixed: bool = False) -> None:
        self._fixed = fixed
        self._settings = settings
        self._router = Router()
        self._lanes: dict[str, Lane] = {}
        self._desk = OrderedDesk(settings, venue)

    def advance(self, event: AnyEvent) -> list[Out]:
        """What one journal event leads to. Raises ValueError where the journal is not whole, and Failure for a stated
        configuration that this version does not take."""
        out: list[Out] = []
        for routed in self._router.route(event, self._fixed):
            lane = self._lanes.get(routed.lane)
            if isinstance(routed, Configured):
                under = with_relevant(self._settings, msgspec.json.decode(routed.settings))
                self._lanes[routed.lane] = Lane(under, lane.state() if lane is not None else None)
                continue
            if lane is None:
                lane = self._lanes[routed.lane] = Lane(self._settings)
            for copies in self._desk.ready(lane.judge(routed)):
                stated = "" if self._fixed else states(copies[0].event)
                if stated:
                    self._desk.configure(with_relevant(self._settings, msgspec.json.decode(stated)))
                out.extend(self._desk.decide(copies))
        return out
