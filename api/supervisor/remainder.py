"""What an end has left undone: records that are in the topics and not in the archive."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from connectors.archive.layout import high_water_marks
from connectors.kafka.reader import Reader
from models.settings import Kafka
from models.topics import BY_NAME, PROGRESS, RUNS, TELEMETRY

#: What is missing of them tells nothing: pulses are written until the very end, and the claim before anything else.
_PASSED_OVER: Final = frozenset({TELEMETRY, PROGRESS, RUNS})


def not_archived(kafka: Kafka, bootstrap: str, archive: Path) -> dict[str, int]:
    """Records by topic that ``archive`` has not, where there are any. Raises Failure when the cluster is away."""
    names = [name for name in BY_NAME if name not in _PASSED_OVER]
    marks = high_water_marks(archive)
    reader = Reader(kafka, bootstrap, names)
    try:
        left = {name: reader.watermarks(name)[1] - (marks.get(name, -1) + 1) for name in names}
    finally:
        reader.close()
    return {name: records for name, records in left.items() if records > 0}
