"""Counts the records of the input topics (control, executions, models), so that ticks can place them in the order; and
hears how far the trading flow is.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from models.failures import Failure
from models.progress import decode_progress
from models.topics import INPUTS, PROGRESS

CATCH_UP_S: Final = 3.0
#: A partition that was created this moment has no leader yet: so long it is asked again.
LEADER_S: Final = 30.0


class InputCounter:
    """Reads the input topics from their beginning, and the reports of progress from now on, in a thread of its own.

    ``arrived(topic, count)`` is called from that thread, in rising order of each topic's count, and
    ``progressed(t)`` with each report's event time. ``failed`` is called once, when reading is not possible any more.
    """

    def __init__(
        self,
        config: dict[str, Any],
        arrived: Callable[[str, int], None],
        failed: Callable[[Failure], None],
        progressed: Callable[[int], None] = lambda t: None,
        leader_s: float = LEADER_S,
    ) -> None:
        self._consumer = Consumer(config)
        self._where = str(config.get("bootstrap.servers", "?"))
        self._arrived = arrived
        self._failed = failed
        self._progressed = progressed
        self._leader_s = leader_s
        self._stop = threading.Event()
        self._counts: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name="input-counter", daemon=True)

    def start(self) -> dict[str, int]:
        """Read what is there already (for at most 3 s) and go on in the thread; returns the counts so far.

        Raises Failure when a topic cannot be asked for its end within half a minute."""
        present = {topic: self._watermarks(topic) for topic in (*INPUTS, PROGRESS)}
        # By number, and not "at the end": that would be wherever it is by the time the client asks.
        places = [TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in INPUTS]
        end = present.pop(PROGRESS)[1]
        self._consumer.assign([*places, TopicPartition(PROGRESS, 0, end)])
        deadline = time.monotonic() + CATCH_UP_S
        wanted = {topic: high for topic, (low, high) in present.items() if high > low}
        while time.monotonic() < deadline:
            self._read(self._counts.__setitem__)
            if all(self._counts.get(topic, 0) >= high for topic, high in wanted.items()):
                break
        found = dict(self._counts)
        self._thread.start()
        return found

    def _watermarks(self, topic: str) -> tuple[int, int]:
        deadline = time.monotonic() + self._leader_s
        while True:
            try:
                return self._consumer.get_watermark_offsets(TopicPartition(topic, 0), 2.0)
            except KafkaException as cause:
                why = str(cause.args[0].str())
            if time.monotonic() > deadline:
                raise self._failure(why)
            time.sleep(0.05)

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read(self._arrived)
            except Failure as failure:
                self._failed(failure)
                return

    def _read(self, tell: Callable[[str, int], None]) -> None:
        messages = self._consumer.consume(500, timeout=0.05)
        latest: dict[str, int] = {}
        for message in messages:
            error = message.error()
            if error is not None:
                if error.retriable() or (not error.fatal() and error.code() < 0):
                    continue  # the client library reconnects by itself
                raise self._failure(error.str())
            topic, offset = message.topic(), message.offset()
            assert topic is not None and offset is not None
            if topic == PROGRESS:
                self._hear(message.value() or b"")
            else:
                latest[topic] = offset + 1
        for topic in INPUTS:
            if topic in latest:
                self._counts[topic] = latest[topic]
                tell(topic, latest[topic])

    def _hear(self, raw: bytes) -> None:
        with contextlib.suppress(msgspec.DecodeError):  # not of ours: a lag that nobody reports grows by itself
            self._progressed(decode_progress(raw).t)

    def _failure(self, why: str) -> Failure:
        return Failure(
            f"the input topics at {self._where} cannot be read: {why}.",
            "Operator commands would be lost. Check the broker and start again.",
        )
