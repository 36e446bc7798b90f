"""A Bytewax sink that writes to Kafka and knows that it did.

Each message has a delivery report; ``write_batch`` returns once every message of the batch is acknowledged, so what a
snapshot covers is in Kafka. A message that cannot be delivered ends the flow with a Failure that names its topic. After
a restart the flow writes everything since its last snapshot again: readers drop those by their ordinals (``source``).
"""

from __future__ import annotations

import time
from typing import Any, Final

from bytewax.outputs import DynamicSink, StatelessSinkPartition
from confluent_kafka import KafkaError, KafkaException, Producer

from connectors.kafka.absence import Absence
from connectors.kafka.admin import away, partitions
from connectors.kafka.client import DELIVERY_TIMEOUT_MS, producer_config
from connectors.kafka.meter import Meter
from connectors.kafka.progress import ProgressReporter
from connectors.kafka.records import headers_of
from models.failures import Failure
from models.message import Message
from models.settings import Kafka

#: Messages under way at once; the next waits until the first of them are acknowledged.
MAX_IN_FLIGHT: Final = 50_000

_LOOK_S: Final = 1.0


class _Reports:
    """The first message that was not delivered, the last trouble the client spoke of, and whether its cluster is away.

    Apart from the writer: callbacks bound to that would make a cycle with the client (see ``Absence``)."""

    def __init__(self, absence: Absence) -> None:
        self.absence = absence
        self.trouble = ""
        self.failed: tuple[str, KafkaError] | None = None

    def on_error(self, error: KafkaError) -> None:
        self.trouble = error.str()
        self.absence.on_error(error)

    def on_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            self.absence.answered()
        elif self.failed is None:
            self.failed = (message.topic() or "", error)


class Writer:
    """An idempotent producer whose delivery reports are checked. Usable without Bytewax too.

    ``write`` hands over, ``flush`` waits until all is acknowledged. Both raise Failure for a message that was not
    delivered: broker away, topic absent, record too large."""

    def __init__(self, kafka: Kafka, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._reports = _Reports(Absence(kafka, bootstrap))
        self._known = set(partitions(kafka, bootstrap))
        self._kafka = kafka
        # Topics are created by `create_topics` alone: a topic that the cluster makes up has the wrong partitions.
        config: dict[str, Any] = producer_config(kafka, bootstrap) | {"allow.auto.create.topics": False}
        self._producer = Producer(config | {"error_cb": self._reports.on_error})

    def write(self, message: Message) -> None:
        if message.topic not in self._known:
            self._known = set(partitions(self._kafka, self._bootstrap))
            if message.topic not in self._known:
                raise Failure(
                    f"{self._bootstrap} has no topic {message.topic}.",
                    "Create the topics of the catalogue first: `profit up` and `profit record` do.",
                )
        while True:
            try:
                self._producer.produce(
                    message.topic,
                    message.value,
                    message.key.encode(),
                    partition=0,
                    timestamp=max(message.t_ns // 1_000_000, 0),
                    headers=headers_of(message),
                    on_delivery=self._reports.on_delivery,
                )
            except BufferError:
                self._producer.poll(0.05)
                self._check()
                continue
            except KafkaException as error:
                raise self._failure(message.topic, error.args[0]) from None
            break
        if len(self._producer) > MAX_IN_FLIGHT:
            self._producer.poll(0.01)
        self._check()

    def flush(self) -> None:
        deadline = time.monotonic() + DELIVERY_TIMEOUT_MS / 1000 + 5
        while (remaining := self._producer.flush(_LOOK_S)) and time.monotonic() < deadline:
            self._check()
        self._check()
        if remaining:
            raise away(self._bootstrap, self._reports.trouble or f"{remaining} messages were never acknowledged")

    def _check(self) -> None:
        if self._reports.failed is not None:
            raise self._failure(*self._reports.failed)
        self._reports.absence.refuse_long()

    def _failure(self, topic: str, error: KafkaError) -> Failure:
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            return Failure(
                f"a record is too large for topic {topic} of {self._bootstrap}.",
                "Raise max.message.bytes of that topic, or delete it so that it is created with the right bound.",
            )
        because = f"; {self._reports.trouble}" if self._reports.trouble else ""
        return Failure(
            f"a record for topic {topic} was not delivered to {self._bootstrap}: {error.str()}{because}.",
            "Bring the broker back and start again: the flow goes on from its last snapshot, nothing is lost.",
        )


class KafkaSink(DynamicSink[Message]):
    """Writes ``models.message.Message`` items, each to its own topic, partition 0."""

    def __init__(
        self, kafka: Kafka, bootstrap: str, meter: Meter | None = None, progress: ProgressReporter | None = None
    ) -> None:
        """``progress``: reports how far the flow is, after each batch that is acknowledged."""
        self._progress = progress
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._meter = meter or Meter()

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _KafkaSinkPartition:
        return _KafkaSinkPartition(Writer(self._kafka, self._bootstrap), self._meter, self._progress)


class _KafkaSinkPartition(StatelessSinkPartition[Message]):
    def __init__(self, writer: Writer, meter: Meter, progress: ProgressReporter | None = None) -> None:
        self._progress = progress
        self._writer = writer
        self._meter = meter
        self._failed = False

    def write_batch(self, items: list[Message]) -> None:
        try:
            for message in items:
                self._writer.write(message)
            self._writer.flush()
            report = self._progress.report(items) if self._progress is not None else None
            if report is not None:
                self._writer.write(report)  # not waited for: the next one follows
        except Failure:
            self._failed = True
            raise
        self._meter.wrote(items)

    def close(self) -> None:
        # Bytewax closes its sinks also while a failure ends the flow; a second one then aborts the process (signal 6)
        # before anybody hears of the first.
        if not self._failed:
            self._writer.flush()
