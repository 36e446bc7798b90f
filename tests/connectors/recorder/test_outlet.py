"""The way to Kafka: nothing is lost without a word."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from connectors.recorder.outlet import KafkaOutlet
from models.failures import Failure
from models.message import Message


class Error:
    def str(self) -> str:
        return "Broker: not enough replicas"


class FakeProducer:
    """Keeps what it is given; confirms it on poll or flush, or refuses from ``refuse_from`` on."""

    def __init__(
        self, refuse_from: int | None = None, full_first: int = 0, stuck: threading.Event | None = None
    ) -> None:
        self.records: list[tuple[str, bytes, bytes, Any, int]] = []
        self._reports: list[Any] = []
        self._refuse_from = refuse_from
        self._full = full_first
        self._stuck = stuck

    def produce(self, topic: str, value: bytes, key: bytes, headers: Any, timestamp: int, on_delivery: Any) -> None:
        if self._stuck is not None:
            self._stuck.wait(10)
        if self._full:
            self._full -= 1
            raise BufferError
        refused = self._refuse_from is not None and len(self.records) >= self._refuse_from
        self.records.append((topic, value, key, headers, timestamp))
        self._reports.append((on_delivery, Error() if refused else None))

    def poll(self, timeout: float) -> int:
        reports, self._reports = self._reports, []
        for report, error in reports:
            report(error, None)
        return len(reports)

    def flush(self, timeout: float) -> int:
        self.poll(timeout)
        return 0


def message(number: int) -> Message:
    return Message("feed.coinbase", "c", b"%d" % number, 1_234_567_890, envelope=b"1 r 0 c 0")


def unexpected(failure: Failure) -> None:
    raise AssertionError(failure)


def test_order_headers_and_time_are_kept() -> None:
    producer = FakeProducer(full_first=3)
    outlet = KafkaOutlet({}, unexpected, backend=producer)
    for number in range(1000):
        outlet.put(message(number))
    outlet.put(Message("telemetry", "m", b"{}", 5_000_000, producer="recorder-r", ordinal=4))
    outlet.close()
    assert [record[1] for record in producer.records[:-1]] == [b"%d" % number for number in range(1000)]
    assert producer.records[0] == ("feed.coinbase", b"0", b"c", [("envelope", b"1 r 0 c 0")], 1234)
    assert producer.records[-1] == ("telemetry", b"{}", b"m", [("ordinal", b"recorder-r 4")], 5)
    assert outlet.undelivered == 0


def test_failed_delivery_is_told_once_and_ends_everything() -> None:
    told: list[Failure] = []
    seen = threading.Event()

    def failed(failure: Failure) -> None:
        told.append(failure)
        seen.set()

    outlet = KafkaOutlet({"bootstrap.servers": "k:1"}, failed, backend=FakeProducer(refuse_from=5))
    for number in range(10):
        outlet.put(message(number))
    assert seen.wait(10)
    with pytest.raises(Failure, match="not enough replicas"):
        outlet.put(message(11))
    with pytest.raises(Failure, match="k:1"):
        outlet.close()
    assert len(told) == 1


def test_full_queue_is_a_failure_and_never_a_wait() -> None:
    release = threading.Event()
    outlet = KafkaOutlet({}, unexpected, room=10, backend=FakeProducer(stuck=release))
    with pytest.raises(Failure, match="no room"):
        for number in range(100):
            outlet.put(message(number))
    release.set()
    outlet.close()


def test_unconfirmed_records_are_not_called_delivered() -> None:
    class Forgetful(FakeProducer):
        def poll(self, timeout: float) -> int:
            return 0

    outlet = KafkaOutlet({}, unexpected, backend=Forgetful())
    outlet.put(message(1))
    with pytest.raises(Failure, match="1 records were not confirmed"):
        outlet.close(timeout=0.5)
