"""Reading partitions 0 of some topics, assigned by hand, without a gap and without blocking.

Failure policy: an offset that the cluster does not have any more, a topic that is absent and a cluster that stays away
are Failures with a cure. Nothing else ends the reading: the client reconnects by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.kafka.absence import Absence
from connectors.kafka.admin import away, require_topics
from connectors.kafka.client import CONNECT_TIMEOUT_S, FETCH_BYTES, consumer_config
from connectors.kafka.records import stored
from models.failures import Failure
from models.message import Stored
from models.settings import Kafka

_PROBE_TIMEOUT_S: Final = 5.0
_LOOK_S: Final = 1.0
_SEEKS: Final = 3  # a hole that is there after so many seeks is in the log


class Reader:
    """``start`` says where each topic is read from; ``read`` returns what is there, in offset order per topic."""

    def __init__(self, kafka: Kafka, bootstrap: str, topics: list[str], collect_ms: int = 0) -> None:
        """``collect_ms``: for a reader that is in no hurry, how long the cluster collects what comes before it answers.

        Raises Failure when the cluster is away or a topic absent."""
        require_topics(kafka, bootstrap, topics)
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._topics = topics
        self._absence = Absence(kafka, bootstrap)
        self._expected: dict[str, int] = {}
        self._sought: dict[str, tuple[int, int]] = {}  # topic -> (offset, how often)
        self._paused: set[str] = set()
        config: dict[str, Any] = consumer_config(kafka, bootstrap) | {"error_cb": self._absence.on_error}
        self.lag: dict[str, int] = {}  # records behind the log's end by topic, once a second
        self._next_look = 0.0
        self.fetch_wait_ms = kafka.fetch_wait_max_ms
        if collect_ms:
            self.fetch_wait_ms = collect_ms
            config |= {"fetch.min.bytes": FETCH_BYTES, "fetch.wait.max.ms": collect_ms}
        self._consumer = Consumer(config)

    def watermarks(self, topic: str) -> tuple[int, int]:
        """First offset, and the one after the last."""
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while True:
            try:
                patience = max(deadline - time.monotonic(), 0.1)
                return self._consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=patience)
            except KafkaException as error:
                # A partition that was created this moment has no leader yet; nor has one whose broker just went.
                why = error.args[0].str()
            if time.monotonic() > deadline:
                raise away(self._bootstrap, why)
            time.sleep(0.05)

    def start(self, offsets: dict[str, int]) -> None:
        """Read each topic from its offset on.

        Raises Failure, and closes the reader, when the cluster does not have that offset any more."""
        try:
            self._check(offsets)
        except Failure:
            self.close()
            raise
        self._expected = dict(offsets)
        self._consumer.assign([TopicPartition(topic, 0, offset) for topic, offset in offsets.items()])

    def _check(self, offsets: dict[str, int]) -> None:
        for topic, offset in offsets.items():
            low, high = self.watermarks(topic)
            if offset < low:
                raise deleted(topic, offset, low)
            if offset > high and not self._exists(topic, offset - 1):
                raise Failure(
                    f"topic {topic} ends at offset {high}; the reading was to go on at {offset}: it was created anew.",
                    "Start a new run (--run NAME), or delete the run's recovery folder to read from the beginning.",
                )

    def _exists(self, topic: str, offset: int) -> bool:
        self._consumer.assign([TopicPartition(topic, 0, offset)])
        deadline = time.monotonic() + _PROBE_TIMEOUT_S
        while time.monotonic() < deadline:
            for message in self._consumer.consume(1, 0.1):
                return message.error() is None and message.offset() == offset
        return False

    def read(self, limit: int, timeout_s: float = 0.0) -> list[Stored]:
        """Up to ``limit`` records; waits ``timeout_s`` seconds at most when there are none."""
        out: list[Stored] = []
        seeking: set[str] = set()  # what else this batch holds of them comes again after the seek
        for message in self._consumer.consume(limit, timeout_s):
            error = message.error()
            if error is not None:
                self._raise_for(error, message.topic() or "")
                continue
            topic, offset = message.topic(), message.offset()
            if topic is None or offset is None or topic in seeking:
                continue
            expected = self._expected[topic]
            if offset != expected:
                if offset < expected:
                    continue  # read before; happens after a pause
                wanted, times = self._sought.get(topic, (expected, 0))
                times = times if wanted == expected else 0
                if times < _SEEKS:
                    # A hole: either the client dropped what it had fetched (pause), or the log has one. Ask again.
                    self._sought[topic] = (expected, times + 1)
                    seeking.add(topic)
                    self._consumer.seek(TopicPartition(topic, 0, expected))
                    continue
            self._expected[topic] = offset + 1
            out.append(stored(message))
        if out:
            self._absence.answered()
        elif self._absence.lasts:
            self._absence.refuse_long()
            return out
        self._look()
        return out

    def _look(self) -> None:
        """Once a second: note the lag, by the ends that the last fetches stated."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_S
        for topic, position in self._expected.items():
            if topic not in self._paused:
                high = self._consumer.get_watermark_offsets(TopicPartition(topic, 0), cached=True)[1]
                self.lag[topic] = max(high - position, 0)  # an end that is not known yet is negative

    def ends(self) -> dict[str, int] | None:
        """Where each topic ends now: the offset after its last record. None where the cluster does not answer."""
        try:
            return {
                topic: self._consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=1.0)[1]
                for topic in self._expected
            }
        except KafkaException:
            return None

    def has_reached(self, ends: Mapping[str, int]) -> bool:
        """Whether everything before ``ends`` was read."""
        return all(self._expected[topic] >= end for topic, end in ends.items())

    def pause(self, topics: set[str]) -> None:
        """Read all topics but these from now on."""
        for topic in sorted(topics - self._paused):
            self._consumer.pause([TopicPartition(topic, 0)])
        for topic in sorted(self._paused - topics):
            self._consumer.resume([TopicPartition(topic, 0)])
        self._paused = set(topics)

    def close(self) -> None:
        self._consumer.close()

    def _raise_for(self, error: KafkaError, topic: str) -> None:
        code = error.code()
        if code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise deleted(topic, self._expected.get(topic, 0), self.watermarks(topic)[0])
        if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION):
            raise Failure(
                f"topic {topic} is not there any more on {self._bootstrap}.",
                "Start again: `profit up` creates the topics of the catalogue.",
            )
        if code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._AUTHENTICATION):
            raise Failure(
                f"{self._bootstrap} does not let us read {topic}: {error.str()}.",
                "Correct kafka.sasl_username, kafka.sasl_password and the rights of that user.",
            )


def deleted(topic: str, wanted: int, low: int) -> Failure:
    """The failure of a position that retention has overtaken."""
    return Failure(
        f"topic {topic} begins at offset {low}; the reading was to go on at {wanted}: retention has deleted "
        f"{low - wanted} records in between.",
        "Read them from the archive (profit replay), or start a new run to go on with what is there.",
    )
