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
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source

from flows.engine import keyed, stateful
from flows.market_line.findings import Beat, Finding
from flows.market_line.line import MarketLine, Out
from flows.quality import count_in_windows
from models.bounds import bounds_of
from models.message import Lost, Message, Stored
from models.settings import Settings

Attach = Callable[[str, Stream[Message]], Any]


def build(source: Source[Stored | Lost], attach: Attach, settings: Settings) -> Dataflow:
    """The market flow from ``source`` (records in the merged order) to whatever ``attach(step id, stream)`` adds."""
    portfolio, bounds = settings.portfolio_name, bounds_of(settings.checks)
    flow = Dataflow("market")
    feeds = op.input("feeds", flow, source)
    in_order = keyed("one_order", feeds, portfolio)
    verified = stateful("verify", in_order, lambda: MarketLine(bounds, portfolio), _advance)
    attach("market_out", op.flat_map_batch("messages", verified, _messages))

    count_in_windows(op.flat_map_batch("findings", verified, _findings), bounds.window_s, "quality", attach)
    return flow


def _advance(line: MarketLine, records: Sequence[Stored | Lost]) -> tuple[list[Out]]:
    return (line.advance_all(records),)


def _messages(outputs: list[tuple[str, list[Out]]]) -> list[Message]:
    return [out for _, batch in outputs for out in batch if isinstance(out, Message)]


def _findings(outputs: list[tuple[str, list[Out]]]) -> list[tuple[str, Finding | Beat]]:
    """All under one key: a window of counts closes by the clock's beat, and each key has a clock of its own."""
    return [("quality", out) for _, batch in outputs for out in batch if not isinstance(out, Message)]
