"""The market flow: feed topics in, the journal out.

feeds, merged in the recorder's order
  -> verify: decode, check, keep books           (one line: the journal is one total order)
       -> journal, dead letters, telemetry
       -> findings -> windows of event time -> quality
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source

from flows.beat import Beat
from flows.engine import keyed, stateful
from flows.market_line.findings import Finding
from flows.market_line.line import MarketLine, Out
from flows.quality import count_in_windows
from flows.state import OwnedState, Schema
from models.bounds import bounds_of
from models.configuration import decode_statement
from models.message import Lost, Message, Stored
from models.settings import Settings
from models.topics import CONFIGURATION

Attach = Callable[[str, Stream[Message]], Any]


def build(source: Source[Stored | Lost], attach: Attach, settings: Settings, fixed: bool = False) -> Dataflow:
    """The market flow from ``source`` (records in the merged order) to whatever ``attach(step id, stream)`` adds.

    It begins under ``settings`` and goes by each configuration that a market flow states, from its place in the order
    on; with ``fixed`` it stays under ``settings``. Windows of quality counts have the length of the beginning."""
    portfolio = settings.portfolio_name
    flow = Dataflow("market")
    feeds = op.input("feeds", flow, source)
    in_order = keyed("one_order", feeds, portfolio)
    verified = stateful("verify", in_order, schema(fixed), settings, _advance)
    attach("market_out", op.flat_map_batch("messages", verified, _messages))

    count_in_windows(op.flat_map_batch("findings", verified, _findings), settings, "quality", attach)
    return flow


def schema(fixed: bool = False) -> Schema[MarketLine]:
    """What the step ``verify`` keeps."""
    return Schema(
        "market.verify",
        1,
        lambda settings: MarketLine(bounds_of(settings.checks), settings.portfolio_name, settings.telemetry.interval),
        lambda settings: (bounds_of(settings.checks), settings.checks),
        lambda line, settings: line.configured(settings.checks),
        fixed,
    )


def _advance(owned: OwnedState[MarketLine], records: Sequence[Stored | Lost]) -> tuple[list[Out]]:
    out: list[Out] = []
    begun = 0
    for number, record in enumerate(records):
        stated = None if owned.schema.fixed else _stated(record)
        if stated is not None:  # what comes after it is judged by it
            out.extend(owned.state.advance_all(records[begun : number + 1]))
            owned.configure(stated)
            begun = number + 1
    out.extend(owned.state.advance_all(records[begun:]))
    return (out,)


def _stated(record: Stored | Lost) -> dict[str, Any] | None:
    """The configuration that the record puts a market flow under; None where it does nothing of the kind."""
    if isinstance(record, Lost) or record.topic != CONFIGURATION:
        return None
    try:
        statement = decode_statement(record.value)
    except msgspec.DecodeError:
        return None  # the line says so
    return statement.settings if statement.flow == "market" else None


def _messages(outputs: list[tuple[str, list[Out]]]) -> list[Message]:
    return [out for _, batch in outputs for out in batch if isinstance(out, Message)]


def _findings(outputs: list[tuple[str, list[Out]]]) -> list[tuple[str, Finding | Beat]]:
    """All under one key: a window of counts closes by the clock's beat, and each key has a clock of its own."""
    return [("quality", out) for _, batch in outputs for out in batch if not isinstance(out, Message)]
