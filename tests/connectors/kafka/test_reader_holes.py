"""What the client drops when a topic is paused is asked for again, whole."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import TopicPartition

from connectors.kafka.absence import Absence
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


def reader_of(consumer: Consumer, expected: int) -> Reader:
    reader = Reader.__new__(Reader)
    reader._consumer = consumer  # type: ignore[assignment]
    reader._expected = {TOPIC: expected}
    reader._sought = {}
    reader._absence = Absence(Kafka(), "")
    reader.lag = {}
    reader._next_look = 0.0
    reader._paused = set()
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
