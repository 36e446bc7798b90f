"""`profit serve`: the page, the JSON and the event stream of a run."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from models.failures import Failure
from models.settings import load


def serve(
    kafka: Annotated[str, typer.Option(help="HOST:PORT of the cluster.")] = "",
    run_dir: Annotated[Path | None, typer.Option(help="Folder of the run: its archive answers `why`.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    lifeline: Annotated[bool, typer.Option("--lifeline", hidden=True)] = False,
) -> None:
    """Serve the run's page, JSON and event stream until asked to stop. `profit up` starts this too."""
    settings = load(config)
    bootstrap = kafka or settings.kafka.bootstrap_servers
    if not bootstrap:
        raise Failure("no Kafka cluster is named.", "Give --kafka HOST:PORT, or use `profit up`.")
    from api.cli.endings import stop_on_signals, stop_with_parent
    from api.server.serving import serve as run_server

    async def run() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop.set)
        if lifeline:
            stop_with_parent(stop.set)
        await run_server(settings, bootstrap, run_dir or settings.data_dir, _say, stop)

    asyncio.run(run())
    if lifeline:
        # All is closed; taking the interpreter apart would last longer than the supervisor waits.
        sys.stderr.flush()
        os._exit(0)


def _say(url: str) -> None:
    print(f"page: {url}", file=sys.stderr, flush=True)
