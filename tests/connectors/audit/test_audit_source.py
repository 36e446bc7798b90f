"""The audit flow's source reads every topic in its order, from its own place, and to the end when it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from bytewax import operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, run_main

from connectors.audit.source import AuditSource, Heartbeat, Position
from connectors.kafka.admin import create_topics
from connectors.kafka.meter import Meter
from connectors.kafka.sink import Writer
from connectors.kafka.stopping import Stop
from models.failures import Failure
from models.message import Message, Stored
from models.settings import Kafka
from models.topics import Topic
from tests.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def names(bootstrap: str, topic_names: Callable[[str], str]) -> list[str]:
    made = [topic_names(f"audit{n}") for n in range(3)]
    create_topics(Kafka(), bootstrap, [Topic(name, "out", "", "") for name in made])
    return made


def write(bootstrap: str, topics: list[str], numbers: range) -> None:
    """The numbers to each topic, in turns."""
    writer = Writer(Kafka(), bootstrap)
    for n in numbers:
        for topic in topics:
            writer.write(Message(topic, "k", b"%d" % n, n, "p", n))
    writer.flush()


@contextmanager
def part(
    bootstrap: str, first: Mapping[str, Position], state: dict[str, int] | None = None, **options: Any
) -> Iterator[Any]:
    source = AuditSource(first, Kafka(), bootstrap, batch_size=50, **options)
    built = source.build_part("step", source.list_parts()[0], state)
    try:
        yield built
    finally:
        built.close()


def take(built: Any, count: int) -> dict[str, list[int]]:
    """``count`` records, by topic."""
    seen: list[Stored] = []

    def enough() -> bool:
        seen.extend(item for item in built.next_batch() if isinstance(item, Stored))
        return len(seen) >= count

    eventually(enough, what=f"{count} records")
    return by_topic(seen)


def by_topic(items: list[Any]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for item in items:
        if isinstance(item, Stored):
            found.setdefault(item.topic, []).append(int(item.value))
    return found


def test_each_topic_is_read_from_its_own_place(bootstrap: str, names: list[str]) -> None:
    write(bootstrap, names, range(120))
    meter = Meter()
    first: dict[str, Position] = {names[0]: "earliest", names[1]: 100, names[2]: 120}
    with part(bootstrap, first, meter=meter) as built:
        assert take(built, 140) == {names[0]: [*range(120)], names[1]: [*range(100, 120)]}
        assert built.snapshot() == dict.fromkeys(names, 120)
    assert meter.counts() == {f"read:{names[0]}": 120, f"read:{names[1]}": 20}


def test_what_comes_later_is_read_and_silence_is_reported(bootstrap: str, names: list[str]) -> None:
    with part(bootstrap, dict.fromkeys(names, "earliest")) as built:
        items = built.next_batch()
        assert [type(item) for item in items] == [Heartbeat]
        write(bootstrap, names, range(10))
        assert take(built, 30) == {name: [*range(10)] for name in names}
        state = built.snapshot()
    write(bootstrap, names, range(10, 15))
    with part(bootstrap, dict.fromkeys(names, "earliest"), state) as resumed:
        assert take(resumed, 15) == {name: [*range(10, 15)] for name in names}


def test_a_stop_lets_it_read_to_the_end_of_what_is_there(bootstrap: str, names: list[str]) -> None:
    write(bootstrap, names, range(300))
    stop = Stop()
    stop.request()
    out: list[Any] = []
    flow = Dataflow("test")
    source = AuditSource(dict.fromkeys(names, "earliest"), Kafka(), bootstrap, stop, batch_size=50, drain_s=60)
    op.output("out", op.input("in", flow, source), TestingSink(out))
    run_main(flow)
    assert by_topic(out) == {name: [*range(300)] for name in names}


def test_a_topic_that_was_created_anew_is_refused(bootstrap: str, names: list[str]) -> None:
    write(bootstrap, names, range(3))
    with (
        pytest.raises(Failure, match=f"topic {names[1]} ends at offset .* it was created anew"),
        part(bootstrap, {names[0]: 3, names[1]: 500}),
    ):
        pass
