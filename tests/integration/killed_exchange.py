"""`profit simulate` as a child process that is killed and started again, and the feed topics as they stand in Kafka."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from connectors.kafka.client import consumer_config
from connectors.kafka.records import stored
from connectors.simulator.tally import Sent, read_tally
from models.envelope import Envelope, decode_envelope
from models.markers import OWN_PREFIX, Marker, Notice, decode_own
from models.message import Stored
from models.settings import Kafka
from models.topics import FEED_COINBASE, FEED_POLYMARKET, FEEDS
from tests.conftest import ROOT
from tests.ports import free_ports

START = 1_795_334_400 + 100
LOAD = {
    "PROFIT_SIMULATOR_FRAMES_PER_S": "60",
    "PROFIT_FEEDS_ASSETS": '["BTC","ETH"]',
    "PROFIT_FEEDS_HORIZONS": '["5m"]',
}
RECORDER = {"PROFIT_FEEDS_BACKOFF_MIN_S": "0.2", "PROFIT_FEEDS_BACKOFF_MAX_S": "2"}
SPEED = 5.0
VENUES = {"polymarket": FEED_POLYMARKET, "coinbase": FEED_COINBASE}
#: Lines of the recorder that carry no frames of a socket.
OTHER_LINES = (".notices-", ".recorder", ".rest")


class KilledExchange:
    """An exchange on ports that stay. Each start goes on with simulated time a little after the one before."""

    def __init__(self, folder: Path, speed: float, start_s: int, **environment: str) -> None:
        self.addresses = folder / "exchange.json"
        self.truth_file = folder / "truth"
        self._log = (folder / "exchange.log").open("ab")
        self._ports = ",".join(map(str, free_ports(3)))
        self._speed = speed
        self._start = (start_s, time.monotonic())
        settings = {"PROFIT_SIMULATOR_SPEED": f"{speed:g}", "PYTHONFAULTHANDLER": "1"}
        self._environment = os.environ | settings | environment
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        self.addresses.unlink(missing_ok=True)
        first, since = self._start
        start = first + int((time.monotonic() - since) * self._speed)
        command = [sys.executable, "-m", "api.cli.main", "simulate", "--port-file", str(self.addresses)]
        command += ["--ports", self._ports, "--truth-file", str(self.truth_file)]
        command += ["--start", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=self._log, stderr=self._log, env=self._environment, stdin=subprocess.DEVNULL
        )

    def ready(self) -> None:
        """Wait until it listens."""
        assert self._process is not None
        deadline = time.monotonic() + 120
        while not self.addresses.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.send_signal(signal.SIGABRT)  # it tells where it stands
                self._process.wait()
                pytest.fail(f"the exchange does not listen:\n{Path(self._log.name).read_text()[-4000:]}")
            time.sleep(0.01)

    def ahead(self) -> None:
        """From now on starts are after the present simulated time, however long they take."""
        clock = httpx.get(json.loads(self.addresses.read_text())["clock"], timeout=60).raise_for_status().json()
        self._start = (int(clock["now_ns"] // 1_000_000_000) + 1 + int(self._speed * 30), time.monotonic())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        self.kill()
        self._log.close()

    def sent(self) -> list[Sent]:
        return read_tally(self.truth_file)


class FeedTopics:
    """All records of the feed topics, whole."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(consumer_config(Kafka(), bootstrap))
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in FEEDS])
        self.records: list[tuple[Stored, Envelope]] = []
        self.count = dict.fromkeys(FEEDS, 0)
        self.ended = 0

    def poll(self) -> None:
        for message in self._consumer.consume(5000, timeout=0.05):
            assert message.error() is None, message.error()
            record = stored(message)
            self.records.append((record, decode_envelope(record.envelope)))
            self.count[record.topic] += 1
            if record.value.startswith(b'{"profit":"marker"'):
                own = decode_own(record.value)
                self.ended += isinstance(own, Marker) and own.marker == "end"

    def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} not within {seconds:g} s: {self.count}"
            self.poll()

    def until_end(self, seconds: float = 120.0) -> None:
        self.until(lambda: self.ended >= len(FEEDS), seconds, "the end markers")

    def close(self) -> None:
        self._consumer.close()

    # --- what they hold

    def frames(self, topic: str) -> dict[str, list[Stored]]:
        """The exchange's frames by connection, in the order of their numbers; each number once."""
        found: dict[str, list[Stored]] = {}
        for record, envelope in self.records:
            if record.topic == topic and not any(part in envelope.conn for part in OTHER_LINES):
                assert not record.value.startswith(OWN_PREFIX)
                line = found.setdefault(envelope.conn, [])
                assert envelope.n == len(line), f"{envelope.conn}: {envelope.n} after {len(line) - 1}"
                line.append(record)
        return found

    def notices(self, topic: str) -> list[Notice]:
        own = (decode_own(record.value) for record, _ in self.records if record.topic == topic)
        return [each for each in own if isinstance(each, Notice)]


def settle(topics: FeedTopics, exchange: KilledExchange, kills: int) -> tuple[int, int, int]:
    """Frames sent, in the feed topics, and lost in flight; every connection is checked against its session."""
    sessions = exchange.sent()
    assert len({each.exchange for each in sessions}) >= kills * 0.8  # of some nothing was asked before they ended
    sent = received = lost = 0
    for venue, topic in VENUES.items():
        first_sessions = [each for each in sessions if each.venue == venue and each.first]
        mine = {each.first: each for each in first_sessions}
        assert len(mine) == len(first_sessions)
        mute = [each.frames for each in sessions if each.venue == venue and not each.first]
        frames, notices = topics.frames(topic), topics.notices(topic)
        ends = Counter(each.conn for each in notices if each.state in ("disconnected", "refused"))
        assert ends == Counter(each.conn for each in notices if each.state == "connecting")  # each came to one end
        assert sum(ends.values()) > kills
        reported = {each.conn: each.frames for each in notices if each.state == "disconnected"}
        unknown: list[int] = []  # frames of connections that received nothing but `[]`
        for conn, line in frames.items():
            assert len(line) == reported[conn], conn
            received += len(line)
            telling = next((record.value for record in line if len(record.value) > 2), None)
            if telling is None:
                unknown.append(len(line))
                continue
            session = mine.pop(zlib.crc32(telling))  # a KeyError: of a session that was met before, or of none
            assert len(line) <= session.frames, (conn, session)
            lost += session.frames - len(line)
        rest = sorted([*mute, *(each.frames for each in mine.values())], reverse=True)
        assert len(unknown) <= len(rest)
        assert all(got <= given for got, given in zip(sorted(unknown, reverse=True), rest, strict=False))
        lost += sum(rest) - sum(unknown)
        sent += sum(each.frames for each in sessions if each.venue == venue)
    return sent, received, lost
