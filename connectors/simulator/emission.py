"""What the core of the simulated exchange hands to its servers."""

from __future__ import annotations

from typing import Literal, NamedTuple

Venue = Literal["polymarket", "coinbase"]


class Emission(NamedTuple):
    """One message at simulated Unix time ``t_ns``.

    Polymarket: ``channel`` is the event type, ``keys`` the tokens it speaks of (none = everyone who asked for custom
    features), ``frame`` the whole frame. Coinbase: ``channel`` as on the wire, ``keys`` the product, and ``frame`` the
    ``events`` array, because the envelope around it is numbered for each connection."""

    t_ns: int
    venue: Venue
    channel: str
    keys: tuple[str, ...]
    frame: bytes
