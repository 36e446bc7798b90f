"""What the client drops when a topic is paused is asked for again, whole; a topic that starves is noticed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import TopicPartition

from connectors.kafka.absence import Absence
from connectors.kafka.patience import Patience
from connectors.kafka.reader import Reader
from models.settings import Kafka

TOPIC = "feed.coinbase"


class Record:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"

    def headers(self) -> list[tuple[str, bytes]]:
        return []

    def timestamp(self) -> tuple[int, int]:
        return 1, 1


class Consumer:
    """Serves the log from a position, but skips ``skip`` records of each batch that has no seek before it."""

    def __init__(self, log: Sequence[int], skip: int) -> None:
        self.log = list(log)
        self.at = log[0]
        self.skip = skip
        self.seeks = 0

    def consume(self, limit: int, timeout_s: float) -> list[Record]:
        ahead = [offset for offset in self.log if offset >= self.at][self.skip :][:limit]
        self.skip = 0
        self.at = ahead[-1] + 1 if ahead else self.at
        return [Record(offset) for offset in ahead]

    def get_watermark_offsets(self, where: TopicPartition, cached: bool = False, timeout: float = 0) -> tuple[int, int]:
        return self.log[0], self.at  # never behind: what is tested here is holes

    def pause(self, where: list[TopicPartition]) -> None: ...
    def resume(self, where: list[TopicPartition]) -> None: ...

    def seek(self, where: TopicPartition) -> None:
        self.seeks += 1
        self.at = where.offset


def reader_of(consumer: Consumer, expected: int, kind: type[Reader] = Reader) -> Reader:
    reader = kind.__new__(kind)
    reader._consumer = consumer  # type: ignore[assignment]
    reader._expected = {TOPIC: expected}
    reader._sought = {}
    reader._absence = Absence(Kafka(), "")
    reader._fed = {}
    reader._there = {}
    reader._drained = True
    reader.lag = {}
    reader._next_look = 0.0
    reader._paused = set()
    reader.patience = Patience(5)
    reader._asked_s = 0.0
    reader._asked_at = time.monotonic()
    return reader


def test_records_dropped_by_the_client_are_read_after_all() -> None:
    reader = reader_of(Consumer(range(2, 12), skip=3), expected=2)
    read: list[int] = []
    for _ in range(4):
        read.extend(record.offset for record in reader.read(4))
    assert read == list(range(2, 12))


def test_a_hole_in_the_log_is_passed_after_asking_again() -> None:
    consumer = Consumer([2, 3, 7, 8], skip=0)
    reader = reader_of(consumer, expected=2)
    read: list[int] = []
    for _ in range(8):
        read.extend(record.offset for record in reader.read(10))
    assert read == [2, 3, 7, 8]
    assert consumer.seeks == 3


class Starving(Consumer):
    """Two topics: one gives a record each time, the other has more and gives nothing."""

    end = 500

    def get_watermark_offsets(self, where: TopicPartition, cached: bool = False, timeout: float = 0) -> tuple[int, int]:
        return (0, self.end) if where.topic == "feed.clock" else (0, self.at)


class Noting(Reader):
    """Asked for a second more at each look, and never made anew."""

    waits: list[int]

    def _begin_anew(self) -> None:
        self.waits.append(self.patience.wait_ms)
        self._fed = dict.fromkeys(self._expected, self._asked_s)
        self._there = {}

    def look(self) -> None:
        self._next_look = 0.0
        self._asked_s += 1.0
        assert self.read(1)


def starving() -> Noting:
    reader = reader_of(Starving(range(1000), 0), 0, Noting)
    assert isinstance(reader, Noting)
    reader.waits = []
    reader._expected["feed.clock"] = 100
    return reader


def test_fetches_wait_longer_while_one_topic_starves_and_others_flow() -> None:
    reader = starving()
    assert reader.read(1)
    assert reader.waits == []  # it was hardly asked
    reader._next_look = 0.0
    assert reader.read(1)
    assert reader.waits == []  # what it has may have come this moment
    for _ in range(9):
        reader.look()
    assert reader.waits == [20, 80, 320, 500]
    assert reader.lag["feed.clock"] == 400
    reader._expected["feed.clock"] = 500
    reader.look()
    assert reader.waits == [20, 80, 320, 500]
    assert reader.lag["feed.clock"] == 0


def test_a_quiet_topic_with_a_record_that_has_just_come_does_not_starve() -> None:
    reader = starving()
    consumer: Any = reader._consumer
    reader._expected["feed.clock"] = consumer.end
    for _ in range(10):
        consumer.end += 1
        reader.look()
        reader._expected["feed.clock"] += 1  # given soon after each look
    assert reader.waits == []


def test_a_backlog_that_shrinks_is_no_hunger_and_one_that_does_not_is() -> None:
    reader = starving()
    for _ in range(5):
        reader.look()
        reader._expected["feed.clock"] += 70
        reader._fed["feed.clock"] = reader._asked_s
    assert reader.waits == []
    consumer: Any = reader._consumer
    for _ in range(5):
        reader.look()
        reader._expected["feed.clock"] += 5
        consumer.end += 5
        reader._fed["feed.clock"] = reader._asked_s
    assert reader.waits[:1] == [20]


def test_who_takes_all_the_time_what_is_there_does_not_starve() -> None:
    reader = starving()
    for _ in range(5):
        reader._next_look = 0.0
        reader._asked_at -= 1_000.0
        assert len(reader.read(1)) == 1  # as much as it wanted: there may be more in the client
    assert reader.waits == []


def test_who_does_not_ask_does_not_starve() -> None:
    reader = starving()
    reader._asked_at -= 1_000.0  # it was busy with what it had
    reader._next_look = 0.0
    assert reader.read(1)
    assert reader.waits == []


def test_a_topic_that_was_paused_has_a_second_to_give_something() -> None:
    reader = starving()
    reader.pause({"feed.clock"})
    for _ in range(3):
        reader.look()
    reader.pause(set())
    reader._next_look = 0.0
    assert reader.read(1)
    assert reader.waits == []
    reader.look()
    reader.look()
    assert reader.waits == [20]
