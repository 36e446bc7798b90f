"""The embedded broker beside Apache Kafka, and under the clients and consoles that people use.

The differential part does the same random things to both and compares what a client sees. It needs an Apache Kafka
(``.ci/kafka``, or PROFIT_TEST_KAFKA); the consoles' part needs those programs. What is absent is skipped, and said."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from connectors.broker.embedded import EmbeddedBroker
from models.settings import Broker
from tests.conftest import ROOT
from tests.waiting import eventually

pytestmark = pytest.mark.integration

STEPS = 120
SEEDS = range(3)


@pytest.fixture(scope="module")
def embedded() -> Iterator[str]:
    with EmbeddedBroker.start(Broker()) as broker:
        yield broker.bootstrap


class Client:
    """What is done to a broker, and what it shows."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.topic = topic
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        config: dict[str, Any] = {"bootstrap.servers": bootstrap, "linger.ms": 0}
        self._plain = Producer(config)
        self._idempotent = Producer(config | {"enable.idempotence": True})
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "none",
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        wanted = NewTopic(topic, 2, 1, config={"retention.ms": "-1", "max.message.bytes": "200000"})
        self._admin.create_topics([wanted])[topic].result()
        eventually(lambda: self._is_led(0) and self._is_led(1), what="leaders")

    def produce(self, idempotent: bool, partition: int, records: list[tuple[bytes, bytes, int]]) -> list[str]:
        told: list[str] = []
        producer = self._idempotent if idempotent else self._plain

        def heard(error: Any, message: Any) -> None:
            told.append(str(error.name()) if error is not None else f"{message.partition()}:{message.offset()}")

        for key, value, at in records:
            producer.produce(self.topic, value, key, partition=partition, timestamp=at, on_delivery=heard)
        assert producer.flush(60) == 0
        return sorted(told)

    def fetch(self, partition: int, offset: int, limit: int) -> list[tuple[Any, ...]]:
        """Up to ``limit`` records from there on, to the end; or the error."""
        self._consumer.assign([TopicPartition(self.topic, partition, offset)])
        found: list[tuple[Any, ...]] = []
        while len(found) < limit:
            message = self._consumer.poll(60)
            assert message is not None, "nothing came in a minute"
            error = message.error()
            if error is not None:
                name = error.name()
                if name != "_PARTITION_EOF":
                    found.append((name,))
                break
            found.append((message.offset(), message.key(), message.value(), message.timestamp(), message.headers()))
        self._consumer.unassign()
        return found

    def _is_led(self, partition: int) -> bool:
        with contextlib.suppress(KafkaException):
            return self.ends(partition) == (0, 0)
        return False

    def ends(self, partition: int) -> tuple[int, int]:
        found = self._consumer.get_watermark_offsets(TopicPartition(self.topic, partition), timeout=60)
        return int(found[0]), int(found[1])

    def at_time(self, partition: int, time: int) -> int:
        (found,) = self._consumer.offsets_for_times([TopicPartition(self.topic, partition, time)], timeout=60)
        return int(found.offset)

    def delete_before(self, partition: int, offset: int) -> Any:
        place = TopicPartition(self.topic, partition, offset)
        try:
            (future,) = self._admin.delete_records([place]).values()
            return future.result().low_watermark
        except Exception as refused:
            return refused.args[0].name()  # type: ignore[attr-defined]

    def commit(self, partition: int, offset: int) -> int:
        place = TopicPartition(self.topic, partition, offset)
        self._consumer.commit(offsets=[place], asynchronous=False)
        (found,) = self._consumer.committed([TopicPartition(self.topic, partition)], timeout=60)
        return int(found.offset)

    def close(self) -> None:
        self._consumer.close()
        self._admin.delete_topics([self.topic])[self.topic].result()


def step(chance: random.Random) -> tuple[Any, ...]:
    partition = chance.randrange(2)
    match chance.randrange(10):
        case 0 | 1 | 2 | 3:
            if chance.random() < 0.1:  # too large
                return "produce", False, partition, [(b"", bytes(250_000), 1_700_000_000_000)]
            records = [
                (
                    b"k%d" % chance.randrange(9),
                    bytes(chance.choice((0, 1, 100, 3_000))),
                    1_700_000_000_000 + chance.randrange(1_000_000),
                )
                for _ in range(chance.choice((1, 2, 30)))
            ]
            return "produce", chance.random() < 0.5, partition, records
        case 4 | 5:
            return "fetch", partition, chance.randrange(120), chance.choice((1, 5, 1_000))
        case 6:
            return "ends", partition
        case 7:
            return "at_time", partition, 1_700_000_000_000 + chance.randrange(-100, 1_000_100)
        case 8:
            return "delete_before", partition, chance.randrange(60)
        case _:
            return "commit", partition, chance.randrange(100)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_client_sees_on_both_the_same(seed: int, embedded: str, real_kafka: str) -> None:
    chance = random.Random(seed)
    topic = f"test-differential-{uuid.uuid4().hex}"
    ours, theirs = Client(embedded, topic), Client(real_kafka, topic)
    try:
        for number in range(STEPS):
            what, *words = step(chance)
            seen = [getattr(client, what)(*words) for client in (ours, theirs)]
            assert seen[0] == seen[1], f"step {number}: {what} {str(words)[:200]}"
        for partition in (0, 1):
            start, _ = ours.ends(partition)
            assert ours.fetch(partition, start, 100_000) == theirs.fetch(partition, start, 100_000)
    finally:
        ours.close()
        theirs.close()


# -- clients and consoles


def run(*words: str, given: str = "", timeout_s: float = 120) -> str:
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4().hex}"


def make(bootstrap: str, name: str, partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result()


def test_kcat_writes_reads_lists_and_joins_groups(embedded: str, name: str) -> None:
    kcat = shutil.which("kcat")
    if kcat is None:
        pytest.skip("kcat is not installed (apt install kcat)")
    make(embedded, name)
    lines = "".join(f"k{number}:v{number}\n" for number in range(100))
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        run(kcat, "-b", embedded, "-P", "-t", name, "-K:", "-z", codec, given=lines)
    assert run(kcat, "-b", embedded, "-C", "-t", name, "-K:", "-e", "-q") == lines * 5
    assert run(kcat, "-b", embedded, "-C", "-t", name, "-o", "-3", "-e", "-q") == "v97\nv98\nv99\n"
    assert f'topic "{name}" with 1 partitions' in run(kcat, "-b", embedded, "-L")
    assert f"{name} [0] offset 500" in run(kcat, "-b", embedded, "-Q", "-t", f"{name}:0:-1")
    once = run(kcat, "-b", embedded, "-G", f"g-{name}", "-c", "250", "-o", "beginning", "-q", name)
    assert once == "".join(f"v{number % 100}\n" for number in range(250))
    rest = run(kcat, "-b", embedded, "-G", f"g-{name}", "-c", "250", "-q", name)
    assert rest == "".join(f"v{number % 100}\n" for number in range(50, 300))  # goes on where it had committed


def test_kafka_python_writes_and_two_of_its_group_share_a_topic(embedded: str, name: str) -> None:
    kafka = pytest.importorskip("kafka", reason="kafka-python is not installed")
    make(embedded, name, partitions=2)
    producer = kafka.KafkaProducer(bootstrap_servers=embedded)
    sent = [producer.send(name, b"%d" % number, partition=number % 2) for number in range(100)]
    assert [future.get(60).offset for future in sent] == [number // 2 for number in range(100)]
    producer.close()
    options = {"bootstrap_servers": embedded, "group_id": name, "auto_offset_reset": "earliest"}
    readers = [Polled(kafka.KafkaConsumer(name, **options, enable_auto_commit=False)) for _ in range(2)]
    try:
        eventually(lambda: all(len(reader.share) == 1 for reader in readers), 120, "a share for each of two")
        eventually(lambda: set().union(*(reader.found for reader in readers)) == set(range(100)), 120, "all records")
    finally:
        for reader in readers:  # nobody leaves before both have committed
            reader.commit()
        for reader in readers:
            reader.close()
    assert readers[0].share != readers[1].share
    last = kafka.KafkaConsumer(name, **options, enable_auto_commit=False)
    places = [kafka.TopicPartition(name, partition) for partition in range(2)]
    assert [last.committed(place) for place in places] == [50, 50]
    last.close()


class Polled:
    """A consumer of kafka-python with a thread that polls it, as its users run it. Polled in turn by one thread, it
    loses the answer that comes while another one is polled and joins again (3.0.12), on Apache Kafka too."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.found: set[int] = set()
        self.share: set[int] = set()
        self._wanted, self._committed, self._over = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self._thread.start()

    def _poll(self) -> None:
        while not self._over.is_set():
            for records in self._consumer.poll(500).values():
                self.found.update(int(record.value) for record in records)
            if not self._wanted.is_set():
                self.share = {place.partition for place in self._consumer.assignment()}
            elif not self._committed.is_set():
                self._consumer.commit()
                self._committed.set()
        self._consumer.close()

    def commit(self) -> None:
        self._wanted.set()
        self._committed.wait(60)

    def close(self) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module")
def java() -> list[str]:
    """The command of a Java tool of Kafka, without its class."""
    jars = sorted((ROOT / ".kafka").glob("jars-*"))
    if not jars or shutil.which("java") is None:
        pytest.skip("Kafka's Java tools are not here: .ci/kafka fetches them")
    if not list(jars[-1].glob("kafka-tools-*.jar")):
        pytest.skip("Kafka's Java tools are not among the jars: .ci/kafka fetches them anew")
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars[-1]}/*"]


def test_kafkas_own_consoles(embedded: str, name: str, java: list[str], tmp_path: Path) -> None:
    server = ["--bootstrap-server", embedded]
    topics = "org.apache.kafka.tools.TopicCommand"
    run(*java, topics, *server, "--create", "--topic", name, "--partitions", "2", "--config", "retention.ms=-1")
    assert name in run(*java, topics, *server, "--list").split()
    described = run(*java, topics, *server, "--describe", "--topic", name)
    assert "PartitionCount: 2" in described and "retention.ms=-1" in described
    lines = "".join(f"line {number}\n" for number in range(50))
    run(*java, "org.apache.kafka.tools.ConsoleProducer", *server, "--topic", name, given=lines)
    group = f"g-{name}"
    words = ["--topic", name, "--from-beginning", "--max-messages", "50", "--timeout-ms", "60000", "--group", group]
    read = run(*java, "org.apache.kafka.tools.consumer.ConsoleConsumer", *server, *words)
    assert sorted(read.splitlines()) == sorted(lines.splitlines())
    words = ["--topic", name, "--partition", "0", "--offset", "earliest", "--timeout-ms", "5000"]
    run(*java, "org.apache.kafka.tools.consumer.ConsoleConsumer", *server, *words)
    groups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    assert group in run(*java, groups, *server, "--list").split()
    assert name in run(*java, groups, *server, "--describe", "--group", group)
    ends = run(*java, "org.apache.kafka.tools.GetOffsetShell", *server, "--topic", name)
    assert sum(int(line.rpartition(":")[2]) for line in ends.split()) == 50
    run(*java, topics, *server, "--delete", "--topic", name)
