"""A venue whose answers come late, or never: as a live one does whose network or matching engine is away."""

from __future__ import annotations

from connectors.venues.venue import Venue
from models.journal import AnyEvent, Market
from models.orders import Report, WorkingOrder


class TardyVenue:
    """Passes everything on to ``inner``, but what becomes of an order that is ``unknown``: that is said ``answer`` ns
    and ``events`` after it was first asked for, and never where ``answer`` is below zero."""

    def __init__(self, inner: Venue, answer: int, events: int = 0) -> None:
        self._inner = inner
        self.answer = answer
        self._events = events
        self._heard = 0
        self._silent: dict[str, list[Report]] = {}
        self._asked: dict[str, tuple[int, int]] = {}  # order -> when, Unix ns and events

    def arrival(self, order_id: str, market: Market, t: int, lag: int, takes: bool = True) -> int:
        return self._inner.arrival(order_id, market, t, lag, takes)

    def send(self, order: WorkingOrder) -> None:
        self._inner.send(order)

    def cancel(self, order_id: str, t: int) -> None:
        self._inner.cancel(order_id, t)

    def query(self, order_id: str, t: int) -> None:
        self._asked.setdefault(order_id, (t, self._heard))
        self._inner.query(order_id, t)

    def hear(self, event: AnyEvent) -> list[Report]:
        said: list[Report] = []
        self._heard += 1
        for report in self._inner.hear(event):
            if report.order in self._silent:
                self._silent[report.order].append(report)
                continue
            if report.state == "unknown":
                self._silent[report.order] = []
            said.append(report)
        for name, (t, heard) in list(self._asked.items()):
            due = 0 <= self.answer <= event.t - t and self._heard - heard >= self._events
            if due and self._silent.get(name):
                said.extend(self.say(name))
        return said

    def say(self, order_id: str) -> list[Report]:
        """What became of the order; from now on everything is said of it again."""
        self._asked.pop(order_id, None)
        return self._silent.pop(order_id)

    def forget(self, market: Market) -> None:
        self._inner.forget(market)
