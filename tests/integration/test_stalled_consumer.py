"""A reader that is stopped in its tracks while the feeds go on.

A flow catches up: nothing is lost, its memory is bounded. A recorder reads what its sockets still hold, or gives its
connections up and says so: frames sent are frames in the topics plus frames lost in flight, exactly.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from connectors.kafka.admin import create_topics
from connectors.kafka.client import consumer_config
from models.journal import Feed, Src, decode_event
from models.settings import Kafka
from models.topics import FEED_COINBASE, FEEDS, JOURNAL
from tests.conftest import ROOT
from tests.integration.killed_exchange import LOAD, RECORDER, SPEED, START, FeedTopics, KilledExchange, settle
from tests.integration.recording import FeedReader, recording

pytestmark = [pytest.mark.integration, pytest.mark.slow]

STALL_S = float(os.environ.get("PROFIT_TEST_STALL_S", "30"))
GROWTH_MIB = 300


class JournalReader:
    """What the journal is made of, and what it says was lost."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(consumer_config(Kafka(), bootstrap))
        self._consumer.assign([TopicPartition(JOURNAL, 0, OFFSET_BEGINNING)])
        self.sources: set[Src] = set()
        self.lost: list[str] = []

    def poll(self) -> None:
        for message in self._consumer.consume(2000, timeout=0.1):
            assert message.error() is None, message.error()
            value = message.value()
            assert value is not None
            event = decode_event(value)
            self.sources.add(event.src)
            if isinstance(event, Feed) and event.what == "lost":
                self.lost.append(event.note)

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def market_flow(clean_kafka: str, tmp_path: Path) -> Iterator[psutil.Process]:
    create_topics(Kafka(), clean_kafka)
    command = [sys.executable, "-m", "api.cli.main", "flow", "market", "--kafka", clean_kafka]
    with (tmp_path / "flow.log").open("wb") as log:
        process = subprocess.Popen([*command, "--run-dir", str(tmp_path / "run")], cwd=ROOT, stdout=log, stderr=log)
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


@pytest.mark.takes(90)
def test_a_stalled_flow_catches_up(market_flow: psutil.Process, clean_kafka: str, tmp_path: Path) -> None:
    load = {"PROFIT_SIMULATOR_FRAMES_PER_S": "100"}
    feed, journal = FeedReader(clean_kafka), JournalReader(clean_kafka)

    def both_are_read(least: int) -> bool:
        journal.poll()
        return len(feed.records[FEED_COINBASE]) > least and len(journal.sources) > least

    with recording(clean_kafka, tmp_path, **load) as child:
        feed.until(lambda: both_are_read(2000), 180, "journal events")
        memory = market_flow.memory_info().rss
        market_flow.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        while time.monotonic() - stopped < STALL_S:
            feed.poll()
            assert child.process.poll() is None, child.output
        behind = feed.count() - len(journal.sources)
        market_flow.send_signal(signal.SIGCONT)
        assert child.end() == 0, child.output
        feed.until_end(180)
    feed.close()
    wanted = {(topic, 0, offset) for topic in FEEDS for offset in range(len(feed.records[topic]))}
    most, deadline = memory, time.monotonic() + 180
    while wanted - journal.sources:
        assert time.monotonic() < deadline, f"{len(wanted - journal.sources)} records made no event"
        journal.poll()
        most = max(most, market_flow.memory_info().rss)
    caught_up = time.monotonic() - stopped - STALL_S
    journal.close()
    grown = (most - memory) / 1024 / 1024
    print(f"\n{behind:,} records behind after {STALL_S:g} s, caught up {caught_up:.0f} s later, +{grown:.0f} MiB")
    assert journal.lost == [] and grown < GROWTH_MIB
    (run,) = feed.runs()
    assert feed.seqs(run) == list(range(len(wanted)))


@pytest.mark.takes(60)
def test_a_stalled_recorder_accounts_for_every_frame(clean_kafka: str, tmp_path: Path) -> None:
    create_topics(Kafka(), clean_kafka)
    exchange = KilledExchange(tmp_path, SPEED, START, **LOAD)
    try:
        exchange.begin()
        exchange.ready()
        with recording(clean_kafka, tmp_path, "--exchange", str(exchange.addresses), **LOAD, **RECORDER) as child:
            topics = FeedTopics(clean_kafka)
            topics.until(lambda: topics.count[FEED_COINBASE] > 500, 120, "frames")
            os.kill(child.process.pid, signal.SIGSTOP)
            stopped, sent = time.monotonic(), sum(each.frames for each in exchange.sent())
            while time.monotonic() - stopped < STALL_S:
                topics.poll()
            missed = sum(each.frames for each in exchange.sent()) - sent
            os.kill(child.process.pid, signal.SIGCONT)
            before = topics.count[FEED_COINBASE]
            topics.until(lambda: topics.count[FEED_COINBASE] > before + 500, 120, "frames again")
            assert child.end() == 0, child.output
            topics.until_end()
            topics.close()
    finally:
        exchange.close()
    sent, received, lost = settle(topics, exchange, 0)
    seqs = sorted(envelope.seq for _, envelope in topics.records)
    print(
        f"\n{missed:,} frames sent to a recorder that stood still for {STALL_S:g} s; in all {sent:,} sent, "
        f"{received:,} in the feed topics, {lost:,} lost in flight"
    )
    assert sent == received + lost and missed > 100
    assert seqs == list(range(len(seqs)))
