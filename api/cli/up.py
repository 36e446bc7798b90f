"""`profit up`: everything under one supervisor; and `profit play`, the child that plays an archive into Kafka."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from api.runs import archive_of, check_name, folder_of
from connectors.failures import require_writable
from connectors.kafka.stopping import Stop, on_signals
from connectors.lifeline import watch_parent
from connectors.simulator.faults.timeline import check_faults
from models.failures import Failure
from models.settings import load
from models.strategies.instance import instances
from models.strategies.rehearsal import require_rehearsed


def up(
    feeds: Annotated[
        str, typer.Option(help="sim, live, or an archive to play (a folder, or the name of a run)")
    ] = "sim",
    kafka: Annotated[str, typer.Option(help="HOST:PORT of a cluster; default: an embedded broker")] = "",
    duration: Annotated[float | None, typer.Option(min=0, help="end after so many seconds")] = None,
    run: Annotated[str, typer.Option(help="name of the run; default: the time of its start")] = "",
    speed: Annotated[
        float | None,
        typer.Option(min=0, help="recorded seconds a second when playing an archive; 0 = all; default: 1"),
    ] = None,
    faults: Annotated[Path | None, typer.Option(help="TOML file of faults for --feeds sim")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file; default: profit.toml")] = None,
) -> None:
    """Run the whole system, on the simulated exchange unless another is named, until Ctrl-C."""
    from api.supervisor.run import RunRequest
    from api.supervisor.run import run as supervise

    name = check_name(run or f"{datetime.now(UTC):%Y%m%d-%H%M%S}")
    check_faults(feeds, faults)
    settings = load(config)
    require_rehearsed(instances(settings))
    if feeds not in ("sim", "live"):
        feeds = str(_feeds_of(feeds, settings.data_dir))
    elif speed is not None:
        cure = (
            "PROFIT_SIMULATOR_SPEED sets that of the simulated exchange." if feeds == "sim" else "Leave --speed away."
        )
        raise Failure(f"--speed is for playing an archive, and --feeds is {feeds}.", cure)
    require_writable(folder_of(settings.data_dir, name))
    supervise(RunRequest(feeds, kafka, duration, name, config, 1.0 if speed is None else speed, faults), settings)


def _feeds_of(place: str, data_dir: Path) -> Path:
    """The archive to play, whose feed topics can be read. Raises Failure before anything is started."""
    from connectors.archive.reader import ArchiveReader
    from models.topics import FEEDS

    try:
        archive = archive_of(Path(place), data_dir)
    except Failure as failure:
        raise Failure(f"--feeds {place}: neither sim nor live; {failure.cause}", failure.cure) from None
    counts = ArchiveReader(archive).counts()  # from every file's footer: a damaged one is found now
    if not any(counts.get(topic) for topic in FEEDS):
        raise Failure(
            f"--feeds {place}: {archive} holds no feed records.",
            "Name the archive of a recording (`profit import` makes one) or of a live run; a replay's has no feeds.",
        )
    return archive


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
    place = archive_of(archive, settings.data_dir)

    def over(sent: int) -> None:
        print(f"{sent:,} records played: the archive is over, commands are heard still", file=sys.stderr, flush=True)

    hears_on = over if lifeline else None  # in a run; by itself it ends with the archive
    sent = publish(place, settings.kafka, kafka, lambda: stop.requested, speed, hears_on)
    print(f"{sent:,} records played", file=sys.stderr)
