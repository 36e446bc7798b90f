"""The audit flow: every topic into the Parquet archive, the typed ones into audit.duckdb.

each topic of the catalogue, from where the archive ends ─┐
pulses, so that silence does not keep rows waiting ───────┴─> archive and database
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from connectors.archive.layout import high_water_marks
from connectors.audit.sink import AuditSink, Pulse, Pulses
from connectors.kafka.meter import Meter
from connectors.kafka.source import Bounds, KafkaSource
from connectors.kafka.stopping import Stop
from models.message import Stored
from models.settings import Settings
from models.topics import BY_NAME

#: The archive is in no hurry: each look and each fetch may wait, which spares twenty consumers' work, and the broker's.
IDLE_MS = 100

#: Records of a topic between two looks at the others. Publishing takes its time in between, and an archive that is
#: behind has to catch up all the same; what a reader holds is bounded by its fetches.
BATCH_SIZE = 10_000


def build(sources: Mapping[str, Source[Stored]], pulses: Source[Pulse], sink: Sink[Stored | Pulse]) -> Dataflow:
    """The audit flow from one source a topic to ``sink``. Run it with one worker and without a recovery store: the
    archive itself knows where each topic stands."""
    flow = Dataflow("audit")
    streams = [op.input(f"topic_{name.replace('.', '_').replace('-', '_')}", flow, sources[name]) for name in sources]
    everything = op.merge("everything", *streams, op.input("pulses", flow, pulses))
    op.output("archive_and_database", everything, sink)
    return flow


def audit_flow(
    settings: Settings, bootstrap: str, stop: Stop, folder: Path | None = None, meter: Meter | None = None
) -> Dataflow:
    """The audit flow on Kafka: into ``archive/`` and ``audit.duckdb`` of ``folder`` (default: the data folder).

    Each topic is read from the record after the archive's last one; KafkaSource raises where that is gone."""
    folder = folder or settings.data_dir
    archive = folder / "archive"
    marks = high_water_marks(archive)
    sources = {
        name: KafkaSource(
            name,
            settings.kafka,
            bootstrap,
            stop,
            batch_size=BATCH_SIZE,
            bounds=Bounds(first=marks[name] + 1 if name in marks else "earliest"),
            idle_ms=IDLE_MS,
            meter=meter,
        )
        for name in BY_NAME
    }
    return build(sources, Pulses(stop), AuditSink(archive, folder / "audit.duckdb", settings.archive, BY_NAME))
