"""Recordings for tests, made by the simulated exchange and the recorder's doors without sockets: quick and seeded."""

from __future__ import annotations

import asyncio
from pathlib import Path

from connectors.archive.source import feed_batches
from connectors.simulator.archiving import START, simulate_archive
from connectors.simulator.direct import DirectRecording, Watch
from connectors.simulator.exchange import ExchangeParameters
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.journal import AnyEvent, decode_event
from models.message import Lost, Message, Stored
from models.settings import Checks, Feeds
from models.topics import JOURNAL

__all__ = ["LAGGING", "START", "JournalWriter", "journal_of", "records_of", "simulate"]

#: An exchange whose maker lags and errs: there is something to earn.
LAGGING = ExchangeParameters(horizons=("5m",), lag_s=4.0, maker_error=0.08, frames_per_s=8.0, resolution_delay_s=10.0)


def simulate(directory: Path, seconds: int, parameters: ExchangeParameters) -> Path:
    """An archive of the four feeds over ``seconds`` of simulated time from ``START``."""
    simulate_archive(directory, parameters, Feeds(), Checks(), seconds)
    return directory


def records_of(archive: Path) -> list[Stored | Lost]:
    """What the market flow reads of an archive, in its order."""
    return [record for batch in feed_batches(archive) for record in batch]


class JournalWriter:
    """Takes a recorder's records and hands them to the market line, as an archive would: ``events`` is the journal."""

    def __init__(self) -> None:
        self._line = MarketLine(bounds_of(Checks()), "main")
        self._offsets: dict[str, int] = {}
        self.events: list[AnyEvent] = []

    def put(self, message: Message) -> None:
        offset = self._offsets.get(message.topic, 0)
        self._offsets[message.topic] = offset + 1
        stored = Stored(message.topic, 0, offset, message.key, message.value, message.t_ns, envelope=message.envelope)
        for out in self._line.advance(stored):
            if isinstance(out, Message) and out.topic == JOURNAL:
                self.events.append(decode_event(out.value))

    append_message = put  # as an import's archive


def journal_of(
    parameters: ExchangeParameters, seconds: int, watch: Watch | None = None, start: int = START
) -> list[AnyEvent]:
    """The journal of the same from Unix second ``start`` on, without an archive. ``watch`` is shown the exchange after
    every step."""
    records = JournalWriter()
    recording = DirectRecording(parameters, start, Feeds(), records, "sim", guarded=False, watch=watch)
    asyncio.run(recording.run(start + seconds))
    return records.events
