"""The position that a decision was about: what was bought, and whether it was sold, settled, or is still held."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from api.server.formats import iso, shares, usd
from api.server.lookup import Lookup
from flows.report.round_trips import Trip, round_trips
from models.contracts import Fill, Outcome
from models.timestamps import utc
from models.topics import FILLS


class HeldPosition(BaseModel):
    """From its first share to none. Money is after all fees."""

    state: Literal["open", "sold", "settled"]
    opened: str
    closed: str = Field(description="empty while it is open")
    bought_shares: float
    held_shares: float = Field(description="that are left")
    net_usd: float | None = Field(description="what it came to; null while it is open")
    text: str = Field(description="all that in one sentence")


def held_by(own: Lookup, fills: Sequence[Fill], outcome: Outcome | None) -> HeldPosition | None:
    """The position that the first of ``fills``, a decision's own, belongs to; None where it has none. Reads all fills
    of the run."""
    if not fills:
        return None
    one = fills[0]
    place = (one.strategy, one.market_key, one.outcome, one.account)
    found = (Fill.read(each.value) for each in own.containing(FILLS, json.dumps(one.market_key).encode()))
    kin = [each for each in found if (each.strategy, each.market_key, each.outcome, each.account) == place]
    closed, standing = round_trips(kin, [outcome] if outcome is not None else [])
    for trip in (*closed, *standing):
        if any(each.id == one.id for each in trip.fills):
            return _view(trip)
    return None


def _view(trip: Trip) -> HeldPosition:
    state: Literal["open", "sold", "settled"] = "open" if not trip.closed else "settled" if trip.settled else "sold"
    bought, held = shares(trip.bought), shares(trip.held)
    if state == "open":
        text = f"the position is open: {held:,.2f} of {bought:,.2f} shares are held"
    else:
        how = "sold" if state == "sold" else "held to the settlement"
        net = usd(trip.net)
        money = f"{'-' if net < 0 else '+'}${abs(net):,.2f} after all fees"
        text = f"the position of {bought:,.2f} shares was {how}, {utc(trip.closed)} UTC: {money}"
    return HeldPosition(
        state=state,
        opened=iso(trip.opened),
        closed=iso(trip.closed),
        bought_shares=bought,
        held_shares=held,
        net_usd=usd(trip.net) if trip.closed else None,
        text=text,
    )
