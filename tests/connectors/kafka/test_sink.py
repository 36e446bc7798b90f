"""The sink writes all of it or says that it did not (Bytewax's own Kafka sink does neither)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from bytewax import operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main

from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka import absence as absence_module
from connectors.kafka import admin as admin_module
from connectors.kafka import sink as sink_module
from connectors.kafka.admin import create_topics, partitions
from connectors.kafka.reader import Reader
from connectors.kafka.sink import KafkaSink, Writer
from models.envelope import Envelope
from models.failures import Failure
from models.message import Message, Stored
from models.settings import Broker, Kafka
from models.topics import Topic
from tests.ports import free_port
from tests.waiting import eventually

pytestmark = pytest.mark.integration


def read_all(bootstrap: str, topic: str, count: int) -> list[Stored]:
    reader = Reader(Kafka(), bootstrap, [topic])
    reader.start({topic: 0})
    out: list[Stored] = []

    def enough() -> bool:
        out.extend(reader.read(10_000, 0.05))
        return len(out) >= count

    eventually(enough, what=f"{count} records in {topic}")
    reader.close()
    return out


def flow_of(items: list[Message], sink: KafkaSink) -> Dataflow:
    flow = Dataflow("test")
    op.output("out", op.input("in", flow, TestingSource(items, batch_size=10)), sink)
    return flow


@pytest.fixture
def topic(bootstrap: str, topic_names: Callable[[str], str]) -> str:
    name = topic_names("sink")
    create_topics(Kafka(), bootstrap, [Topic(name, "out", "", "")])
    return name


def test_everything_arrives_in_order_with_keys_headers_and_times(bootstrap: str, topic: str) -> None:
    envelope = Envelope(42, "r", 0, "c", 0).encode()
    items = [Message(topic, f"k{i}", b"v%d" % i, 1_000_000_007 + i, "me", i) for i in range(500)]
    items.append(Message(topic, "", b"frame", 42, envelope=envelope))
    run_main(flow_of(items, KafkaSink(Kafka(), bootstrap)))
    found = read_all(bootstrap, topic, len(items))
    assert found == [
        Stored(topic, 0, n, m.key, m.value, m.t_ns, m.producer, m.ordinal, m.envelope) for n, m in enumerate(items)
    ]


def test_a_frame_of_sixteen_megabytes_passes(bootstrap: str, topic: str) -> None:
    big = b"x" * (16 * 1024 * 1024)
    writer = Writer(Kafka(compression="none"), bootstrap)
    writer.write(Message(topic, "", big, 0))
    writer.flush()
    assert read_all(bootstrap, topic, 1)[0].value == big


def test_an_absent_topic_is_refused_and_not_made_up(bootstrap: str, topic_names: Callable[[str], str]) -> None:
    name = topic_names("absent")
    with pytest.raises(Failure, match=name):
        Writer(Kafka(), bootstrap).write(Message(name, "", b"", 0))
    assert name not in partitions(Kafka(), bootstrap)


def test_a_broker_that_was_never_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_module, "CONNECT_TIMEOUT_S", 0.3)
    port = free_port()
    with pytest.raises(Failure, match=f"127.0.0.1:{port}"):
        Writer(Kafka(), f"127.0.0.1:{port}")


def test_a_broker_that_dies_ends_the_flow_with_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "DELIVERY_TIMEOUT_MS", 5_000)
    standard = sink_module.producer_config
    monkeypatch.setattr(
        sink_module, "producer_config", lambda k, b: standard(k, b) | {"delivery.timeout.ms": 5_000, "linger.ms": 1}
    )
    with EmbeddedBroker.start(Broker()) as broker:
        create_topics(Kafka(), broker.bootstrap, [Topic("t", "out", "", "")])
        writer = Writer(Kafka(), broker.bootstrap)
        writer.write(Message("t", "", b"first", 0))
        writer.flush()
    writer.write(Message("t", "", b"second", 0))
    with pytest.raises(Failure, match=r"not delivered|never acknowledged") as failure:
        writer.flush()
    assert broker.bootstrap in failure.value.cause


def test_a_cluster_that_stays_away_is_given_up_long_before_its_messages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absence_module, "ABSENCE_S", 1.0)
    with EmbeddedBroker.start(Broker()) as broker:
        create_topics(Kafka(), broker.bootstrap, [Topic("t", "out", "", "")])
        writer = Writer(Kafka(), broker.bootstrap)
        writer.write(Message("t", "", b"first", 0))
        writer.flush()
    writer.write(Message("t", "", b"second", 0))
    began = time.monotonic()
    with pytest.raises(Failure, match="has been away for 1 s"):
        writer.flush()
    assert time.monotonic() - began < sink_module.DELIVERY_TIMEOUT_MS / 1000


def test_more_messages_than_the_queue_holds_are_all_written(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    standard = sink_module.producer_config
    monkeypatch.setattr(
        sink_module, "producer_config", lambda k, b: standard(k, b) | {"queue.buffering.max.messages": 100}
    )
    writer = Writer(Kafka(), bootstrap)
    for number in range(1_000):
        writer.write(Message(topic, "", b"%d" % number, 0))
    writer.flush()
    assert [s.value for s in read_all(bootstrap, topic, 1_000)] == [b"%d" % n for n in range(1_000)]


class Unreachable:
    """A writer whose cluster is away."""

    def __init__(self) -> None:
        self.flushes = 0

    def write(self, message: Message) -> None:
        pass

    def flush(self) -> None:
        self.flushes += 1
        raise Failure("away", "wait")


def test_a_sink_that_failed_is_closed_without_failing_again() -> None:
    """Bytewax aborts the process when closing raises while a failure is on its way out."""
    writer = Unreachable()
    partition = sink_module._KafkaSinkPartition(writer, sink_module.Meter())  # type: ignore[arg-type]
    with pytest.raises(Failure):
        partition.write_batch([Message("t", "", b"", 0)])
    partition.close()
    assert writer.flushes == 1
