"""The broker and its topics."""

from __future__ import annotations

import time

from api.doctor.finding import Diagnosis, failed, ok, warning
from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import create_topics, partitions
from models.failures import Failure
from models.settings import Settings
from models.topics import CATALOGUE


def cluster(settings: Settings, bootstrap: str) -> list[Diagnosis]:
    """Whether ``bootstrap`` answers and has the topics of the catalogue; "" tries the embedded broker."""
    if not bootstrap:
        return [_embedded(settings)]
    started = time.monotonic()
    try:
        present = partitions(settings.kafka, bootstrap)
    except Failure as failure:
        return [failed("broker", failure.cause, failure.cure)]
    found = [ok("broker", f"{bootstrap} answered in {(time.monotonic() - started) * 1000:.0f} ms")]
    wrong = [topic for topic in CATALOGUE if present.get(topic.name, topic.partitions) != topic.partitions]
    absent = [topic.name for topic in CATALOGUE if topic.name not in present]
    if wrong:
        seen = ", ".join(
            f"{topic.name} has {present[topic.name]} partitions, not {topic.partitions}" for topic in wrong
        )
        cure = "Order is kept within one partition: delete these topics, or use another cluster."
        found.append(failed("topics", seen, cure))
    elif absent:
        seen = f"{len(CATALOGUE) - len(absent)} of {len(CATALOGUE)} there; absent: {', '.join(absent)}"
        found.append(warning("topics", seen, "Nothing to do: `profit up` and `profit record` create them."))
    else:
        found.append(ok("topics", f"all {len(CATALOGUE)} there, with the right partitions"))
    return found


def _embedded(settings: Settings) -> Diagnosis:
    started = time.monotonic()
    try:
        with EmbeddedBroker.start(settings.broker) as broker:
            created = create_topics(settings.kafka, broker.bootstrap)
    except Failure as failure:
        return failed("broker", failure.cause, failure.cure)
    seconds = time.monotonic() - started
    return ok("broker", f"embedded: started, made {len(created)} topics and ended in {seconds:.1f} s")
