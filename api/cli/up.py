"""`profit up`: everything under one supervisor; and `profit play`, the child that plays an archive into Kafka."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from connectors.kafka.stopping import Stop, on_signals
from connectors.lifeline import watch_parent
from connectors.simulator.faults.timeline import check_faults
from models.failures import Failure
from models.settings import load


def up(
    feeds: Annotated[str, typer.Option(help="sim, live, or the folder of an archive to play")] = "sim",
    kafka: Annotated[str, typer.Option(help="HOST:PORT of a cluster; default: an embedded broker")] = "",
    duration: Annotated[float | None, typer.Option(min=0, help="end after so many seconds")] = None,
    run: Annotated[str, typer.Option(help="name of the run; default: the time of its start")] = "",
    speed: Annotated[
        float, typer.Option(min=0, help="recorded seconds a second when playing an archive; 0 = all")
    ] = 1.0,
    faults: Annotated[Path | None, typer.Option(help="TOML file of faults for --feeds sim")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file; default: profit.toml")] = None,
) -> None:
    """Run the whole system, on the simulated exchange unless told otherwise, until Ctrl-C."""
    from api.supervisor.run import Order
    from api.supervisor.run import run as supervise

    name = run or f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise Failure(f"--run {name} is no name for a folder.", "Use letters, digits, dots, dashes and underscores.")
    check_faults(feeds, faults)
    supervise(Order(feeds, kafka, duration, name, config, speed, faults), load(config))


def play(
    archive: Annotated[Path, typer.Argument(help="folder of an archive")],
    kafka: Annotated[str, typer.Option(help="HOST:PORT")],
    speed: Annotated[float, typer.Option(min=0, help="recorded seconds a second; 0 = as fast as they go")] = 1.0,
    lifeline: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Play the feed topics of an archive into Kafka, as they were recorded."""
    from api.supervisor.player import play as publish

    settings = load()
    stop = Stop()
    on_signals(stop)
    if lifeline:
        watch_parent(stop.request)
    sent = publish(archive, settings.kafka, kafka, lambda: stop.requested, speed)
    print(f"{sent:,} records played", file=sys.stderr)
