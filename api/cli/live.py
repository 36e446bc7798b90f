"""`profit live`: the live venue as a process, and its check of itself."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from api.cli.endings import stop_on_signals, stop_with_parent
from api.runs import runs_in
from models.failures import Failure
from models.inputs import Preflight
from models.settings import Settings, load


def live(
    what: Annotated[Literal["run", "preflight"], typer.Argument(help="run the live venue, or check it")],
    kafka: Annotated[str, typer.Option(help="HOST:PORT of the cluster; default: that of the newest run")] = "",
    run_dir: Annotated[Path | None, typer.Option(help="folder of the run; default: the newest one")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file; default: profit.toml")] = None,
    lifeline: Annotated[bool, typer.Option("--lifeline", hidden=True)] = False,
) -> None:
    """Real orders: run the live venue, or check keys, clock, place, account and money. See docs/live.md."""
    from connectors.operator.watch import with_operator
    from connectors.venues.polymarket.official import refuse_incomplete, require_client
    from connectors.venues.polymarket.process import silence_clients

    silence_clients()
    settings = load(config)
    folder = run_dir or next((each for each in runs_in(settings.data_dir) if (each / "run.json").is_file()), None)
    bootstrap = kafka or settings.kafka.bootstrap_servers or _cluster_of(folder)
    settings = with_operator(settings, folder.name if folder is not None else "")
    require_client()
    refuse_incomplete(settings.live_account)
    if what == "preflight":
        asyncio.run(_preflight(settings, bootstrap))
        return
    if not settings.live.enabled:
        raise Failure("live.enabled is false: there is no live venue.", "Set it in profit.toml, section live.")
    if not bootstrap or folder is None:
        raise Failure("no run is there that could send orders.", "`profit up --feeds live` starts one.")
    asyncio.run(_run(settings, bootstrap, lifeline))


def _cluster_of(folder: Path | None) -> str:
    return str(json.loads((folder / "run.json").read_text(encoding="utf-8"))["kafka"]) if folder is not None else ""


async def _run(settings: Settings, bootstrap: str, lifeline: bool) -> None:
    from connectors.venues.polymarket.official import open_official
    from connectors.venues.polymarket.process import LiveVenue

    stop = asyncio.Event()
    stop_on_signals(stop.set)
    if lifeline:
        stop_with_parent(stop.set)
    exchange = await open_official(settings.live_account, settings.feeds.user_agent)
    try:
        await LiveVenue(exchange, settings, bootstrap, _say).run(stop)
    finally:
        await exchange.close()


async def _preflight(settings: Settings, bootstrap: str) -> None:
    """Check, show, and tell the run, whose release gate asks for it. Exit code 1 where something failed."""
    from connectors.venues.polymarket.official import open_official
    from connectors.venues.polymarket.preflight import preflight
    from connectors.venues.polymarket.process import forbidden

    exchange = await open_official(settings.live_account, settings.feeds.user_agent)
    try:
        found = await preflight(exchange, settings)
    finally:
        await exchange.close()
    for name, text in found.checks.items():
        print(f"{name:12}{text}")
    print(f"{'environment':12}{forbidden() or 'real orders are allowed'}")
    if bootstrap:
        _tell(found, settings, bootstrap)
        print(f"preflight {'passed' if found.passed else 'failed'}; told to the run on {bootstrap}", file=sys.stderr)
    else:
        print(f"preflight {'passed' if found.passed else 'failed'}; no run is there to be told", file=sys.stderr)
    if not found.passed:
        raise SystemExit(1)


def _tell(found: Preflight, settings: Settings, bootstrap: str) -> None:
    from connectors.kafka.sink import Writer
    from models.message import Message
    from models.topics import EXECUTIONS

    writer = Writer(settings.kafka, bootstrap)
    writer.write(Message(EXECUTIONS, "preflight", msgspec.json.encode(found), found.t))
    writer.flush()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
