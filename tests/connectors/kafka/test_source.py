"""Sources read everything once, resume exactly, and say so when a position is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from bytewax import operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, run_main

from connectors.kafka.admin import create_topics
from connectors.kafka.client import FETCH_BYTES
from connectors.kafka.reader import Reader
from connectors.kafka.sink import Writer
from connectors.kafka.source import Idle, KafkaFeedSource, KafkaSource, Ordinals, ReadRange
from connectors.kafka.stopping import Stop
from connectors.ordering import Emitted, merge_all
from models import topics
from models.envelope import Envelope
from models.failures import Failure
from models.markers import Marker, Tick, encode_own
from models.message import Lost, Message, Stored
from models.settings import Kafka
from models.topics import Topic
from tests.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def topic(bootstrap: str, topic_names: Callable[[str], str]) -> str:
    name = topic_names("source")
    create_topics(Kafka(), bootstrap, [Topic(name, "out", "", "")])
    return name


def write(bootstrap: str, messages: list[Message]) -> None:
    writer = Writer(Kafka(), bootstrap)
    for message in messages:
        writer.write(message)
    writer.flush()


def numbered(topic: str, count: int, start: int = 0) -> list[Message]:
    return [Message(topic, "k", b"%d" % n, n * 1_000, "p", n) for n in range(start, start + count)]


@contextmanager
def part(source: KafkaSource | KafkaFeedSource, state: dict[str, Any] | None = None) -> Iterator[Any]:
    built = source.build_part("step", source.list_parts()[0], state)
    try:
        yield built
    finally:
        built.close()


def take(built: Any, count: int) -> list[Any]:
    """At least ``count`` items, in whole batches."""
    out: list[Any] = []

    def enough() -> bool:
        out.extend(built.next_batch())
        return len(out) >= count

    eventually(enough, what=f"{count} items")
    return out


def values(records: list[Stored]) -> list[int]:
    return [int(record.value) for record in records]


def drained(source: KafkaSource | KafkaFeedSource) -> list[Any]:
    out: list[Any] = []
    flow = Dataflow("test")
    op.output("out", op.input("in", flow, source), TestingSink(out))
    run_main(flow)
    return out


def test_resumes_at_the_exact_record(bootstrap: str, topic: str) -> None:
    write(bootstrap, numbered(topic, 100))
    source = KafkaSource(topic, Kafka(), bootstrap, batch_size=7)
    with part(source) as first:
        seen = take(first, 30)
        state = first.snapshot()
    with part(source, state) as second:
        seen += take(second, 100 - len(seen))
    assert values(seen) == list(range(100))


def test_batches_are_bounded(bootstrap: str, topic: str) -> None:
    write(bootstrap, numbered(topic, 50))
    with part(KafkaSource(topic, Kafka(), bootstrap, batch_size=8)) as built:
        sizes: list[int] = []
        eventually(lambda: sizes.append(len(built.next_batch())) or sum(sizes) == 50)
    assert max(sizes) <= 8


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (ReadRange(first=10, end=15), range(10, 15)),
        (ReadRange(end=3), range(3)),
        (ReadRange(from_ns=5_000, to_ns=9_000), range(5, 9)),
        (ReadRange(until=lambda record: record.value == b"12"), range(13)),
    ],
)
def test_bounds_end_a_flow_by_themselves(bootstrap: str, topic: str, bounds: ReadRange, expected: range) -> None:
    write(bootstrap, numbered(topic, 20))
    assert values(drained(KafkaSource(topic, Kafka(), bootstrap, bounds=bounds))) == list(expected)


def test_latest_skips_what_was_there(bootstrap: str, topic: str) -> None:
    write(bootstrap, numbered(topic, 20))
    with part(KafkaSource(topic, Kafka(), bootstrap, bounds=ReadRange(first="latest"))) as built:
        write(bootstrap, numbered(topic, 5, start=20))
        assert values(take(built, 5)) == [20, 21, 22, 23, 24]


def test_a_stop_ends_the_source_and_resumes_where_it_was(bootstrap: str, topic: str) -> None:
    write(bootstrap, numbered(topic, 30))
    stop = Stop()
    source = KafkaSource(topic, Kafka(), bootstrap, stop, batch_size=10, drain_s=0)
    with part(source) as built:
        seen = take(built, 10)
        stop.request()
        with pytest.raises(StopIteration):
            built.next_batch()
        assert built.snapshot()["offset"] == len(seen)


def test_a_stop_lets_the_source_read_to_the_end_of_what_is_there(bootstrap: str, topic: str) -> None:
    write(bootstrap, numbered(topic, 300))
    stop = Stop()
    stop.request()
    assert values(drained(KafkaSource(topic, Kafka(), bootstrap, stop, batch_size=10))) == list(range(300))


def test_what_a_crashed_producer_wrote_again_is_read_once(bootstrap: str, topic: str) -> None:
    write(bootstrap, numbered(topic, 10))
    write(bootstrap, [*numbered(topic, 6, start=7), Message(topic, "k", b"99", 0)])
    source = KafkaSource(topic, Kafka(), bootstrap, batch_size=5, dedupe=True, strict=True)
    with part(source) as first:
        seen = take(first, 8)
        state = first.snapshot()
    with part(source, state) as second:
        seen += take(second, 14 - len(seen))
    assert values(seen) == [*range(13), 99]


def test_a_gap_in_ordinals_is_a_failure_when_strict(bootstrap: str, topic: str) -> None:
    write(bootstrap, [*numbered(topic, 3), *numbered(topic, 1, start=5)])
    with part(KafkaSource(topic, Kafka(), bootstrap, strict=True)) as built:
        with pytest.raises(Failure, match="2 records are missing") as failure:
            take(built, 10)
        assert topic in failure.value.cause


def test_ordinals_may_begin_anywhere_when_the_topic_is_not_read_from_its_beginning() -> None:
    record = Stored("t", 0, 5, "", b"", 0, "p", 17)
    assert Ordinals(strict=True, last={}, whole=False).is_new(record)
    with pytest.raises(Failure, match="17 records are missing"):
        Ordinals(strict=True, last={}, whole=True).is_new(record)


def test_an_absent_topic_is_named(bootstrap: str, topic_names: Callable[[str], str]) -> None:
    name = topic_names("absent")
    with pytest.raises(Failure, match=name):
        KafkaSource(name, Kafka(), bootstrap).build_part("step", name, None)


def test_a_topic_that_was_created_anew_is_noticed(bootstrap: str, topic: str) -> None:
    write(bootstrap, numbered(topic, 3))
    source = KafkaSource(topic, Kafka(), bootstrap)
    with pytest.raises(Failure, match="created anew"):
        source.build_part("step", topic, {"offset": 500, "ordinals": {}})


def test_a_position_that_retention_deleted_is_a_failure_and_no_jump(real_kafka: str, topic: str) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    from connectors.kafka.client import admin_config

    write(real_kafka, numbered(topic, 20))
    source = KafkaSource(topic, Kafka(), real_kafka)
    with part(KafkaSource(topic, Kafka(), real_kafka, batch_size=1)) as running:
        take(running, 1)
        admin = AdminClient(admin_config(Kafka(), real_kafka))
        for future in admin.delete_records([TopicPartition(topic, 0, 10)]).values():
            future.result()
        with pytest.raises(Failure, match=r"begins at offset 10.*7 records"):
            source.build_part("step", topic, {"offset": 3, "ordinals": {}})


def test_a_position_deleted_while_reading_is_a_failure(real_kafka: str, topic: str) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    from connectors.kafka.client import admin_config

    write(real_kafka, numbered(topic, 20))
    reader = Reader(Kafka(), real_kafka, [topic])
    reader.start({topic: 0})
    reader.pause({topic})
    admin = AdminClient(admin_config(Kafka(), real_kafka))
    for future in admin.delete_records([TopicPartition(topic, 0, 10)]).values():
        future.result()
    reader.pause(set())
    with pytest.raises(Failure, match="begins at offset 10"):
        eventually(lambda: reader.read(1, 0.05) and False)


def test_an_idle_source_sleeps_longer_and_longer_up_to_its_bound() -> None:
    idle = Idle(4)
    idle.saw(True)
    assert idle.awake is None
    sleeps = []
    for _ in range(4):
        idle.saw(False)
        sleeps.append(idle._sleep_ms)
    assert sleeps == [1, 2, 4, 4]
    idle.saw(True)
    assert idle.awake is None


# ------------------------------------------------------------------ feeds


def feed_messages(frames: int) -> list[Message]:
    """One run with a lost record, a command, and a next run; in the order of receipt."""
    out: list[Message] = []
    seq = 0

    def feed(topic: str, value: bytes, run: str = "r0", lost: bool = False) -> None:
        nonlocal seq
        envelope = Envelope(1_000 + len(out), run, seq, "c", seq)
        seq += 1
        if not lost:
            out.append(Message(topic, "c", value, envelope.recv_ns, envelope=envelope.encode()))

    for name in topics.FEEDS:
        feed(name, encode_own(Marker("start", "r0", "sim")))
    out.append(Message(topics.CONTROL, "me", b"halt", 1))
    for number in range(frames):
        feed(topics.FEEDS[number % 2], b"%d" % number * 20, lost=number == 17)
        if number % 50 == 0:
            feed(topics.FEED_CLOCK, encode_own(Tick(number, 1, {topics.CONTROL: 1})))
    for name in topics.FEEDS:
        feed(name, encode_own(Marker("end", "r0", "sim")))
    seq = 0
    for name in topics.FEEDS:
        feed(name, encode_own(Marker("start", "r1", "sim")), run="r1")
    return out


def at_the_last(messages: list[Message]) -> Callable[[Emitted], bool]:
    last = messages[-1].envelope
    return lambda item: isinstance(item, Stored) and item.envelope == last


def expected_order(messages: list[Message]) -> list[Emitted]:
    offsets = dict.fromkeys((*topics.FEEDS, *topics.INPUTS), 0)
    records = []
    for m in messages:
        records.append(Stored(m.topic, 0, offsets[m.topic], m.key, m.value, m.t_ns, envelope=m.envelope))
        offsets[m.topic] += 1
    return merge_all(records)


@pytest.mark.parametrize(("batch_size", "max_waiting"), [(1, 16_384), (1_000, 16_384), (64, 8)])
def test_feeds_come_in_their_one_order(clean_kafka: str, batch_size: int, max_waiting: int) -> None:
    create_topics(Kafka(), clean_kafka)
    messages = feed_messages(400)
    # Whole topics one after the other: nothing about the order is left to the order of writing.
    write(clean_kafka, sorted(messages, key=lambda message: message.topic))
    source = KafkaFeedSource(
        Kafka(), clean_kafka, batch_size=batch_size, max_waiting=max_waiting, until=at_the_last(messages)
    )
    found = drained(source)
    assert found == expected_order(messages)
    assert any(isinstance(item, Lost) for item in found)
    assert any(isinstance(item, Stored) and item.topic == topics.CONTROL for item in found)


def test_feeds_resume_exactly(clean_kafka: str) -> None:
    create_topics(Kafka(), clean_kafka)
    messages = feed_messages(200)
    write(clean_kafka, messages)
    expected = expected_order(messages)
    source = KafkaFeedSource(Kafka(), clean_kafka, batch_size=9, max_waiting=16)
    found: list[Emitted] = []
    state: dict[str, Any] | None = None
    while len(found) < len(expected):
        with part(source, state) as built:
            found += take(built, min(40, len(expected) - len(found)))
            state = built.snapshot()
    assert found == expected


FLOW = """
    import sys
    from bytewax import operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.recovery import RecoveryConfig
    from bytewax.run import cli_main
    from datetime import timedelta
    from connectors.kafka.sink import KafkaSink
    from connectors.kafka.source import KafkaSource
    from connectors.kafka.stopping import Stop, on_signals
    from models.message import Message
    from models.settings import Kafka

    bootstrap, source, target, folder = sys.argv[1:]
    stop = Stop()

    def count(state, record):
        state = 0 if state is None else state + 1
        return state, Message(target, "", record.value, record.t_ns, "copy", state)

    flow = Dataflow("copy")
    s = op.input("in", flow, KafkaSource(source, Kafka(), bootstrap, stop, batch_size=50))
    s = op.stateful_map("count", op.key_on("one", s, lambda _: "one"), count)
    op.output("out", op.map("value", s, lambda pair: pair[1]), KafkaSink(Kafka(), bootstrap))
    on_signals(stop)
    print("listening", flush=True)
    cli_main(flow, recovery_config=RecoveryConfig(folder), epoch_interval=timedelta(seconds=0.2))
"""


def test_kill_9_and_sigterm_leave_each_record_once_for_a_reader(
    bootstrap: str, topic: str, topic_names: Callable[[str], str], tmp_path: Path
) -> None:
    from bytewax.recovery import init_db_dir

    target = topic_names("copy")
    create_topics(Kafka(), bootstrap, [Topic(target, "out", "", "")])
    write(bootstrap, numbered(topic, 20_000))
    init_db_dir(tmp_path, 1)
    script = [sys.executable, "-c", textwrap.dedent(FLOW), bootstrap, topic, target, str(tmp_path)]
    raw: list[Stored] = []
    # Closed before the topics go: the Kafka client crashes the process when a topic it reads is deleted.
    with closing(Reader(Kafka(), bootstrap, [target])) as reader:
        reader.start({target: 0})

        @contextmanager
        def copying() -> Iterator[subprocess.Popen[str]]:
            """The flow in a process, which answers to signals from now on."""
            while written := reader.read(5_000, 1.0):
                raw.extend(written)
            environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
            with subprocess.Popen(script, env=environment, stdout=subprocess.PIPE, text=True) as process:
                try:
                    assert process.stdout is not None
                    assert process.stdout.readline() == "listening\n"
                    yield process
                finally:
                    process.kill()

        def last() -> int:
            raw.extend(reader.read(5_000, 0.01))
            return raw[-1].ordinal if raw else -1

        def copied(number: int) -> Callable[[], bool]:
            return lambda: last() >= number

        for how in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
            with copying() as process:
                eventually(copied(last() + 500), 120, "progress")
                process.send_signal(how)
                assert process.wait(60) == (0 if how == signal.SIGTERM else -signal.SIGKILL)
        with copying():
            eventually(copied(19_999), 120, "the last record")
    assert len(raw) > 20_000  # something was written again, or the test has shown nothing
    source = KafkaSource(target, Kafka(), bootstrap, bounds=ReadRange(end=len(raw)), dedupe=True, strict=True)
    assert values(drained(source)) == list(range(20_000))


def test_a_reader_that_is_behind_in_two_topics_reads_them_by_turns_and_large_records_too(
    bootstrap: str, topic_names: Callable[[str], str]
) -> None:
    names = [topic_names("one"), topic_names("two")]
    create_topics(Kafka(), bootstrap, [Topic(name, "out", "", "") for name in names])
    size, count = 8_192, 400  # of bytes that do not shrink: many fetches a topic
    for name in names:
        writer = Writer(Kafka(), bootstrap)
        for n in range(count):
            writer.write(Message(name, "k", os.urandom(size), n, "p", n))
            if n % 16 == 15:
                writer.flush()  # a fetch gives whole batches: these are half of what it may give
        writer.write(Message(name, "k", os.urandom(20 * FETCH_BYTES), count, "p", count))
        writer.flush()
    reader = Reader(Kafka(), bootstrap, names)
    reader.start(dict.fromkeys(names, 0))
    read = dict.fromkeys(names, 0)
    apart = [0]

    def all_read() -> bool:
        for record in reader.read(50, 0.05):
            assert record.offset == read[record.topic]
            read[record.topic] += 1
            apart.append(abs(read[names[0]] - read[names[1]]))
        return min(read.values()) == count + 1

    eventually(all_read, 120, "both topics")
    reader.close()
    assert max(apart) < count / 2
