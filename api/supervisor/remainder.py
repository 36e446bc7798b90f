"""What an end has left undone: records that are in the topics and not in the archive."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Final

from connectors.archive.files import producers_of
from connectors.archive.layout import high_water_marks, pieces_of, topic_folder
from connectors.kafka.reader import Reader
from models.settings import Kafka
from models.topics import BY_NAME, PROGRESS, RUNS, TELEMETRY

#: What is missing of them tells nothing: pulses are written until the very end, and the claim before anything else.
_PASSED_OVER: Final = frozenset({TELEMETRY, PROGRESS, RUNS})


#: So many records of a topic are looked at one by one; of more it is certain that some are missing.
_LOOKED_AT: Final = 10_000
_PATIENCE_S: Final = 5.0


def not_archived(kafka: Kafka, bootstrap: str, archive: Path) -> dict[str, int]:
    """Records by topic that ``archive`` has not, where there are any. What a flow wrote a second time after a crash is
    there already, under its number. Raises Failure when the cluster is away."""
    names = [name for name in BY_NAME if name not in _PASSED_OVER]
    marks = high_water_marks(archive)
    reader = Reader(kafka, bootstrap, names)
    try:
        left = {name: reader.watermarks(name)[1] - (marks.get(name, -1) + 1) for name in names}
    finally:
        reader.close()
    left = {name: records for name, records in left.items() if records > 0}
    few = {name: marks.get(name, -1) + 1 for name, records in left.items() if records <= _LOOKED_AT}
    if few:
        for name, again in _written_again(kafka, bootstrap, archive, few, sum(left[name] for name in few)).items():
            left[name] -= again
    return {name: records for name, records in left.items() if records > 0}


def _written_again(kafka: Kafka, bootstrap: str, archive: Path, begin: dict[str, int], count: int) -> Counter[str]:
    """How many of the ``count`` records from ``begin`` on bear numbers that the archive has."""
    known: dict[tuple[str, str], int] = {}
    for name in begin:
        pieces = pieces_of(topic_folder(archive, name))
        if pieces:
            known.update({(name, producer): last for producer, last in producers_of(pieces[-1].path).items()})
    again: Counter[str] = Counter()
    reader = Reader(kafka, bootstrap, [*begin])
    try:
        reader.start(begin)
        deadline = time.monotonic() + _PATIENCE_S
        while count > 0 and time.monotonic() < deadline:
            for record in reader.read(1_000, 0.1):
                count -= 1
                key = (record.topic, record.producer)
                if record.producer and record.ordinal <= known.get(key, -1):
                    again[record.topic] += 1
                elif record.producer:
                    known[key] = record.ordinal
    finally:
        reader.close()
    return again
