"""The one interface of every venue, paper or live: commands out, reports in."""

from __future__ import annotations

from typing import Protocol

from models.journal import AnyEvent, Market
from models.orders import Report, WorkingOrder


class Venue(Protocol):
    """Where orders go. What it reports is a deterministic function of its commands and of the journal: a live venue
    reports from ``executions`` events, the paper venue from the market events themselves."""

    def arrival(self, order_id: str, market: Market, t: int, lag: int, takes: bool = True) -> int:
        """When an order sent at ``t`` (Unix ns) would reach the book, ``lag`` ns of our own delay included. ``takes``:
        whether it cannot rest (FAK, FOK), so that the exchange holds it for the market's taker delay."""

    def send(self, order: WorkingOrder) -> None:
        """Send an order; its ``due`` is ``arrival``."""

    def cancel(self, order_id: str, t: int) -> None:
        """Ask that what is open of an order be cancelled; ``t``: Unix ns when the cancel leaves us. A fill may come
        first, and then no answer follows."""

    def query(self, order_id: str, t: int) -> None:
        """Ask for the state of an order that is ``unknown``, by its id."""

    def hear(self, event: AnyEvent) -> list[Report]:
        """Take a journal event in; what became of orders before it and by it, in order."""

    def forget(self, market: Market) -> None:
        """Nothing more comes of this market."""
