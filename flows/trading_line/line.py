"""The trading line as one plain object: journal events in, messages out. Flow, replay, tests and sweeps use its parts.

The flow runs router, lanes and desk as steps of their own, on as many workers as wanted; here they are called one after
the other. Both give the same rows.
"""

from __future__ import annotations

from connectors.venues.venue import Venue
from flows.trading_line.barrier import Barrier
from flows.trading_line.desk import Desk, Out
from flows.trading_line.items import Judged
from flows.trading_line.lane import Lane
from flows.trading_line.route import Router
from models.journal import AnyEvent
from models.settings import Settings


class OrderedDesk:
    """The barrier and the desk behind it: one step, because nothing may come between them."""

    def __init__(self, settings: Settings, venue: Venue | None = None) -> None:
        self._barrier = Barrier()
        self._desk = Desk(settings, venue)

    def take(self, judged: Judged) -> list[Out]:
        """What the events that are now complete lead to, in journal order."""
        out: list[Out] = []
        for copies in self._barrier.offer(judged):
            out.extend(self._desk.take(copies))
        return out


class TradingLine:
    """Everything from the journal to the ledger. ``advance`` is the whole interface."""

    def __init__(self, settings: Settings, venue: Venue | None = None) -> None:
        self._settings = settings
        self._router = Router()
        self._lanes: dict[str, Lane] = {}
        self._desk = OrderedDesk(settings, venue)

    def advance(self, event: AnyEvent) -> list[Out]:
        """What one journal event leads to. Raises ValueError where the journal is not whole."""
        out: list[Out] = []
        for routed in self._router.route(event):
            lane = self._lanes.get(routed.lane)
            if lane is None:
                lane = self._lanes[routed.lane] = Lane(self._settings)
            out.extend(self._desk.take(lane.judge(routed)))
        return out
