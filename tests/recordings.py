"""Recordings for tests, made by the simulated exchange's core without sockets: exact, quick and seeded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from connectors.archive.source import ArchiveFeedSource
from connectors.archive.writer import ArchiveWriter
from connectors.imports.assembly import Assembler
from connectors.imports.frames import Frame
from connectors.imports.summary import ImportSummary
from connectors.simulator.exchange import Exchange, ExchangeParameters
from connectors.simulator.times import nano_time
from models.message import Lost, Stored
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, FEEDS

START = 1_795_000_200 - 1_795_000_200 % 900
LATENCY_NS = 15_000_000
SECOND_NS = 1_000_000_000
#: An exchange whose maker lags and errs: there is something to earn.
LAGGING = ExchangeParameters(horizons=("5m",), lag_s=4.0, maker_error=0.08, frames_per_s=8.0, resolution_delay_s=10.0)


def simulate(directory: Path, seconds: int, parameters: ExchangeParameters, run: str = "sim") -> Path:
    """An archive of the four feeds over ``seconds`` of simulated time from ``START``."""
    with ArchiveWriter(directory, FEEDS) as writer:
        Assembler(writer, run, "sim", ImportSummary("sim")).run(_frames(parameters, seconds))
    return directory


def records_of(archive: Path) -> list[Stored | Lost]:
    """What the market flow reads of an archive, in its order."""
    partition = ArchiveFeedSource(archive).build_part("test", "feeds", None)
    records: list[Stored | Lost] = []
    with contextlib.suppress(StopIteration):
        while True:
            records.extend(partition.next_batch())
    return records


def _frames(parameters: ExchangeParameters, seconds: int) -> Iterator[Frame]:
    core = Exchange(parameters, START)
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
    while core.now_ns < (START + seconds) * SECOND_NS:
        for emission in core.step():
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
