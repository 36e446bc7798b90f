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
from connectors.kafka.client import CONNECT_TIMEOUT_S, consumer_config
from connectors.kafka.patience import Patience
from connectors.kafka.records import stored
from models.failures import Failure
from models.message import Stored
from models.settings import Kafka

_PROBE_TIMEOUT_S: Final = 5.0
_HUNGER_S: Final = 1.0
_LOOK_S: Final = 1.0
#: What a pause between two reads counts at most: who does not ask does not starve.
_PAUSE_S: Final = 0.25
_SEEKS: Final = 3  # a hole that is there after so many seeks is in the log


class Reader:
    """``start`` says where each topic is read from; ``read`` returns what is there, in offset order per topic."""

    def __init__(self, kafka: Kafka, bootstrap: str, topics: list[str], poll_ms: int = 0) -> None:
        """``poll_ms``: for a reader that looks seldom, how long the broker may hold an empty fetch; 0 =
        ``kafka.fetch_wait_max_ms``. Nothing is fetched for such a reader before it has taken what is there: each fetch
        costs the embedded broker a search through the topic.

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
        self.patience = Patience(poll_ms or kafka.fetch_wait_max_ms)
        if poll_ms:
            config["queued.min.messages"] = 1
        self._config = config
        self._asked_s = 0.0  # for how long it has been asked for more than there was
        self._drained = True  # whether the last read took all that the client had
        self._asked_at = time.monotonic()
        self._fed: dict[str, float] = {}  # when each topic gave something last, in seconds of asking
        self._there: dict[str, tuple[int, int, float]] = {}  # end and lag when looked at, since when in asking
        self.lag: dict[str, int] = {}  # records behind the log's end by topic, once a second
        self._next_look = 0.0
        self._consumer = self._made()

    def _made(self) -> Consumer:
        return Consumer(self._config | {"fetch.wait.max.ms": self.patience.wait_ms})

    def watermarks(self, topic: str) -> tuple[int, int]:
        """First offset, and the one after the last (which the embedded broker may report up to one batch short)."""
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
        now = time.monotonic()
        if self._drained:
            self._asked_s += min(now - self._asked_at, _PAUSE_S)
        self._asked_at = now
        seeking: set[str] = set()  # what else this batch holds of them comes again after the seek
        found = self._consumer.consume(limit, timeout_s)
        self._drained = len(found) < limit
        for message in found:
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
            self._fed[topic] = self._asked_s
            out.append(stored(message))
        if out:
            self._absence.answered()
        elif self._absence.lasts:
            self._absence.refuse_long()
            return out
        self._look()
        return out

    def _look(self) -> None:
        """Once a second: note the lag, and whether a topic that has more gives nothing (see ``patience``)."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_S
        wanted = [topic for topic in self._expected if topic not in self._paused]
        for topic in wanted:
            high = self._consumer.get_watermark_offsets(TopicPartition(topic, 0), cached=True)[1]
            self.lag[topic] = max(high - self._expected[topic], 0)  # an end that is not known yet is negative
        try:
            starved = self._starves(wanted)
        except KafkaException:
            return  # nobody answers: no reason to change anything
        if self.patience.starved(now) if starved else self.patience.fed(now):
            self._begin_anew()

    def _starves(self, wanted: list[str]) -> bool:
        """Whether a topic keeps back what it has: records that were there at an earlier look, and no fewer now. That
        there are some at this look proves nothing: they may just have come, or a backlog is on its way."""
        starves = False
        there: dict[str, tuple[int, int, float]] = {}
        for topic in wanted:
            position, latest = self._expected[topic], self._end_of(topic)
            end, lag, since = self._there.get(topic, (0, 0, 0.0))
            if end > position:
                starves = starves or (self._asked_s - since >= _HUNGER_S and latest - position >= lag)
                there[topic] = end, latest - position, since
            else:
                there[topic] = latest, latest - position, self._asked_s
        self._there = there
        return starves

    def _end_of(self, topic: str) -> int:
        """The offset after the topic's last record, as the last fetch reported it; where those give nothing it is asked
        for."""
        if self._asked_s - self._fed.get(topic, 0.0) >= _HUNGER_S:
            return int(self._consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=1.0)[1])
        return self._expected[topic] + self.lag[topic]

    def _begin_anew(self) -> None:
        """Go on with a consumer of another wait, which has a second to give something."""
        self._consumer.close()
        self._consumer = self._made()
        self._consumer.assign([TopicPartition(topic, 0, offset) for topic, offset in self._expected.items()])
        if self._paused:
            self._consumer.pause([TopicPartition(topic, 0) for topic in sorted(self._paused)])
        self._fed = dict.fromkeys(self._expected, self._asked_s)
        self._there = {}

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
            self._fed[topic] = self._asked_s
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
