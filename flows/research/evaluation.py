"""One pass over a journal with many trading lines: each event is decoded once, and heard by every line.

A line runs under its own settings and pays no heed to the configurations that the journal states, as a replay with
``--set`` does: the fills are those of that replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from connectors.archive.reader import ArchiveReader
from flows.report.round_trips import round_trips
from flows.trading_line.line import TradingLine
from models.contracts import Fill, Outcome
from models.journal import AnyEvent, decode_event
from models.message import Message
from models.settings import Settings
from models.topics import FILLS, JOURNAL, ORDERS, OUTCOMES

BATCH = 4_096


class RoundTrip(msgspec.Struct, frozen=True, array_like=True):
    """A closed position. Times are Unix ns; ``shares`` are micro-shares bought, ``fees`` and ``net`` micro-dollars."""

    instance: str
    market: str
    opened: int
    closed: int
    shares: int
    fees: int
    net: int


class LineResult(msgspec.Struct, frozen=True):
    """What one line did: closed positions in the order of their ends, how many are open, orders and fills."""

    trips: list[RoundTrip]
    open: int
    orders: int
    fills: int


class Harvest:
    """Collects what a trading line publishes of fills and outcomes."""

    def __init__(self) -> None:
        self.fills: list[Fill] = []
        self.outcomes: list[Outcome] = []
        self.orders = 0

    def take(self, message: Message) -> None:
        topic = message.topic
        if topic == FILLS:
            self.fills.append(Fill.read(message.value))
        elif topic == OUTCOMES:
            self.outcomes.append(Outcome.read(message.value))
        elif topic == ORDERS and b'"status":"submitted"' in message.value:
            self.orders += 1

    def evaluation(self) -> LineResult:
        """As of now."""
        closed, standing = round_trips(self.fills, self.outcomes)
        trips = [
            RoundTrip(each.strategy, each.market, each.opened, each.closed, each.bought, each.fees, each.net)
            for each in closed
        ]
        return LineResult(trips, len(standing), self.orders, len(self.fills))


def evaluate(events: Iterable[AnyEvent], settings: Sequence[Settings]) -> list[LineResult]:
    """What a line under each of ``settings`` makes of the events of a journal, from its first on."""
    lines = [(TradingLine(each.replayed(), fixed=True), Harvest()) for each in settings]
    for event in events:
        for line, harvest in lines:
            for out in line.advance(event):
                if isinstance(out, Message):
                    harvest.take(out)
    return [harvest.evaluation() for _, harvest in lines]


def journal_events(journal: Path, progress: Callable[[float], None] = lambda share: None) -> Iterator[AnyEvent]:
    """The events of an archive's journal, each decoded when its turn comes."""
    reader = ArchiveReader(journal)
    total = max(reader.count(JOURNAL), 1)
    done = 0
    for batch in reader.batches(JOURNAL, 0, BATCH):
        for record in batch:
            yield decode_event(record.value)
        done += len(batch)
        progress(done / total)
