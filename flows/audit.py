"""The audit flow: every topic into the Parquet archive, the typed ones into audit.duckdb.

every topic of the catalogue, from where the archive ends -> archive and database
"""

from __future__ import annotations

from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from connectors.archive.layout import high_water_marks
from connectors.audit.sink import AuditSink
from connectors.audit.source import AuditSource, Heartbeat, Position
from connectors.kafka.ending import DRAIN_S
from connectors.kafka.meter import Meter
from connectors.kafka.stopping import Stop
from models.message import Stored
from models.settings import Settings
from models.topics import BY_NAME

#: Records between two looks at what is due. Publishing takes its time in between, and an archive that is behind has to
#: catch up all the same; what a reader holds is bounded by its fetches.
BATCH_SIZE = 10_000


def build(records: Source[Stored | Heartbeat], sink: Sink[Stored | Heartbeat]) -> Dataflow:
    """The audit flow from the ``records`` of all topics to ``sink``. Run it with one worker and without a recovery
    store: the archive itself knows where each topic stands."""
    flow = Dataflow("audit")
    op.output("archive_and_database", op.input("topics", flow, records), sink)
    return flow


def audit_flow(
    settings: Settings,
    bootstrap: str,
    stop: Stop,
    folder: Path | None = None,
    meter: Meter | None = None,
    drain_s: float | None = DRAIN_S,
) -> Dataflow:
    """The audit flow on Kafka: into ``archive/`` and ``audit.duckdb`` of ``folder`` (default: the data folder).

    ``drain_s``: the longest reading on after the end was requested, None: to the end of the topics. Each topic is read
    from the record after the archive's last one; AuditSource raises where that is gone."""
    folder = folder or settings.data_dir
    archive = folder / "archive"
    marks = high_water_marks(archive)
    first: dict[str, Position] = {name: marks[name] + 1 if name in marks else "earliest" for name in BY_NAME}
    records = AuditSource(first, settings.kafka, bootstrap, stop, batch_size=BATCH_SIZE, drain_s=drain_s, meter=meter)
    return build(records, AuditSink(archive, folder / "audit.duckdb", settings.archive, BY_NAME))
