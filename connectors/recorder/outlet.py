"""From the event loop to Kafka: a bounded queue, and a thread that produces and checks every delivery.

Nothing is lost silently: a delivery that fails, or a queue that is full, ends the recorder with the reason. A disk
spool would take the place of the full queue's failure (``put``); it has none yet.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from models.envelope import HEADER
from models.failures import Failure
from models.message import ORDINAL_HEADER, Message

ROOM = 200_000  # records: about half a minute of a busy feed at 7,000 a second
POLL_EVERY = 256  # records between two looks at the delivery reports


class Backend(Protocol):
    """What the outlet needs of ``confluent_kafka.Producer``."""

    def produce(self, topic: str, value: bytes, key: bytes, headers: Any, timestamp: int, on_delivery: Any) -> None: ...

    def poll(self, timeout: float) -> int: ...

    def flush(self, timeout: float) -> int: ...


class KafkaOutlet:
    """Writes records to Kafka from a thread of its own. ``on_failure`` is called once, from that thread."""

    def __init__(
        self, config: dict[str, Any], on_failure: Callable[[Failure], None], room: int = ROOM, backend: Any = None
    ) -> None:
        self._queue: queue.Queue[Message | None] = queue.Queue(room)
        self._room = room
        self._where = str(config.get("bootstrap.servers", "?"))
        self._producer: Any = backend if backend is not None else Producer(config)
        self._on_failure = on_failure
        self._failure: Failure | None = None
        self._delivered = 0
        self._given = 0
        self._thread = threading.Thread(target=self._run, name="feed-producer", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Records that wait for the producer thread."""
        return self._queue.qsize()

    @property
    def undelivered(self) -> int:
        """Records taken whose delivery is not confirmed yet."""
        return self._given - self._delivered

    def put(self, message: Message) -> None:
        """Hand over without waiting. Raises Failure when the queue is full or a delivery has failed."""
        if self._failure is not None:
            raise self._failure
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            raise Failure(
                f"Kafka at {self._where} has not kept up: {self._room:,} records wait and there is no room for more.",
                "Check that the broker runs and is not overloaded, then start again.",
            ) from None
        self._given += 1

    def close(self, timeout: float = 5.0) -> None:
        """Deliver what waits, within ``timeout`` seconds. Raises Failure when not every record was confirmed."""
        deadline = time.monotonic() + timeout
        if self._thread.is_alive():
            try:
                self._queue.put(None, timeout=timeout)
            except queue.Full:
                self._fail("the queue did not drain")
        self._thread.join(max(0.0, deadline - time.monotonic()))
        self._producer.flush(0.1 if self._failure is not None else max(0.1, deadline - time.monotonic()))
        if self._failure is not None:
            raise self._failure
        if self.undelivered:
            raise Failure(
                f"{self.undelivered:,} records were not confirmed by Kafka at {self._where} within {timeout:g} s.",
                "They may be missing from the feed topics. Check the broker.",
            )

    def _run(self) -> None:
        since_poll = 0
        while self._failure is None:
            try:
                message = self._queue.get(timeout=0.005)
            except queue.Empty:
                self._producer.poll(0)
                since_poll = 0
                continue
            if message is None:
                return
            self._produce(message)
            since_poll += 1
            if since_poll >= POLL_EVERY:
                self._producer.poll(0)
                since_poll = 0

    def _produce(self, message: Message) -> None:
        headers: list[tuple[str, bytes]] = []
        if message.envelope:
            headers.append((HEADER, message.envelope))
        if message.producer:
            headers.append((ORDINAL_HEADER, f"{message.producer} {message.ordinal}".encode("ascii")))
        while self._failure is None:
            try:
                self._producer.produce(
                    message.topic,
                    value=message.value,
                    key=message.key.encode(),
                    headers=headers,
                    timestamp=message.t_ns // 1_000_000,
                    on_delivery=self._report,
                )
                return
            except BufferError:  # librdkafka's own queue is full: let it send
                self._producer.poll(0.05)
            except KafkaException as cause:
                self._fail(str(cause))

    def _report(self, error: KafkaError | None, _message: Any) -> None:
        if error is None:
            self._delivered += 1
        else:
            self._fail(error.str())

    def _fail(self, why: str) -> None:
        if self._failure is None:
            self._failure = Failure(
                f"Kafka at {self._where} did not take a record: {why}.",
                "Check the broker and its topics, then start again.",
            )
            self._on_failure(self._failure)
