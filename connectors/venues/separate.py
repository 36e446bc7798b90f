"""A paper venue for each instance: what one of them takes is still there for the others.

For judging instances beside each other. Instances that trade one account share one venue and compete for what the
exchange shows; these have accounts of their own, and none must look worse because another was there.
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors.venues.paper.parameters import PaperParameters
from connectors.venues.paper.venue import PaperVenue
from models.journal import AnyEvent, Market
from models.orders import FINAL, Report, WorkingOrder


class SeparateVenues:
    """A ``Venue`` that hands each order to the paper venue of its instance. Every venue hears every event."""

    def __init__(self, parameters: PaperParameters, instances: Iterable[str]) -> None:
        """``instances``: those that will trade. One that comes later knows what it hears from its first order on."""
        self._venues = {name: PaperVenue(parameters) for name in instances}
        self._any = PaperVenue(parameters)  # of nobody: it says when an order would arrive, by its id alone
        self._given = parameters
        self._of: dict[str, str] = {}  # order -> instance, while it is under way

    def configure(self, parameters: PaperParameters) -> None:
        """Go by these parameters from now on."""
        self._given = parameters
        for venue in (*self._venues.values(), self._any):
            venue.configure(parameters)

    # --- commands -------------------------------------------------------------------------------------------------

    def arrival(self, order_id: str, market: Market, t: int, lag: int, takes: bool = True) -> int:
        return self._any.arrival(order_id, market, t, lag, takes)

    def send(self, order: WorkingOrder) -> None:
        self._of[order.id] = order.instance
        venue = self._venues.get(order.instance)
        if venue is None:
            venue = self._venues[order.instance] = PaperVenue(self._given)
        venue.send(order)

    def cancel(self, order_id: str, t: int) -> None:
        if order_id in self._of:
            self._venues[self._of[order_id]].cancel(order_id, t)

    def query(self, order_id: str, t: int) -> None:
        if order_id in self._of:
            self._venues[self._of[order_id]].query(order_id, t)

    # --- events ---------------------------------------------------------------------------------------------------

    def hear(self, event: AnyEvent) -> list[Report]:
        reports: list[Report] = []
        for venue in self._venues.values():
            reports.extend(venue.hear(event))
        for report in reports:
            if report.state in FINAL:
                self._of.pop(report.order, None)
        return reports

    def forget(self, market: Market) -> None:
        for venue in self._venues.values():
            venue.forget(market)
