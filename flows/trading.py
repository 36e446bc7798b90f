"""The trading flow: the journal in; scans, decisions, orders, fills and ledger out.

journal -> route: to the lanes that care          (one order, drops what came twice)
        -> lanes: features and strategies         (keyed by underlying, on any worker)
        -> portfolio: barrier, gates, sizing, orders, fills, settlement, ledger   (one order again)
        -> scans, features, decisions, orders, fills, ledger, outcomes, telemetry
        -> what the data gates refused -> windows of event time -> quality
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source

from flows.engine import in_batches, keyed, stateful
from flows.market_line.findings import Beat
from flows.quality import Tally, count_in_windows
from flows.trading_line.desk import Out
from flows.trading_line.items import Judged, Routed
from flows.trading_line.lane import Lane
from flows.trading_line.line import OrderedDesk
from flows.trading_line.route import Router
from models.journal import decode_event
from models.message import Message, Stored
from models.settings import Settings

Attach = Callable[[str, Stream[Message]], Any]


def build(source: Source[Stored], attach: Attach, settings: Settings) -> Dataflow:
    """The trading flow from ``source`` (the journal) to whatever ``attach(step id, stream)`` adds."""
    flow = Dataflow("trading")
    journal = op.input("journal", flow, source)
    in_order = keyed("one_order", journal, settings.portfolio_name)
    routed = stateful("route", in_order, Router, in_batches(_route))
    by_lane = op.flat_map_batch("by_lane", routed, _by_lane)
    judged = stateful("lanes", by_lane, lambda: Lane(settings), in_batches(_judge))
    at_desk = op.flat_map_batch("at_desk", judged, lambda items: [(settings.portfolio_name, each) for _, each in items])
    decided = stateful("portfolio", at_desk, lambda: OrderedDesk(settings), in_batches(OrderedDesk.take))
    attach("trading_out", op.flat_map_batch("messages", decided, _messages))
    count_in_windows(op.flat_map_batch("tallies", decided, _tallies), settings.checks.window_s, "data_gate", attach)
    return flow


def _route(router: Router, record: Stored) -> list[Routed]:
    return router.route(decode_event(record.value))


def _by_lane(batches: list[tuple[str, list[Routed]]]) -> list[tuple[str, list[Routed]]]:
    lanes: dict[str, list[Routed]] = {}
    for _, batch in batches:
        for routed in batch:
            lanes.setdefault(routed.lane, []).append(routed)
    return list(lanes.items())


def _messages(outputs: list[tuple[str, list[Out]]]) -> list[Message]:
    return [out for _, batch in outputs for out in batch if isinstance(out, Message)]


def _tallies(outputs: list[tuple[str, list[Out]]]) -> list[tuple[str, Tally | Beat]]:
    return [("quality", out) for _, batch in outputs for out in batch if not isinstance(out, Message)]


def _judge(lane: Lane, routed: Routed) -> tuple[Judged]:
    return (lane.judge(routed),)
