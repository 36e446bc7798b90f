"""The embedded broker killed at random moments under load, and on a disk that is full: what it acknowledged is there,
once and in order.

The judge does not ask the broker what it has done: it compares what a producer was told with what a reader finds."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer

from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import create_topics
from connectors.kafka.client import patient_producer_config
from connectors.kafka.reader import Reader
from models.settings import Broker, Kafka
from models.topics import Topic
from tests.waiting import eventually

pytestmark = pytest.mark.integration

KILLS = int(os.environ.get("PROFIT_TEST_BROKER_KILLS", "4"))
RATE = 5_000
TOPIC = "numbers"


class Sender:
    """Numbers from 0 on at a steady rate, until told to stop; ``acknowledged`` are those that were."""

    def __init__(self, bootstrap: str, rate: float, size: int = 100) -> None:
        self.acknowledged: list[int] = []
        self.failed: list[str] = []
        self.sent = 0
        self._rate = rate
        self._pad = bytes(size)
        self._producer = Producer(patient_producer_config(Kafka(linger_ms=2, compression="none"), bootstrap))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        begun = time.monotonic()
        while not self._stop.is_set():
            due = (time.monotonic() - begun) * self._rate
            while self.sent < due and len(self._producer) < 50_000:
                self._producer.produce(TOPIC, self._pad, b"%d" % self.sent, partition=0, on_delivery=self._delivered)
                self.sent += 1
            self._producer.poll(0.005)

    def _delivered(self, error: object, message: object) -> None:
        if error is not None:
            self.failed.append(str(error))
        else:
            self.acknowledged.append(int(message.key()))  # type: ignore[attr-defined]

    def end(self, timeout_s: float = 120.0) -> None:
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(timeout_s) == 0


def read_all(bootstrap: str) -> list[int]:
    reader = Reader(Kafka(), bootstrap, [TOPIC])
    try:
        low, high = reader.watermarks(TOPIC)
        reader.start({TOPIC: low})
        found: list[int] = []
        deadline = time.monotonic() + 120
        while not reader.has_reached({TOPIC: high}) and time.monotonic() < deadline:
            found.extend(int(record.key) for record in reader.read(5_000, 0.1))
    finally:
        reader.close()
    return found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker.start(Broker(), tmp_path / "broker.log", tmp_path / "broker") as started:
        create_topics(Kafka(), started.bootstrap, [Topic(TOPIC, "out", "", "")])
        yield started


@pytest.mark.takes(20)
def test_kills_at_random_moments_lose_nothing_and_double_nothing(broker: EmbeddedBroker) -> None:
    chance = random.Random(0)
    sender = Sender(broker.bootstrap, RATE)
    starts = []
    for _ in range(KILLS):
        before = len(sender.acknowledged)
        eventually(lambda before=before: len(sender.acknowledged) > before + 500, 60, "records")  # type: ignore[misc]
        time.sleep(chance.uniform(0.0, 1.0))
        psutil.Process(broker.pid).kill()
        eventually(lambda: not broker.alive(), 30, "its end")
        begun = time.monotonic()
        broker.restart()
        starts.append(time.monotonic() - begun)
    sender.end()
    assert sender.failed == []
    found = read_all(broker.bootstrap)
    assert found == list(range(sender.sent))
    assert sorted(sender.acknowledged) == found
    print(f"\n{KILLS} kills, {len(found):,} records, longest start {max(starts) * 1000:.0f} ms")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB; skips where none may be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_makes_producers_wait_with_a_reason_and_go_on(small_disk: Path, tmp_path: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(16 << 20))
    with EmbeddedBroker.start(Broker(disk_budget_mib=1024), tmp_path / "broker.log", small_disk / "broker") as broker:
        create_topics(Kafka(), broker.bootstrap, [Topic(TOPIC, "out", "", "")])
        sender = Sender(broker.bootstrap, 2_000, size=2_000)
        eventually(lambda: "No space left" in str(broker.status.get("trouble")), 120, "a full disk that is told of")
        eventually(lambda: "producers wait: No space left" in (tmp_path / "broker.log").read_text(), 30, "its log")
        waiting = len(sender.acknowledged)
        with_reader = read_all(broker.bootstrap)  # readers go on meanwhile
        assert with_reader == list(range(len(with_reader))) and len(with_reader) >= waiting
        ballast.unlink()
        eventually(lambda: len(sender.acknowledged) > waiting + 100, 120, "records again")
        eventually(lambda: not broker.status.get("trouble"), 30, "its end")
        sender.end()
        assert sender.failed == []
        found = read_all(broker.bootstrap)
        assert found == list(range(sender.sent))
        assert sorted(sender.acknowledged) == found


def test_a_kill_on_a_full_disk_loses_nothing_either(small_disk: Path, tmp_path: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(16 << 20))
    with EmbeddedBroker.start(Broker(disk_budget_mib=1024), tmp_path / "broker.log", small_disk / "broker") as broker:
        create_topics(Kafka(), broker.bootstrap, [Topic(TOPIC, "out", "", "")])
        sender = Sender(broker.bootstrap, 2_000, size=2_000)
        eventually(lambda: "No space left" in str(broker.status.get("trouble")), 120, "a full disk that is told of")
        psutil.Process(broker.pid).kill()
        eventually(lambda: not broker.alive(), 30, "its end")
        ballast.unlink()
        broker.restart()
        sender.end()
        assert sender.failed == []
        assert read_all(broker.bootstrap) == list(range(sender.sent))
