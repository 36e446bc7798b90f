"""`profit simulate`: the simulated exchange alone, for a recorder, a supervisor or a test to connect to; or, with
--to, an archive of its feeds without any of them, as fast as it goes."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from api.cli.endings import stop_on_signals, stop_with_parent
from connectors.simulator.archiving import START, simulate_archive
from connectors.simulator.exchange import ExchangeParameters, parameters
from connectors.simulator.faults.timeline import load as load_timeline
from connectors.simulator.last_moment import EVERY_S, first_second, last_standing, moment_file, note_moment
from connectors.simulator.server import SimulatedExchange
from connectors.yielding import yield_to_others
from models.failures import Failure
from models.overriding import overridden
from models.settings import Settings, load


def simulate(
    port_file: Annotated[Path | None, typer.Option(help="write the addresses here instead of standard output")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="simulated time to start at, ISO 8601; default: now, or where the port file's last one ended"
        ),
    ] = None,
    speed: Annotated[float | None, typer.Option(help="simulated seconds per real second")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    lag: Annotated[float | None, typer.Option(help="seconds the maker is behind the latent price")] = None,
    maker_error: Annotated[float | None, typer.Option(help="standard deviation of the maker's error")] = None,
    faults: Annotated[Path | None, typer.Option(help="TOML file of faults, see docs/simulator.md")] = None,
    ports: Annotated[str, typer.Option(help="three ports, as 7001,7002,7003; default: free ones")] = "0,0,0",
    host: Annotated[str, typer.Option(help="where to listen, and how others reach it")] = "127.0.0.1",
    truth_file: Annotated[Path | None, typer.Option(help="count frames sent here; outlives a kill -9")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file; default: profit.toml")] = None,
    to: Annotated[Path | None, typer.Option(help="write an archive of the feeds here, and serve nothing")] = None,
    hours: Annotated[float | None, typer.Option(min=0.01, max=10_000, help="simulated hours, with --to")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="a key of the settings; may be given often")
    ] = None,
    lifeline: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the simulated exchange: local servers that speak Polymarket's and Coinbase's protocols.

    With --to ARCHIVE --hours H: no servers, an archive of the feeds at full speed, the same bytes for the same seed."""
    settings = overridden(load(config), changes or ())
    chosen = settings.simulator
    given: dict[str, object] = {
        key: value
        for key, value in (("speed", speed), ("seed", seed), ("lag_s", lag), ("maker_error", maker_error))
        if value is not None
    }
    try:
        chosen = type(chosen).model_validate(chosen.model_dump() | given)
    except ValidationError as cause:
        wrong = cause.errors()[0]
        option = "--" + str(wrong["loc"][0]).removesuffix("_s").replace("_", "-")
        said = wrong["msg"].removeprefix("Input ")
        raise Failure(f"{option} {wrong['input']}: it {said}.", "See profit simulate --help.") from None
    given_parameters = parameters(chosen, settings.feeds)
    if to is not None or hours is not None:
        if to is None or hours is None:
            raise Failure("--to and --hours go together.", "Write --to ARCHIVE --hours H.")
        served = {"--port-file": port_file, "--faults": faults, "--truth-file": truth_file, "--speed": speed}
        unfit = [name for name, value in served.items() if value is not None]
        if unfit:
            raise Failure(f"{unfit[0]} is for the servers, and --to has none.", f"Leave {unfit[0]} away, or --to.")
        begun = START if start is None else unix_second(start)
        _archive(to, given_parameters, settings, round(hours * 3600), begun)
        return
    first = None if port_file is None else first_second(moment_file(port_file), time.time_ns())
    exchange = SimulatedExchange(
        given_parameters,
        chosen.speed,
        first if start is None else unix_second(start),
        ports=three_ports(ports),
        host=host,
        truth_file=truth_file,
        timeline=None if faults is None else load_timeline(faults),
        before=None if port_file is None or start is not None else last_standing(moment_file(port_file)),
    )
    if chosen.speed > 1:
        yield_to_others()  # it can let its time slip; the others would fall behind
    asyncio.run(_serve(exchange, port_file, lifeline))


def _archive(to: Path, given: ExchangeParameters, settings: Settings, seconds: int, start: int) -> None:
    """Write the archive, with a progress bar, and say what is in it."""
    begun = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"simulating {seconds / 3600:g} h", total=seconds)

        def show(second: int) -> None:
            if second % 10 == 0:
                bar.update(task, completed=second - start)

        try:
            counts = simulate_archive(to, given, settings.feeds, settings.checks, seconds, start, show)
        except KeyboardInterrupt as end:
            end.add_note("nothing was left behind: the same command begins anew")
            raise
    took = time.monotonic() - begun
    records = ", ".join(f"{topic} {count:,}" for topic, count in sorted(counts.items()))
    print(f"{to}: {seconds / 3600:g} h of seed {given.seed} in {took:.1f} s ({records})")


def unix_second(text: str) -> int:
    """An ISO 8601 time as a Unix second; without a zone it is UTC. Raises Failure."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"--start {text} is no ISO 8601 time.", "Write it like 2026-11-22T12:00:00Z.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def three_ports(text: str) -> tuple[int, int, int]:
    """Ports of the market channel, the Coinbase feed and HTTP; 0 is a free one. Raises Failure."""
    parts = text.split(",")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and int(part) < 65536 for part in parts):
        raise Failure(
            f"--ports {text} are no three ports.", "Write them like 7001,7002,7003: Polymarket, Coinbase, HTTP."
        )
    one, two, three = (int(part) for part in parts)
    return one, two, three


async def _serve(exchange: SimulatedExchange, port_file: Path | None, lifeline: bool) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop.set)
    if lifeline:
        stop_with_parent(stop.set)
    urls = await exchange.start()
    background = [asyncio.create_task(_say_when_late(exchange))]
    if port_file is None:
        print(urls.as_json(), flush=True)
    else:
        note_moment(moment_file(port_file), exchange.clock, exchange.core.standing())
        background.append(asyncio.create_task(_note_moments(exchange, moment_file(port_file))))
        draft = port_file.with_name(port_file.name + ".part")
        draft.write_text(urls.as_json())
        draft.replace(port_file)  # whoever waits for the file never sees half of it
    asked = asyncio.create_task(stop.wait())
    running = asyncio.create_task(exchange.wait())
    try:
        await asyncio.wait([asked, running], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        tasks = (asked, running, *background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await exchange.stop()


async def _note_moments(exchange: SimulatedExchange, path: Path) -> None:
    """Keep the note of how far the exchange came ahead of it. What cannot be written costs a later run its start: it is
    refused then until the clock has caught up."""
    while True:
        await asyncio.sleep(EVERY_S)
        with contextlib.suppress(OSError):
            note_moment(path, exchange.clock, exchange.core.standing())


async def _say_when_late(exchange: SimulatedExchange) -> None:
    """A speed that this machine cannot reach must not pass unnoticed."""
    reported = 0.0
    while True:
        await asyncio.sleep(5.0)
        lost = exchange.slipped_s - reported
        if lost > exchange.clock.speed:  # more than one of the last five real seconds
            reported = exchange.slipped_s
            speed = exchange.clock.speed
            print(
                f"simulated exchange: speed {speed:g} is not reached, {lost / 5 / speed:.0%} of it was lost in the "
                "last 5 s; choose a lower simulator.speed or frames_per_s",
                file=sys.stderr,
            )
