"""`profit flow`: one flow on Kafka, as a process of its own. The supervisor and the containers start it."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from models.contracts import Status
from models.failures import Failure
from models.settings import load
from models.telemetry import ModuleState

SNAPSHOT_S = 1.0
#: Of the learning flow, whose state is that of two trading flows, and which may read some of it again.
LEARNING_SNAPSHOT_S = 10.0


def flow(
    name: Annotated[Literal["market", "trading", "audit", "learning"], typer.Argument(help="Which flow.")],
    kafka: Annotated[str, typer.Option(help="HOST:PORT of the cluster.")] = "",
    run_dir: Annotated[Path | None, typer.Option(help="Folder of the run: state, archive, audit.duckdb.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    fixed: Annotated[
        bool, typer.Option("--fixed", hidden=True, help="Pass over configurations that a played archive states.")
    ] = False,
    lifeline: Annotated[bool, typer.Option("--lifeline", hidden=True)] = False,
) -> None:
    """Run one flow on Kafka until it is asked to stop; it resumes where it was."""
    from api.cli.beginning import beginning
    from api.cli.learning import learning_flow
    from api.runs import lived_in
    from connectors.kafka.absence import ABSENCE_S
    from connectors.kafka.admin import await_cluster
    from connectors.kafka.claim import claim
    from connectors.kafka.ending import DRAIN_S
    from connectors.kafka.meter import Meter
    from connectors.kafka.progress import ProgressReporter
    from connectors.kafka.pulse import ProcessPulse
    from connectors.kafka.sink import KafkaSink
    from connectors.kafka.source import KafkaFeedSource, KafkaSource
    from connectors.kafka.stopping import Stop, on_signals
    from connectors.lifeline import watch_parent
    from connectors.operator.watch import KillWatch, with_operator
    from flows import market, trading
    from flows.audit import audit_flow
    from flows.engine import output_to, prepare_recovery, run
    from models.topics import JOURNAL

    settings = load(config)
    bootstrap = kafka or settings.kafka.bootstrap_servers
    if not bootstrap:
        raise Failure("no Kafka cluster is named.", "Give --kafka HOST:PORT, or use `profit up`.")
    folder = run_dir or settings.data_dir
    stop = Stop()
    if lifeline:
        watch_parent(lambda: stop.request(hurried=True))
    meter = Meter()

    drain_s = None if lifeline else DRAIN_S  # who started it waits for all of it
    left = -1

    def rows() -> list[ModuleState]:
        nonlocal left
        if stop.requested and (now := sum(meter.lag().values())) != left:
            left = now
            _say(f"ending: {left:,} records to read")
        status, reason = meter.verdict()
        return [ModuleState(f"flow.{name}", status, meter.counts(), reason, meter.gauges())]

    recovery: Path | None = None
    await_cluster(settings.kafka, bootstrap, ABSENCE_S, _say)  # as long as a flow that runs waits for it
    own = claim(settings.kafka, bootstrap, folder, settings.kafka.continue_run)
    if name == "audit":
        dataflow = audit_flow(settings, bootstrap, stop, folder, meter, drain_s)
    else:
        progress = ProgressReporter(name) if name == "trading" else None
        attach = output_to(lambda: KafkaSink(settings.kafka, bootstrap, meter, progress))
        settings = with_operator(settings, folder.name)
        begun = settings if name == "learning" else beginning(name, folder, own, settings, bootstrap, fixed)
        if name == "trading":
            kill = KillWatch(settings, bootstrap, _say)
            kill.look()  # before it has heard anything
            kill.start()
        if name == "learning":
            dataflow = learning_flow(settings, folder, stop, attach)
        elif name == "market":
            feeds = KafkaFeedSource(settings.kafka, bootstrap, stop, drain_s=drain_s, meter=meter)
            dataflow = market.build(feeds, attach, begun, fixed)
        else:
            journal = KafkaSource(JOURNAL, settings.kafka, bootstrap, stop, drain_s=drain_s, meter=meter)
            dataflow = trading.build(journal, attach, begun, fixed)
        recovery = folder / "recovery" / name
        prepare_recovery(recovery)
    alone = name == "audit" and not lifeline  # without a supervisor the run goes on while its rows are booked
    pulse = ProcessPulse(f"flow-{name}", settings.kafka, bootstrap, rows, _say)
    pulse.start()
    on_signals(stop)
    status: Status = "failed"
    try:
        with lived_in(folder) if alone else contextlib.nullcontext():
            run(dataflow, recovery, LEARNING_SNAPSHOT_S if name == "learning" else SNAPSHOT_S)
        status = "stopped"
    finally:
        pulse.close(status)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
