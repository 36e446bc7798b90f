"""`profit record --feeds sim` as people run it, on a broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from connectors.kafka.admin import create_topics
from connectors.kafka.client import consumer_config, producer_config
from models.envelope import HEADER, Envelope, decode_envelope
from models.markers import Marker, Tick, decode_own
from models.settings import Kafka
from models.topics import CONTROL, FEED_CLOCK, FEED_COINBASE, FEED_POLYMARKET, FEEDS

pytestmark = pytest.mark.integration


class Reader:
    """Everything in the feed topics so far."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(consumer_config(Kafka(), bootstrap))
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in FEEDS])
        self.records: dict[str, list[tuple[Envelope, bytes]]] = {topic: [] for topic in FEEDS}

    def until(self, condition: Callable[[], bool], seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, {topic: len(found) for topic, found in self.records.items()}
            for message in self._consumer.consume(500, timeout=0.1):
                assert message.error() is None, message.error()
                headers = dict(message.headers() or ())
                value, topic = message.value(), message.topic()
                assert value is not None and topic is not None
                self.records[topic].append((decode_envelope(headers[HEADER]), value))

    def ended(self) -> bool:
        return all(
            found and isinstance(own := decode_own(found[-1][1]), Marker) and own.marker == "end"
            for found in self.records.values()
        )

    def close(self) -> None:
        self._consumer.close()


@contextmanager
def recording(bootstrap: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], Reader]]:
    create_topics(Kafka(), bootstrap)
    environment = os.environ | {"PROFIT_SIMULATOR_SPEED": "10", "PROFIT_FEEDS_HORIZONS": '["5m"]'}
    command = [sys.executable, "-m", "api.cli.main", "record", "--feeds", "sim", "--kafka", bootstrap, *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    reader = Reader(bootstrap)
    try:
        yield process, reader
    finally:
        reader.close()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stderr):
            if pipe is not None:
                pipe.close()


def test_recording_from_start_to_ctrl_c(clean_kafka: str) -> None:
    with recording(clean_kafka) as (process, reader):
        reader.until(lambda: all(len(reader.records[topic]) > 20 for topic in (FEED_POLYMARKET, FEED_COINBASE)))
        producer = Producer(producer_config(Kafka(), clean_kafka))
        producer.produce(CONTROL, value=b'{"command":"pause"}', key=b"operator")
        producer.flush(10)
        reader.until(lambda: any(tick.cut for tick in ticks(reader)))
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        reader.until(reader.ended)
        marked = time.monotonic() - asked
        _, reported = process.communicate(timeout=60)
    assert process.returncode == 0, reported
    assert marked < 2.0
    records = sorted((envelope.seq, topic) for topic, found in reader.records.items() for envelope, _ in found)
    assert [seq for seq, _ in records] == list(range(len(records)))
    for found in reader.records.values():
        numbers = [envelope.seq for envelope, _ in found]
        assert numbers == sorted(numbers)
        first = decode_own(found[0][1])
        assert isinstance(first, Marker) and first.marker == "start" and first.source == "sim"
    assert [tick.inputs[CONTROL] for tick in ticks(reader) if tick.cut] == [1]
    assert f"{len(records):,} records" in reported


def ticks(reader: Reader) -> list[Tick]:
    own = (decode_own(value) for _, value in reader.records[FEED_CLOCK])
    return [record for record in own if isinstance(record, Tick)]


def test_recording_ends_with_its_parent(clean_kafka: str) -> None:
    with recording(clean_kafka, "--lifeline") as (process, reader):
        reader.until(lambda: len(reader.records[FEED_COINBASE]) > 20)
        assert process.stdin is not None
        process.stdin.close()
        reader.until(reader.ended)
        assert process.wait(60) == 0


def test_recording_ends_when_its_time_is_over(clean_kafka: str) -> None:
    with recording(clean_kafka, "--duration", "1") as (process, reader):
        assert process.wait(90) == 0
        reader.until(reader.ended)


def test_wrong_exchange_file_is_reported(tmp_path: object) -> None:
    command = [sys.executable, "-m", "api.cli.main", "record", "--feeds", "sim", "--exchange", f"{tmp_path}/absent"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "absent does not name an exchange's addresses" in done.stderr and "Traceback" not in done.stderr
