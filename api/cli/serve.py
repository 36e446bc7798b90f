"""`profit serve`: the pages, the API and the event stream of a run that runs, or of one that is over."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.runs import archive_in, find_run, is_running
from models.failures import Failure
from models.settings import load


def serve(
    run: Annotated[str, typer.Argument(help="Name of a finished run or replay: opened from its archive.")] = "",
    kafka: Annotated[str, typer.Option(help="HOST:PORT of the cluster of a run that runs.")] = "",
    run_dir: Annotated[Path | None, typer.Option(help="Folder of the run: its archive answers `why`.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    lifeline: Annotated[bool, typer.Option("--lifeline", hidden=True)] = False,
) -> None:
    """Serve a run's pages, API and event stream until told to stop. `profit up` starts this too."""
    settings = load(config)
    bootstrap = kafka or settings.kafka.bootstrap_servers
    if run:
        if kafka or run_dir is not None:
            raise Failure("a finished run needs no --kafka and no --run-dir.", f"Give the name alone: serve {run}")
        run_dir, bootstrap = _finished(settings.data_dir, run), ""
    elif not bootstrap:
        raise Failure(
            "no Kafka cluster is named.",
            "Give --kafka HOST:PORT, use `profit up`, or name a finished run: profit serve RUN.",
        )
    from api.cli.endings import stop_on_signals, stop_with_parent
    from api.server.serving import serve as run_server

    async def serving() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop.set)
        if lifeline:
            stop_with_parent(stop.set)
        await run_server(settings, bootstrap, run_dir or settings.data_dir, _say, stop)

    asyncio.run(serving())
    if lifeline:
        # All is closed; taking the interpreter apart would last longer than the supervisor waits.
        sys.stderr.flush()
        os._exit(0)


def _finished(data_dir: Path, name: str) -> Path:
    """The folder of a run that is over. Raises Failure where there is none, or it still runs."""
    folder = find_run(data_dir, name)
    if is_running(folder):
        page = "the address that `profit up` printed"
        about = folder / "api.json"
        if about.is_file():
            page = str(json.loads(about.read_text(encoding="utf-8"))["url"])
        raise Failure(f"{name} is running.", f"Its page: {page}")
    if archive_in(folder) is None:
        raise Failure(f"{name} has no archive.", "Nothing was recorded: there is nothing to show.")
    return folder


def _say(url: str) -> None:
    print(f"page: {url}", file=sys.stderr, flush=True)
