"""Recordings for tests, made by the simulated exchange's core without sockets: exact, quick and seeded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from connectors.archive.source import ArchiveFeedSource
from connectors.archive.writer import ArchiveWriter
from connectors.imports.assembly import Assembler
from connectors.imports.frames import Frame
from connectors.imports.summary import ImportSummary
from connectors.simulator.exchange import Exchange, ExchangeParameters
from connectors.simulator.times import nano_time
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.journal import AnyEvent, decode_event
from models.message import Lost, Message, Stored
from models.settings import Checks
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, FEEDS, JOURNAL

START = 1_795_000_200 - 1_795_000_200 % 900
LATENCY_NS = 15_000_000
SECOND_NS = 1_000_000_000
Watch = Callable[[Exchange], None]
#: An exchange whose maker lags and errs: there is something to earn.
LAGGING = ExchangeParameters(horizons=("5m",), lag_s=4.0, maker_error=0.08, frames_per_s=8.0, resolution_delay_s=10.0)


def simulate(directory: Path, seconds: int, parameters: ExchangeParameters, run: str = "sim") -> Path:
    """An archive of the four feeds over ``seconds`` of simulated time from ``START``."""
    with ArchiveWriter(directory, FEEDS) as writer:
        Assembler(writer, run, "sim", ImportSummary("sim")).run(frames_of(parameters, seconds))
    return directory


def records_of(archive: Path) -> list[Stored | Lost]:
    """What the market flow reads of an archive, in its order."""
    partition = ArchiveFeedSource(archive).build_part("test", "feeds", None)
    records: list[Stored | Lost] = []
    with contextlib.suppress(StopIteration):
        while True:
            records.extend(partition.next_batch())
    return records


class JournalWriter:
    """Takes an import's records and hands them to the market line, as an archive would: ``events`` is the journal."""

    def __init__(self) -> None:
        self._line = MarketLine(bounds_of(Checks()), "main")
        self._offsets: dict[str, int] = {}
        self.events: list[AnyEvent] = []

    def append_message(self, message: Message) -> None:
        offset = self._offsets.get(message.topic, 0)
        self._offsets[message.topic] = offset + 1
        stored = Stored(message.topic, 0, offset, message.key, message.value, message.t_ns, envelope=message.envelope)
        for out in self._line.advance(stored):
            if isinstance(out, Message) and out.topic == JOURNAL:
                self.events.append(decode_event(out.value))


def journal_of(
    parameters: ExchangeParameters, seconds: int, watch: Watch | None = None, start: int = START
) -> list[AnyEvent]:
    """The journal of the same from Unix second ``start`` on, without an archive. ``watch`` is shown the exchange after
    every step."""
    records = JournalWriter()
    Assembler(records, "sim", "sim", ImportSummary("sim")).run(frames_of(parameters, seconds, watch, start))  # type: ignore[arg-type]
    return records.events


def frames_of(
    parameters: ExchangeParameters, seconds: int, watch: Watch | None = None, start: int = START
) -> Iterator[Frame]:
    """The frames of the three feeds as a recorder would get them. ``watch`` is shown the exchange after every step."""
    core = Exchange(parameters, start)
    numbers = iter(range(10_000_000))

    def coinbase(channel: str, events: bytes, t: int) -> Frame:
        head = f'{{"channel":"{channel}","timestamp":"{nano_time(t)}","sequence_num":{next(numbers)},"events":'
        return Frame(t + LATENCY_NS, FEED_COINBASE, "coinbase", "", head.encode() + events + b"}")

    def polymarket(frame: bytes, t: int) -> Frame:
        return Frame(t + LATENCY_NS, FEED_POLYMARKET, "polymarket", "", frame)

    now = core.now_ns
    for spot in core.spots.values():
        yield coinbase("l2_data", spot.snapshot(now), now)
    bodies: dict[str, tuple[bool, bool]] = {}
    last = 0
    while core.now_ns < (start + seconds) * SECOND_NS:
        emissions = core.step()
        if watch is not None:
            watch(core)
        for emission in emissions:
            if emission.venue == "coinbase":
                yield coinbase(emission.channel, emission.frame, emission.t_ns)
            else:
                yield polymarket(emission.frame, emission.t_ns)
        t = core.now_ns
        if t // SECOND_NS == last:
            continue
        last = t // SECOND_NS
        for slug, market in list(core.markets.items()):
            body = market.gamma(t)
            state = (b"priceToBeat" in body, b'"closed":true' in body.replace(b" ", b""))
            if bodies.get(slug) != state:
                known = slug in bodies
                bodies[slug] = state
                yield Frame(t + LATENCY_NS, FEED_MARKETS, "gamma", slug, body)
                if not known:
                    books = ",".join(market.snapshot(index) for index in (0, 1))
                    yield polymarket(f"[{books}]".encode(), t)
