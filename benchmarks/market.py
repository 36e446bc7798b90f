"""Market flow on real frames, against decoding the same frames alone."""

from __future__ import annotations

import gc
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bytewax.testing import TestingSource

from api.supervisor.player import in_order
from benchmarks.figures import Pace, Result, Stopwatch, add_paces, alternate
from benchmarks.options import Options
from benchmarks.sinks import Discard
from connectors.imports.importing import import_recording
from connectors.kafka.source import BATCH_SIZE
from connectors.polymarket.wire import decode_frame
from flows import market
from flows.engine import output_to, run
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.markers import OWN_PREFIX
from models.message import Message, Stored
from models.settings import Settings
from models.topics import FEED_CLOCK, FEED_POLYMARKET, JOURNAL

NAME = "market"
RECORDING = "polymarket_ws_btc5m"
TARGET = 0.4
DECODING = "decoding alone"
FLOW = "market flow"
ROUNDS = 11  # a machine that others share changes its speed within seconds
QUICK_FRAMES = 2_000


def measure(options: Options) -> Result:
    """Frames a second of the flow, of its line without Bytewax, and of decoding alone; and their ratios."""
    result = Result(NAME)
    folder = options.data / RECORDING
    if not folder.is_dir():
        result.skipped = f"no recording at {folder.resolve()}; name the folder of recordings with --data"
        return result
    options.say(f"importing {RECORDING}")
    with tempfile.TemporaryDirectory(prefix="profit-bench-") as place:
        archive = Path(place) / "archive"
        # In a process of its own: what an import leaves of the heap is not the flow's to bear.
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            apart.submit(import_recording, "polymarket-ws", [folder], archive).result()
        records = [record for record in in_order(archive) if record.topic != FEED_CLOCK]
    if options.quick:
        records = records[:QUICK_FRAMES]
    return _measure(result, records, 1 if options.quick else ROUNDS, options)


def _measure(result: Result, records: list[Stored], rounds: int, options: Options) -> Result:
    settings = Settings.model_construct()
    frames = [r.value for r in records if r.topic == FEED_POLYMARKET and not r.value.startswith(OWN_PREFIX)]
    count = len(frames)
    journaled: list[int] = []

    def decode() -> Pace:
        watch = _begin()
        for frame in frames:
            decode_frame(frame)
        return watch.pace(count)

    def line() -> Pace:
        state = MarketLine(bounds_of(settings.checks), settings.portfolio_name)
        events = 0
        watch = _begin()
        for record in records:
            for out in state.advance(record):
                events += isinstance(out, Message) and out.topic == JOURNAL
        pace = watch.pace(count)
        journaled.append(events)
        return pace

    def flow() -> Pace:
        dataflow = market.build(TestingSource(records, BATCH_SIZE), output_to(Discard), settings)
        watch = _begin()
        run(dataflow)
        return watch.pace(count)

    options.say(f"{count:,} frames, {rounds} rounds")
    contenders = {DECODING: decode, "market line without Bytewax": line, FLOW: flow}
    paces = alternate(rounds, contenders)
    add_paces(result, "frames", paces, DECODING)
    size = sum(len(frame) for frame in frames) / max(count, 1)
    reached = next(figure.median for figure in result.figures if figure.name == f"{FLOW} / {DECODING}, processor time")
    result.notes += [
        f"{count:,} frames of {size:,.0f} bytes on average made {journaled[-1]:,} journal events; "
        "market definitions are in, clock ticks are not",
        f"{FLOW} / {DECODING}, processor time, is to reach {TARGET}: {'' if reached >= TARGET else 'not '}reached",
    ]
    return result


def _begin() -> Stopwatch:
    gc.collect()
    return Stopwatch()
