"""A fault at work, whom it concerns, and its entries in the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple

from connectors.simulator.emission import Venue
from connectors.simulator.exchange import Exchange
from connectors.simulator.faults.bookview import TokenDisplay
from connectors.simulator.faults.evidence import EVIDENCE
from connectors.simulator.faults.timeline import AnyFault
from connectors.simulator.faults.truth import Injected, Session, Truth
from connectors.simulator.updown import UpDownMarket


class Outgoing(NamedTuple):
    """A frame on its way to a client. ``how``: whole; ``cut``: half of it and the connection ends; ``sent_away``: no
    byte of it, the client is sent away. ``marks`` are the strokes that this frame is the evidence of. ``number``: the
    sequence number it bears; -1 = none."""

    frame: bytes
    how: Literal["whole", "cut", "sent_away"] = "whole"
    marks: tuple[Injected, ...] = ()
    number: int = -1


@dataclass
class Running:
    """A fault at work."""

    number: int
    fault: AnyFault
    until_ns: float
    rng: Random
    left: int
    marks: dict[tuple[str, str], Injected] = field(default_factory=dict)  # of a lasting fault, by session and token
    views: dict[str, TokenDisplay] = field(default_factory=dict)
    books: dict[str, bytes] = field(default_factory=dict)  # what a stale REST shows

    def strikes(self) -> bool:
        """Whether it strikes this time; counts when it does."""
        if self.left == 0 or (self.fault.chance < 1 and self.rng.random() >= self.fault.chance):
            return False
        if self.left > 0:
            self.left -= 1
        return True


class Targets:
    """Which markets and frames a fault concerns."""

    def __init__(self, core: Exchange) -> None:
        self._core = core

    def markets(self, asset: str | None, horizon: str | None) -> list[UpDownMarket]:
        """All markets of an asset and a horizon; None: of any."""
        return [
            market
            for market in self._core.markets.values()
            if asset in (None, market.window.asset) and horizon in (None, market.window.horizon)
        ]

    def concern(self, fault: AnyFault, venue: Venue, keys: tuple[str, ...]) -> bool:
        """Whether the fault strikes frames of ``venue`` that speak of ``keys``."""
        if getattr(fault, "venue", venue) != venue:
            return False
        asset = getattr(fault, "asset", None)
        if venue == "coinbase":
            return asset is None or f"{asset}-USD" in keys
        horizon, outcome = getattr(fault, "horizon", None), getattr(fault, "outcome", None)
        if asset is None and horizon is None and outcome is None:
            return True
        for token in keys:
            found = self._core.by_token.get(token)
            if found is None:
                continue
            window = found[0].window
            named = ("up", "down")[found[1]]
            if asset in (None, window.asset) and horizon in (None, window.horizon) and outcome in (None, named):
                return True
        return False


class Log:
    """Makes the entries of the truth log."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    @staticmethod
    def stroke(running: Running, now_ns: int, session: Session, channel: str, keys: tuple[str, ...]) -> Injected:
        """A stroke on one session, not yet in the log: it goes there when its evidence was sent."""
        kind = EVIDENCE[running.fault.kind]
        polymarket = session.venue == "polymarket"
        return Injected(
            fault=running.number,
            kind=running.fault.kind,
            t_ns=now_ns,
            venue=session.venue,
            session=session.id,
            conn=session.conn,
            tokens=keys if polymarket else (),
            product="" if polymarket or not keys else keys[0],
            channel=channel,
            reasons=tuple(kind.reasons(session.venue)),
            possible=tuple(kind.possible),
        )

    def mark(self, running: Running, now_ns: int, tokens: tuple[str, ...] = (), venue: str = "") -> Injected:
        """A stroke on the exchange itself, in the log at once."""
        kind = EVIDENCE[running.fault.kind]
        return self._truth.inject(
            Injected(
                fault=running.number,
                kind=running.fault.kind,
                t_ns=now_ns,
                venue=venue or "polymarket",
                tokens=tokens,
                reasons=tuple(kind.reasons(venue or "polymarket")),
                possible=tuple(kind.possible),
            )
        )

    def lasting(self, running: Running, session: Session, token: str, now_ns: int) -> Injected:
        """The one stroke of a lasting fault on a session (and token)."""
        key = (session.id, token)
        mark = running.marks.get(key)
        if mark is None:
            mark = running.marks[key] = self.stroke(running, now_ns, session, "", (token,) if token else ())
            self._truth.inject(mark)
        return mark

    def take(self, stroke: Injected) -> None:
        """A stroke that happened."""
        self._truth.inject(stroke)
