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

from flows.beat import Beat
from flows.engine import in_batches, keyed, stateful
from flows.quality import Tally, count_in_windows
from flows.state import OwnedState, Schema
from flows.trading_line.desk import Out
from flows.trading_line.items import Configured, Judged, Routed
from flows.trading_line.lane import Lane
from flows.trading_line.line import OrderedDesk
from flows.trading_line.route import Router, states
from models.journal import decode_event
from models.message import Message, Stored
from models.settings import Settings
from models.strategies.instance import instances
from models.strategies.rehearsal import require_rehearsed

Attach = Callable[[str, Stream[Message]], Any]


def build(source: Source[Stored], attach: Attach, settings: Settings, fixed: bool = False) -> Dataflow:
    """The trading flow from ``source`` (the journal) to whatever ``attach(step id, stream)`` adds.

    It begins under ``settings`` and goes by each configuration that the journal states for a trading flow, from that
    event on; with ``fixed`` it stays under ``settings``. Raises RehearsalFailed for a strategy that shows what it does
    not declare."""
    require_rehearsed(instances(settings))
    way, lanes, desk = schemas(fixed)
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


def schemas(fixed: bool = False) -> tuple[Schema[Router], Schema[Lane], Schema[OrderedDesk]]:
    """What the steps ``route``, ``lanes`` and ``portfolio`` keep."""
    return (
        Schema("trading.route", 2, lambda _: Router(), fixed=fixed),
        Schema("trading.lanes", 2, Lane, fixed=fixed),
        Schema("trading.portfolio", 4, OrderedDesk, fixed=fixed),
    )


def _route(owned: OwnedState[Router], record: Stored) -> list[Routed | Configured]:
    return owned.state.route(decode_event(record.value), owned.schema.fixed)


def _by_lane(batches: list[tuple[str, list[Routed | Configured]]]) -> list[tuple[str, list[Routed | Configured]]]:
    lanes: dict[str, list[Routed | Configured]] = {}
    for _, batch in batches:
        for routed in batch:
            lanes.setdefault(routed.lane, []).append(routed)
    return list(lanes.items())


def _judge(owned: OwnedState[Lane], routed: Routed | Configured) -> tuple[Judged, ...]:
    if isinstance(routed, Configured):
        owned.configure(msgspec.json.decode(routed.settings))
        return ()
    return (owned.state.judge(routed),)


def _decide(owned: OwnedState[OrderedDesk], judged: Judged) -> list[Out]:
    out: list[Out] = []
    for copies in owned.state.ready(judged):
        stated = "" if owned.schema.fixed else states(copies[0].event)
        if stated:
            owned.configure(msgspec.json.decode(stated))
        out.extend(owned.state.decide(copies))
    return out


def _messages(outputs: list[tuple[str, list[Out]]]) -> list[Message]:
    return [out for _, batch in outputs for out in batch if isinstance(out, Message)]


def _tallies(outputs: list[tuple[str, list[Out]]]) -> list[tuple[str, Tally | Beat]]:
    return [("quality", out) for _, batch in outputs for out in batch if not isinstance(out, Message)]
