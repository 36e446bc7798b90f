"""`profit record`: the doors alone, from the exchanges (or simulated ones) into the feed topics."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from api.cli.endings import call_in, stop_on_signals, stop_with_parent
from connectors.broker.embedded import EmbeddedBroker
from connectors.clock import FeedClock, SystemClock
from connectors.failures import require_writable
from connectors.kafka.admin import cluster_name, create_topics
from connectors.kafka.client import consumer_config, patient_producer_config
from connectors.life_sign import LifeSign
from connectors.recorder.inputs import InputCounter
from connectors.recorder.outlet import KafkaOutlet
from connectors.recorder.recorder import Endpoints, Recorder
from connectors.recorder.spool import Spool, inherit
from connectors.recorder.writer import run_id
from connectors.simulator.addresses import Urls
from connectors.simulator.child import child_exchange, follow_clock, read_clock, read_urls
from connectors.simulator.faults.timeline import check_faults
from models.failures import Failure
from models.settings import Settings, load

FLUSH_S = 10.0
#: The interpreter lets the producer's thread hold its lock for 5 ms by default, which the sockets would wait for.
SWITCH_S = 0.0005
MIB = 1024 * 1024


def record(
    feeds: Annotated[Literal["live", "sim"], typer.Option(help="the exchanges, or the simulated one")] = "live",
    kafka: Annotated[str | None, typer.Option(help="HOST:PORT of a cluster; default: configuration")] = None,
    duration: Annotated[float | None, typer.Option(min=0, help="end after so many real seconds")] = None,
    exchange: Annotated[Path | None, typer.Option(help="addresses of a running `profit simulate`")] = None,
    simulator: Annotated[Path | None, typer.Option(hidden=True, help="--exchange, where --feeds is sim")] = None,
    faults: Annotated[Path | None, typer.Option(help="TOML file of faults for --feeds sim")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file; default: profit.toml")] = None,
    lifeline: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Record market data into the feed topics, verbatim, until Ctrl-C."""
    settings = load(config)
    if feeds == "sim" and exchange is None:
        exchange = simulator
    if exchange is not None and feeds == "live":
        raise Failure("--exchange names a simulated exchange.", "Add --feeds sim, or leave --exchange away.")
    if exchange is not None and faults is not None:
        raise Failure("--exchange names an exchange that runs already.", "Give --faults to its `profit simulate`.")
    check_faults(feeds, faults)
    bootstrap = kafka or settings.kafka.bootstrap_servers
    with contextlib.ExitStack() as stack:
        clock: FeedClock = SystemClock()
        session = _Session(settings, lifeline, duration)
        endpoints = Endpoints.of(settings.feeds)
        if feeds == "sim":
            urls = _simulated(exchange, config, faults, stack)
            endpoints = Endpoints(urls.polymarket_ws, urls.clob_rest, urls.gamma_rest, urls.coinbase_ws)
            clock = simulated = read_clock(urls)
            session.beside = lambda: follow_clock(simulated, urls)
        if not bootstrap:
            bootstrap = _own_broker(settings, stack)
        create_topics(settings.kafka, bootstrap)
        asyncio.run(session.run(endpoints, feeds, clock, bootstrap))


def _simulated(exchange: Path | None, config: Path | None, faults: Path | None, stack: contextlib.ExitStack) -> Urls:
    if exchange is not None:
        return read_urls(exchange)
    files = (("--config", config), ("--faults", faults))
    options = [word for name, path in files if path is not None for word in (name, str(path))]
    return stack.enter_context(child_exchange(options))


def _own_broker(settings: Settings, stack: contextlib.ExitStack) -> str:
    """An embedded broker for the time of the recording."""
    broker = stack.enter_context(EmbeddedBroker.start(settings.broker))
    print(
        f"embedded broker at {broker.bootstrap}: it ends with this command, and its records too. --kafka keeps them.",
        file=sys.stderr,
    )
    return broker.bootstrap


class _Session:
    """One recording: its doors, its outlet, and all that may end it."""

    def __init__(self, settings: Settings, lifeline: bool, duration: float | None) -> None:
        self._settings = settings
        self._lifeline = lifeline
        self._duration = duration
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.beside: Callable[[], Coroutine[Any, Any, None]] | None = None  # runs as long as the recording

    def end(self) -> None:
        """Ask for the end, from any thread."""
        if self._loop is not None and self._stop is not None:
            call_in(self._loop, self._stop.set)

    async def run(self, endpoints: Endpoints, source: str, clock: FeedClock, bootstrap: str) -> None:
        """Record until the end is asked for. Raises Failure when records could not be delivered."""
        settings = self._settings
        sys.setswitchinterval(SWITCH_S)
        loop = self._loop = asyncio.get_running_loop()
        stop = self._stop = asyncio.Event()
        stop_on_signals(stop.set)
        recorder: Recorder | None = None

        def fail(failure: Failure) -> None:
            if recorder is not None:
                call_in(loop, recorder.fail, failure)

        run = run_id()
        outlet = KafkaOutlet(
            patient_producer_config(settings.kafka, bootstrap),
            fail,
            _spool(settings, run, bootstrap),
            life=LifeSign(settings.data_dir / "recorder.alive"),
        )
        recorder = Recorder(settings.feeds, endpoints, source, clock, outlet, run, outlet.backlog, settings.checks)
        counter = InputCounter(
            consumer_config(settings.kafka, bootstrap),
            lambda topic, count: _post(loop, recorder, topic, count),
            fail,
            lambda t: _progressed(loop, recorder, t),
        )
        recorder.ticks.inputs.update(await asyncio.to_thread(counter.start))
        if self._lifeline:
            stop_with_parent(stop.set)
        if self._duration is not None:
            loop.call_later(self._duration, stop.set)
        others = [asyncio.create_task(_progress(recorder, outlet))]
        if self.beside is not None:
            others.append(asyncio.create_task(self.beside()))
        try:
            await recorder.run(stop)
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            counter.close()
            outlet.close(FLUSH_S, self._lifeline, _tell_left)
        print(f"\nrecorded run {recorder.run_id}: {recorder.writer.seq:,} records", file=sys.stderr)


def _spool(settings: Settings, run: str, bootstrap: str) -> Spool:
    """The run's spool, with what earlier runs could not deliver to this cluster."""
    root = Path(settings.recorder.spool_dir) if settings.recorder.spool_dir else settings.data_dir / "spool"
    require_writable(root)
    spool = Spool(root / run, settings.recorder.spool_mib * MIB, cluster_name(settings.kafka, bootstrap))
    for line in inherit(spool, root):
        print(line, file=sys.stderr, flush=True)
    return spool


def _tell_left(left: int) -> None:
    print(f"ending: {left:,} records to deliver", file=sys.stderr, flush=True)


def _post(loop: asyncio.AbstractEventLoop, recorder: Recorder | None, topic: str, count: int) -> None:
    if recorder is not None:
        call_in(loop, recorder.ticks.arrived, topic, count)


def _progressed(loop: asyncio.AbstractEventLoop, recorder: Recorder | None, t: int) -> None:
    if recorder is not None:
        call_in(loop, recorder.ticks.progressed, t)


async def _progress(recorder: Recorder, outlet: KafkaOutlet) -> None:
    """One line on standard error: in place on a terminal, every ten seconds elsewhere; and a line for each new reason
    why a door waits."""
    terminal = sys.stderr.isatty()
    started = since = time.monotonic()
    last = 0
    reported: dict[str, str] = {}
    while True:
        await asyncio.sleep(0.5)
        now, records = time.monotonic(), recorder.writer.seq
        for pulse in recorder.pulses:
            if pulse.status in ("waiting", "warning") and reported.get(pulse.module) != pulse.last_reason:
                reported[pulse.module] = pulse.last_reason
                _say(f"{pulse.module}: {pulse.last_reason}", terminal)
        if not terminal and now - since < 10.0:
            continue
        rate = (records - last) / (now - since)
        last, since = records, now
        doors = "  ".join(
            f"{pulse.module.removeprefix('connection.')} {pulse.counts.get('frames', 0):,} ({pulse.status})"
            for pulse in recorder.pulses[1:]
        )
        line = f"{now - started:6.0f} s  {records:,} records  {rate:,.0f}/s  queue {outlet.depth:,}  {doors}"
        print(f"\r\x1b[2K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)


def _say(line: str, terminal: bool) -> None:
    print(f"\r\x1b[2K{line}" if terminal else line, file=sys.stderr, flush=True)
