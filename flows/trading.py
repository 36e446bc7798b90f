"""The trading flow: the journal in; scans, decisions, orders, fills and ledger out.

journal -> route: to the lanes that care          (one order, drops what came twice)
        -> lanes: features and strategies         (keyed by underlying, on any worker)
        -> portfolio: barrier, gates, sizing, orders, fills, settlement, ledger   (one order again)
        -> scans, features, decisions, orders, fills, ledger, outcomes, telemetry
        -> what the data gates refused -> windows of event time -> quality

A configuration that the journal states reaches a lane before the first event that it has to judge by it, and the
portfolio with the event itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source

from flows.engine import in_batches, keyed, stateful
from flows.market_line.findings import Beat
from flows.quality import Tally, count_in_windows
from flows.state import Held, Schema
from flows.trading_line.barrier import Barrier
from flows.trading_line.items import Judged, Routed
from flows.trading_line.lane import Lane
from flows.trading_line.portfolio import Out, Portfolio, configuration_id
from flows.trading_line.records import Records
from flows.trading_line.route import Router
from flows.trading_line.sizing import Sizing
from models.journal import AnyEvent, Configuration, decode_event
from models.message import Message, Stored
from models.settings import Settings
from models.strategies.registry import active, limits_of
from models.timestamps import SECOND

Attach = Callable[[str, Stream[Message]], Any]


class Configured(msgspec.Struct, frozen=True):
    """A configuration on its way to a lane, as the journal stated it."""

    lane: str
    settings: str


class Way:
    """The router, and which configuration each lane was told last."""

    def __init__(self) -> None:
        self._router = Router()
        self._stated = ""
        self._told: dict[str, str] = {}

    def take(self, event: AnyEvent, fixed: bool) -> list[Routed | Configured]:
        out: list[Routed | Configured] = []
        for routed in self._router.route(event):
            if not fixed and isinstance(event, Configuration) and event.flow == "trading":
                self._stated = event.settings
            if self._told.get(routed.lane, "") != self._stated:
                self._told[routed.lane] = self._stated
                out.append(Configured(routed.lane, self._stated))
            out.append(routed)
        return out


class LaneUnder(Lane):
    """A lane whose settings may change."""

    def configured(self, settings: Settings) -> None:
        self._strategies = active(settings)


class PortfolioUnder(Portfolio):
    """A portfolio whose settings may change. Capital and what the venue has taken stay as they are."""

    def configured(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = limits_of(settings)
        self._sizing = Sizing(settings, self._limits)
        self._records = Records(self._out, self._known, self._name, configuration_id(settings))
        self._cooldown = int(settings.portfolio.cooldown_s * SECOND)


class Desk:
    """The barrier and the portfolio behind it: one step, because nothing may come between them."""

    def __init__(self, settings: Settings, configuration: str) -> None:
        self._barrier = Barrier()
        self._portfolio = PortfolioUnder(settings, configuration)

    def take(self, judged: Judged) -> list[Out]:
        """What one copy of an event leads to, where no configuration is stated."""
        return [out for copies in self.ready(judged) for out in self.decide(copies)]

    def ready(self, judged: Judged) -> list[list[Judged]]:
        """The events that are complete with this copy, in journal order."""
        return self._barrier.offer(judged)

    def decide(self, copies: list[Judged]) -> list[Out]:
        """What one event leads to."""
        return self._portfolio.take(copies)

    def configured(self, settings: Settings) -> None:
        self._portfolio.configured(settings)


def build(source: Source[Stored], attach: Attach, settings: Settings, fixed: bool = False) -> Dataflow:
    """The trading flow from ``source`` (the journal) to whatever ``attach(step id, stream)`` adds.

    It begins under ``settings`` and goes by each configuration that the journal states for a trading flow, from that
    event on; with ``fixed`` it stays under ``settings``."""
    way = Schema("trading.route", 1, lambda _: Way(), fixed=fixed)
    lanes = Schema("trading.lanes", 1, LaneUnder, configured=LaneUnder.configured, fixed=fixed)
    desk = Schema(
        "trading.portfolio",
        1,
        lambda given: Desk(given, configuration_id(given)),
        configured=Desk.configured,
        fixed=fixed,
    )
    flow = Dataflow("trading")
    journal = op.input("journal", flow, source)
    in_order = keyed("one_order", journal, settings.portfolio_name)
    routed = stateful("route", in_order, way, settings, in_batches(_route))
    by_lane = op.flat_map_batch("by_lane", routed, _by_lane)
    judged = stateful("lanes", by_lane, lanes, settings, in_batches(_judge))
    at_desk = op.flat_map_batch("at_desk", judged, lambda items: [(settings.portfolio_name, each) for _, each in items])
    decided = stateful("portfolio", at_desk, desk, settings, in_batches(_decide))
    attach("trading_out", op.flat_map_batch("messages", decided, _messages))
    count_in_windows(op.flat_map_batch("tallies", decided, _tallies), settings, "data_gate", attach)
    return flow


def _route(held: Held[Way], record: Stored) -> list[Routed | Configured]:
    return held.state.take(decode_event(record.value), held.schema.fixed)


def _by_lane(batches: list[tuple[str, list[Routed | Configured]]]) -> list[tuple[str, list[Routed | Configured]]]:
    lanes: dict[str, list[Routed | Configured]] = {}
    for _, batch in batches:
        for routed in batch:
            lanes.setdefault(routed.lane, []).append(routed)
    return list(lanes.items())


def _judge(held: Held[LaneUnder], routed: Routed | Configured) -> tuple[Judged, ...]:
    if isinstance(routed, Configured):
        held.configure(msgspec.json.decode(routed.settings))
        return ()
    return (held.state.judge(routed),)


def _decide(held: Held[Desk], judged: Judged) -> list[Out]:
    out: list[Out] = []
    for copies in held.state.ready(judged):
        event = copies[0].event
        if not held.schema.fixed and isinstance(event, Configuration) and event.flow == "trading":
            held.configure(msgspec.json.decode(event.settings))
        out.extend(held.state.decide(copies))
    return out


def _new_desk(settings: Settings) -> Desk:
    return Desk(settings, configuration_id(settings))


def _messages(outputs: list[tuple[str, list[Out]]]) -> list[Message]:
    return [out for _, batch in outputs for out in batch if isinstance(out, Message)]


def _tallies(outputs: list[tuple[str, list[Out]]]) -> list[tuple[str, Tally | Beat]]:
    return [("quality", out) for _, batch in outputs for out in batch if not isinstance(out, Message)]
