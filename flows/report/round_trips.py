"""Positions out of fills and outcomes: which were closed and what each came to, and which are open.

A round trip begins with the first share of an outcome that a strategy holds and ends when it holds none: sold or
settled.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from models.contracts import Fill, Outcome
from models.money import PIP


class Trip(msgspec.Struct):
    """A position from its first share on. Times are Unix ns, ``closed`` is 0 while it is open; money is micro-dollars,
    shares are micro-shares. ``held``: shares left. ``basis``: what was paid for those, without fees. ``settled``:
    shares held to the settlement, which paid ``payout``, part of ``received``. ``fills``: in the order in which they
    came."""

    strategy: str
    market: str
    outcome: str
    opened: int
    closed: int = 0
    bought: int = 0
    held: int = 0
    basis: int = 0
    paid: int = 0
    received: int = 0
    fees: int = 0
    settled: int = 0
    payout: int = 0
    fills: list[Fill] = []

    @property
    def net(self) -> int:
        """What it came to after fees, of a closed one; micro-dollars."""
        return self.received - self.paid - self.fees


def round_trips(fills: Iterable[Fill], outcomes: Iterable[Outcome]) -> tuple[list[Trip], list[Trip]]:
    """(closed, open) positions in the order of their ends and beginnings. ``fills`` in the order in which they came; no
    fill of a market comes after its outcome. Of several outcomes of a market the first counts."""
    standing: dict[tuple[str, str, str], Trip] = {}
    closed: list[Trip] = []
    paid: dict[str, list[Trip]] = {}
    for fill in fills:
        key = (fill.strategy, fill.market_key, fill.outcome)
        trip = standing.setdefault(key, Trip(*key, opened=fill.timestamp))
        trip.fees += fill.fee
        trip.fills.append(fill)
        if fill.side == "buy":
            trip.bought += fill.size
            trip.held += fill.size
            trip.basis += fill.gross
            trip.paid += fill.gross
        else:
            trip.basis -= trip.basis * fill.size // trip.held if trip.held else 0
            trip.held -= fill.size
            trip.received += fill.gross
            if trip.held == 0:
                trip.closed = fill.timestamp
                closed.append(standing.pop(key))
    for outcome in outcomes:
        payouts = {"Up": outcome.payout_up, "Down": outcome.payout_down}
        for trip in [each for each in standing.values() if each.market == outcome.market_key]:
            del standing[trip.strategy, trip.market, trip.outcome]
            trip.settled, trip.held, trip.basis = trip.held, 0, 0
            trip.closed = outcome.timestamp
            closed.append(trip)
            paid.setdefault(trip.market, []).append(trip)
        for trip in paid.get(outcome.market_key, ()):  # those of before were corrected
            payout = payouts[trip.outcome] * trip.settled // PIP
            trip.received += payout - trip.payout
            trip.payout = payout
    closed.sort(key=lambda trip: (trip.closed, trip.strategy, trip.market, trip.outcome))
    return closed, list(standing.values())
