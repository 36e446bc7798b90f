"""Kafka goes away while the recorder records: nothing is lost and nothing comes twice, in order.

The short form has a proxy in front of the embedded broker, and runs everywhere; the long one kills an Apache Kafka with
-9 under load and leaves it away for a minute.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import cluster_answers, create_topics, delete_topics, partitions
from connectors.ordering import FeedMerge
from models.message import Lost, Stored
from models.settings import Broker, Kafka
from models.topics import FEED_COINBASE, FEEDS
from tests.integration.proxy import Proxy
from tests.integration.recording import FeedReader, Recording, recording
from tests.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def proxied() -> Iterator[tuple[Proxy, str]]:
    """An embedded broker that is only reached through a proxy, which is also the address that it tells."""
    proxy = Proxy()
    address = f"127.0.0.1:{proxy.port}"
    with EmbeddedBroker.start(Broker(), advertised=address) as broker:
        proxy.target = int(broker.bootstrap.rpartition(":")[2])
        proxy.open()
        create_topics(Kafka(), address)
        yield proxy, address
        proxy.cut()


def whole_once_in_order(reader: FeedReader, run: str) -> int:
    """Every number of the run exactly once, each topic in order; returns how many."""
    seqs = reader.seqs(run)
    assert seqs == list(range(len(seqs))), _difference(seqs)
    for topic in FEEDS:
        mine = [each.seq for each in reader.records[topic] if each.run == run]
        assert mine == sorted(mine), topic
    return len(seqs)


def _difference(seqs: list[int]) -> str:
    missing = sorted(set(range(seqs[-1] + 1)) - set(seqs))
    return f"{len(missing)} missing ({missing[:5]}), {len(seqs) - len(set(seqs))} twice"


@pytest.mark.takes(12)
def test_an_absence_of_some_seconds(proxied: tuple[Proxy, str], tmp_path: Path) -> None:
    proxy, address = proxied
    with recording(address, tmp_path) as child:
        reader = FeedReader(address)
        reader.until(lambda: len(reader.records[FEED_COINBASE]) > 300)
        for _ in range(2):
            proxy.cut()
            away = time.monotonic()
            eventually(lambda: list((tmp_path / "spool").glob("*/*.segment")), 60, "a spool")
            eventually(lambda since=away: time.monotonic() - since > 3.0, 60)  # type: ignore[misc]
            proxy.open()
            before = len(reader.records[FEED_COINBASE])
            reader.until(lambda least=before: len(reader.records[FEED_COINBASE]) > least + 1500)  # type: ignore[misc]
        eventually(lambda: not list((tmp_path / "spool").glob("*/*.segment")), 60, "an empty spool")
        assert child.end() == 0, child.output
        reader.until_end()
        reader.close()
    assert "Kafka takes no records: they wait on disk" in child.output
    assert whole_once_in_order(reader, reader.runs()[0]) > 3000
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_recorder_that_was_killed_meanwhile_leaves_its_records_to_the_next(
    proxied: tuple[Proxy, str], tmp_path: Path
) -> None:
    proxy, address = proxied
    with recording(address, tmp_path) as first:
        reader = FeedReader(address)
        reader.until(lambda: len(reader.records[FEED_COINBASE]) > 300)
        proxy.cut()
        eventually(lambda: "they wait on disk" in first.output, 120, "its word")
        spool = tmp_path / "spool"
        eventually(lambda: sum(each.stat().st_size for each in spool.glob("*/*.segment")) > 500_000, 120, "a spool")
        first.kill()
    proxy.open()
    with recording(address, tmp_path) as second:
        reader.until(lambda: len(reader.runs()) == 2)
        run, following = reader.runs()
        reader.until(lambda: sum(1 for each in reader.records[FEED_COINBASE] if each.run == following) > 100)
        assert second.end() == 0, second.output
        reader.until_end()
        reader.close()
    assert f"records of run {run} waited in" in second.output
    seqs = reader.seqs(run)
    assert sorted(set(seqs)) == list(range(seqs[-1] + 1)), _difference(seqs)  # some may be there twice, none is missing
    whole_once_in_order(reader, following)
    for topic in FEEDS:
        assert [each.run for each in reader.records[topic]] == sorted(each.run for each in reader.records[topic])
    merged = merge(reader)
    assert [each for each in merged if isinstance(each, Lost)] == []
    assert len(merged) == len(set(seqs)) + len(reader.seqs(following))
    assert list(spool.iterdir()) == []


def merge(reader: FeedReader) -> list[Stored | Lost]:
    """What the flows make of the topics."""
    order = FeedMerge(inputs=())
    for topic, found in reader.records.items():
        for offset, each in enumerate(found):
            order.offer(Stored(topic, 0, offset, "", b"", each.recv_ns, envelope=each.encode()))
        order.exhaust(topic)
    merged: list[Stored | Lost] = []
    while more := order.drain(100_000):
        merged.extend(more)
    return merged


def test_the_end_while_kafka_is_away_says_where_the_records_are(proxied: tuple[Proxy, str], tmp_path: Path) -> None:
    proxy, address = proxied
    with recording(address, tmp_path) as first:
        reader = FeedReader(address)
        reader.until(lambda: len(reader.records[FEED_COINBASE]) > 300)
        proxy.cut()
        eventually(lambda: "they wait on disk" in first.output, 120, "its word")
        assert first.end() == 1
    assert "records wait in" in first.output and "Traceback" not in first.output
    proxy.open()
    with recording(address, tmp_path) as second:
        reader.until(lambda: len(reader.runs()) == 2)
        assert second.end() == 0, second.output
        run, following = reader.runs()
        reader.until(lambda: all(following in each for each in reader.ended.values()))
        reader.close()
    assert all(run in each for each in reader.ended.values())  # the end markers were on disk too
    assert sorted(set(reader.seqs(run))) == list(range(reader.seqs(run)[-1] + 1))


def test_a_spool_without_room_marks_the_gap_exactly(proxied: tuple[Proxy, str], tmp_path: Path) -> None:
    proxy, address = proxied
    with recording(address, tmp_path, PROFIT_RECORDER_SPOOL_MIB="1") as child:
        reader = FeedReader(address)
        reader.until(lambda: len(reader.records[FEED_COINBASE]) > 300)
        proxy.cut()
        eventually(lambda: "spool_full" in child.output, 120, "its word")
        time.sleep(1.0)  # some more are dropped
        proxy.open()
        reader.until(lambda: any(b'"spool_full"' in value for _, value in reader.own), 120, "a notice")
        assert child.end() == 0, child.output
        reader.until_end()
        reader.close()
    (run,) = reader.runs()
    seqs = reader.seqs(run)
    assert len(set(seqs)) == len(seqs)
    missing = set(range(seqs[-1] + 1)) - set(seqs)
    notices = [value for _, value in reader.own if b'"spool_full"' in value]
    output = sum(int(value.split(b'"frames":')[1].split(b",")[0].rstrip(b"}")) for value in notices)
    assert missing and output == len(missing)
    lost = [each for each in merge(reader) if isinstance(each, Lost)]
    assert sum(each.last - each.first + 1 for each in lost) == len(missing)


# ------------------------------------------------------------------------------------------------------ Apache Kafka


class ApacheBroker:
    """The broker of `.ci/kafka`, which says how to start it (PROFIT_TEST_KAFKA_START) and where its process id stands
    (PROFIT_TEST_KAFKA_PID)."""

    def __init__(self, bootstrap: str, start: Path, pid_file: Path) -> None:
        self.bootstrap = bootstrap
        self._start = start
        self._pid_file = pid_file

    def kill(self) -> None:
        os.kill(int(self._pid_file.read_text()), signal.SIGKILL)

    def start(self) -> None:
        subprocess.Popen([str(self._start)], stdin=subprocess.DEVNULL, start_new_session=True)


@pytest.fixture
def apache(real_kafka: str) -> Iterator[ApacheBroker]:
    start, pid_file = os.environ.get("PROFIT_TEST_KAFKA_START"), os.environ.get("PROFIT_TEST_KAFKA_PID")
    if not start or not pid_file:
        pytest.skip("needs a broker that may be killed: run under .ci/kafka")
    kafka = Kafka()
    delete_topics(kafka, real_kafka, [name for name in partitions(kafka, real_kafka) if not name.startswith("__")])
    create_topics(kafka, real_kafka)
    yield ApacheBroker(real_kafka, Path(start), Path(pid_file))
    eventually(lambda: cluster_answers(kafka, real_kafka, 2.0), 180, "the broker")
    delete_topics(kafka, real_kafka, [name for name in partitions(kafka, real_kafka) if not name.startswith("__")])


AWAY_S = float(os.environ.get("PROFIT_TEST_OUTAGE_S", "60"))


def rss_mib(child: Recording) -> float:
    status = Path(f"/proc/{child.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@pytest.mark.slow
@pytest.mark.takes(110)
def test_apache_kafka_killed_for_a_minute_under_load(apache: ApacheBroker, tmp_path: Path) -> None:
    load = {"PROFIT_SIMULATOR_SPEED": "10", "PROFIT_SIMULATOR_FRAMES_PER_S": "100", "PROFIT_FEEDS_ASSETS": '["BTC"]'}
    with recording(apache.bootstrap, tmp_path, **load) as child:
        reader = FeedReader(apache.bootstrap)
        reader.until(lambda: len(reader.records[FEED_COINBASE]) > 3000)
        before = reader.count()
        memory = rss_mib(child)
        apache.kill()
        away = time.monotonic()
        while time.monotonic() - away < AWAY_S:
            time.sleep(0.5)
            assert child.process.poll() is None, child.output
        spooled = sum(each.stat().st_size for each in (tmp_path / "spool").glob("*/*.segment")) / 1024 / 1024
        grown = rss_mib(child) - memory
        apache.start()
        eventually(lambda: cluster_answers(Kafka(), apache.bootstrap, 2.0), 180, "the broker")
        eventually(lambda: not list((tmp_path / "spool").glob("*/*.segment")), 120, "an empty spool")
        assert child.end() == 0, child.output
        reader.until_end(180)
        reader.close()
    (run,) = reader.runs()
    total = whole_once_in_order(reader, run)
    print(
        f"\n{total:,} records, {before:,} of them before {AWAY_S:g} s without Kafka; {spooled:.0f} MiB on disk at its "
        f"end, memory grew by {grown:.0f} MiB"
    )
    assert spooled > 1 and grown < 150
