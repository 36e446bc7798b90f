"""Simulated recordings for the benchmarks: the simulated exchange's core, without sockets."""

from __future__ import annotations

import tempfile
from pathlib import Path

from api.supervisor.player import in_order
from connectors.simulator.exchange import ExchangeParameters
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.message import Message, Stored
from models.settings import Settings
from models.topics import JOURNAL
from tests.recordings import simulate


def simulated(seconds: int, parameters: ExchangeParameters) -> list[Stored]:
    """The feed records of ``seconds`` simulated seconds, in their one order."""
    with tempfile.TemporaryDirectory(prefix="profit-bench-") as place:
        return list(in_order(simulate(Path(place) / "archive", seconds, parameters)))


def journal_of(records: list[Stored], settings: Settings) -> list[Message]:
    """The journal that the market flow makes of feed records."""
    line = MarketLine(bounds_of(settings.checks), settings.portfolio_name)
    return [
        out for record in records for out in line.advance(record) if isinstance(out, Message) and out.topic == JOURNAL
    ]
