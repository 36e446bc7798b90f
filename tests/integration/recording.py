"""`profit record --feeds sim` as a child process, and what it wrote to the feed topics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from connectors.kafka.client import consumer_config
from models.envelope import HEADER, Envelope, decode_envelope
from models.markers import Marker, decode_own
from models.settings import Kafka
from models.topics import FEEDS


class FeedReader:
    """Everything in the feed topics so far, without the frames: each topic's envelopes in the order of the topic."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(consumer_config(Kafka(), bootstrap))
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in FEEDS])
        self.records: dict[str, list[Envelope]] = {topic: [] for topic in FEEDS}
        self.ended: dict[str, set[str]] = {topic: set() for topic in FEEDS}
        self.own: list[tuple[str, bytes]] = []  # records of our own but the ticks

    def poll(self) -> None:
        for message in self._consumer.consume(2000, timeout=0.1):
            error = message.error()
            if error is not None:
                assert error.retriable() or error.code() < 0, error.str()  # the broker is away
                continue
            headers = dict(message.headers() or ())
            value, topic = message.value(), message.topic()
            assert value is not None and topic is not None
            envelope = decode_envelope(headers[HEADER])
            self.records[topic].append(envelope)
            if value.startswith(b'{"profit":') and not value.startswith(b'{"profit":"tick"'):
                self.own.append((topic, value))
                own = decode_own(value)
                if isinstance(own, Marker) and own.marker == "end":
                    self.ended[topic].add(own.run)

    def until(self, condition: Callable[[], bool], seconds: float = 240.0, what: str = "condition") -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            counts = {topic: len(found) for topic, found in self.records.items()}
            assert time.monotonic() < deadline, f"{what} not within {seconds} s: {counts}"
            self.poll()

    def count(self) -> int:
        return sum(len(found) for found in self.records.values())

    def until_end(self, seconds: float = 120.0) -> None:
        """Read until the last run's end markers are there."""
        self.until(lambda: all(self.ended.values()), seconds, "the end markers")

    def runs(self) -> list[str]:
        return sorted({envelope.run for found in self.records.values() for envelope in found})

    def seqs(self, run: str) -> list[int]:
        """Numbers of a run over all topics, sorted; duplicates stand as often as they came."""
        return sorted(each.seq for found in self.records.values() for each in found if each.run == run)

    def close(self) -> None:
        self._consumer.close()


class Recording:
    """The child process; ``told``: what it wrote to standard error so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = ""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.output += line

    def end(self, seconds: float = 90.0) -> int:
        """As Ctrl-C does; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(seconds)
        self._thread.join(60)
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def recording(bootstrap: str, folder: Path, *options: str, **environment: str) -> Iterator[Recording]:
    """A recorder on a simulated exchange of its own; its spool is in ``folder``."""
    settings = {
        "PROFIT_DATA_DIR": str(folder),
        "PROFIT_SIMULATOR_SPEED": "10",
        "PROFIT_FEEDS_HORIZONS": '["5m"]',
        **environment,
    }
    command = [sys.executable, "-m", "api.cli.main", "record", "--feeds", "sim", "--kafka", bootstrap, *options]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | settings
    )
    made = Recording(process)
    try:
        yield made
    finally:
        if process.poll() is None:
            made.kill()
        for pipe in (process.stdin, process.stderr):
            if pipe is not None:
                pipe.close()
