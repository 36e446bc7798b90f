"""The way to Kafka: nothing is lost without a word."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.life_sign import LifeSign
from connectors.recorder.outlet import KafkaOutlet
from connectors.recorder.spool import Spool, inherit
from models.failures import Failure
from models.markers import Marker, Notice, Tick, encode_own
from models.message import Message
from tests.waiting import eventually


class Error:
    def __init__(self, code: int) -> None:
        self._code = code

    def str(self) -> str:
        return "Broker: not enough replicas"

    def code(self) -> int:
        return self._code


class FakeProducer:
    """Keeps what it is given and confirms it on poll. ``away``: while set, nothing is confirmed. The records from
    ``refuse_from`` on (to ``refuse_until``) are refused."""

    def __init__(
        self,
        refuse_from: int | None = None,
        full_first: int = 0,
        stuck: threading.Event | None = None,
        refuse_until: int = 1 << 30,
        code: int = KafkaError.NOT_ENOUGH_REPLICAS,
    ) -> None:
        self.away = threading.Event()
        self._refuse_until = refuse_until
        self._code = code
        self.records: list[tuple[str, bytes, bytes, Any, int]] = []
        self._reports: list[Any] = []
        self._refuse_from = refuse_from
        self._full = full_first
        self._stuck = stuck

    def produce(self, topic: str, value: bytes, key: bytes, headers: Any, timestamp: int, on_delivery: Any) -> None:
        if self._stuck is not None:
            self._stuck.wait(60)
        if self._full:
            self._full -= 1
            raise BufferError
        refused = self._refuse_from is not None and self._refuse_from <= len(self.records) < self._refuse_until
        self.records.append((topic, value, key, headers, timestamp))
        self._reports.append((on_delivery, Error(self._code) if refused else None))

    def poll(self, timeout: float) -> int:
        if self.away.is_set():
            return 0
        reports, self._reports = self._reports, []
        for report, error in reports:
            report(error, None)
        return len(reports)


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


def test_failed_delivery_is_reported_once_and_ends_everything(tmp_path: Path) -> None:
    reported: list[Failure] = []
    seen = threading.Event()

    def failed(failure: Failure) -> None:
        reported.append(failure)
        seen.set()

    producer = FakeProducer(refuse_from=5)
    outlet = KafkaOutlet({"bootstrap.servers": "k:1"}, failed, Spool(tmp_path / "r1", 1 << 20), backend=producer)
    producer.away.set()  # so that all of them are put before the first is refused
    for number in range(10):
        outlet.put(message(number))
    producer.away.clear()
    assert seen.wait(60)
    with pytest.raises(Failure, match="not enough replicas"):
        outlet.put(message(11))
    with pytest.raises(Failure, match="k:1"):
        outlet.close()
    assert len(reported) == 1
    left = Spool(tmp_path / "r2", 1 << 20)
    left.adopt(tmp_path / "r1")
    assert numbers_in(left) == list(range(5, 10))  # what Kafka had not confirmed is for the next recorder


def numbers_in(spool: Spool) -> list[int]:
    found = []
    while (each := spool.take()) is not None:
        found.append(int(each[0].value))
    return found


def test_what_kafka_never_takes_is_counted_and_does_not_stop_the_rest() -> None:
    producer = FakeProducer(refuse_from=3, refuse_until=5, code=KafkaError.MSG_SIZE_TOO_LARGE)
    outlet = KafkaOutlet({}, unexpected, backend=producer)
    for number in range(8):
        outlet.put(message(number))
    outlet.close()
    assert outlet.backlog().rejected == 2 and outlet.undelivered == 0


def test_full_queue_is_counted_and_never_a_wait() -> None:
    release = threading.Event()
    outlet = KafkaOutlet({}, unexpected, room=10, backend=FakeProducer(stuck=release))
    for number in range(100):
        outlet.put(message(number))
    backlog = outlet.backlog()
    assert backlog.full and 80 <= backlog.dropped["feed.coinbase"] <= 90
    release.set()
    outlet.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "r1", 1 << 20, segment_bytes=4_000)


def test_an_absence_is_bridged_in_order_without_a_gap_or_a_second_copy(spool: Spool) -> None:
    producer = FakeProducer()
    outlet = KafkaOutlet({}, unexpected, spool, backend=producer, window=(50, 1 << 20), away_s=0.05)
    for number in range(100):
        outlet.put(message(number))
    producer.away.set()
    for number in range(100, 400):
        outlet.put(message(number))
    eventually(lambda: outlet.backlog().away and outlet.backlog().spool_records > 200)
    assert len(producer.records) <= 150  # the window is all that is in memory
    producer.away.clear()
    eventually(lambda: outlet.undelivered == 0)
    for number in range(400, 450):
        outlet.put(message(number))
    outlet.close()
    assert [int(record[1]) for record in producer.records] == list(range(450))
    assert outlet.backlog().dropped == {} and not spool.folder.exists()


@given(st.lists(st.sampled_from(["put", "many", "away", "back"]), max_size=25))
@settings(max_examples=25, deadline=None)
def test_order_whatever_the_outages(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    spool = Spool(tmp_path_factory.mktemp("s") / "r1", 1 << 20, segment_bytes=700)
    producer = FakeProducer()
    outlet = KafkaOutlet({}, unexpected, spool, backend=producer, window=(7, 1 << 20), away_s=0.003)
    given_so_far = 0
    for step in steps:
        if step in ("put", "many"):
            for _ in range(1 if step == "put" else 40):
                outlet.put(message(given_so_far))
                given_so_far += 1
        elif step == "away":
            producer.away.set()
        else:
            producer.away.clear()
    producer.away.clear()
    outlet.close()
    assert [int(record[1]) for record in producer.records] == list(range(given_so_far))


def test_a_killed_recorder_leaves_what_kafka_may_not_have(tmp_path: Path, spool: Spool) -> None:
    producer = FakeProducer()
    outlet = KafkaOutlet({}, unexpected, spool, backend=producer, window=(50, 1 << 20), away_s=0.05)
    producer.away.set()
    for number in range(200):
        outlet.put(message(number))
    eventually(lambda: outlet.backlog().away and outlet.depth == 0)
    # killed here: a copy of the folder as the next recorder would find it
    shutil.copytree(spool.folder, tmp_path / "copy")
    left = Spool(tmp_path / "r2", 1 << 20)
    left.adopt(tmp_path / "copy")
    assert numbers_in(left) == list(range(200))
    producer.away.clear()
    outlet.close()


def test_the_end_while_kafka_is_away_leaves_everything_to_the_next_recorder(tmp_path: Path, spool: Spool) -> None:
    producer = FakeProducer()
    outlet = KafkaOutlet({"bootstrap.servers": "k:1"}, unexpected, spool, backend=producer, away_s=0.05)
    for number in range(20):
        outlet.put(message(number))
    eventually(lambda: outlet.undelivered == 0)
    producer.away.set()
    for number in range(20, 60):
        outlet.put(message(number))
    with pytest.raises(Failure, match=r"40 records wait in .*r1: Kafka at k:1"):
        outlet.close(timeout=5)

    second = Spool(tmp_path / "r2", 1 << 20)
    assert inherit(second, tmp_path) == [
        f"40 records of run r1 waited in {tmp_path}/r1; they are written first.",
    ]
    back = FakeProducer()
    outlet = KafkaOutlet({}, unexpected, second, backend=back)
    outlet.put(message(1000))
    outlet.close()
    assert [int(record[1]) for record in back.records] == [*range(20, 60), 1000]
    assert list(tmp_path.iterdir()) == []


def test_a_full_spool_keeps_the_oldest_and_counts_the_rest_by_topic(tmp_path: Path) -> None:
    producer = FakeProducer()
    spool = Spool(tmp_path / "r1", 6_000)
    outlet = KafkaOutlet({}, unexpected, spool, backend=producer, window=(5, 1 << 20), away_s=0.05)
    producer.away.set()
    for number in range(300):
        outlet.put(message(number))
        outlet.put(Message("telemetry", "m", b"{}", 1, producer="recorder-r", ordinal=number))
    eventually(lambda: outlet.depth == 0 and outlet.backlog().full)
    dropped = outlet.backlog().dropped["feed.coinbase"]
    producer.away.clear()
    eventually(lambda: outlet.undelivered == 0)
    outlet.put(message(300))
    eventually(lambda: not outlet.backlog().full)
    outlet.close()
    arrived = [int(record[1]) for record in producer.records if record[0] == "feed.coinbase"]
    assert arrived == [*range(300 - dropped), 300] and 0 < dropped < 300
    telemetry = sum(record[0] == "telemetry" for record in producer.records)
    assert telemetry + outlet.backlog().dropped_telemetry == 300
    assert telemetry < len(arrived)  # it goes first


def test_a_full_spool_keeps_its_room_for_what_says_so(tmp_path: Path) -> None:
    producer = FakeProducer()
    outlet = KafkaOutlet(
        {}, unexpected, Spool(tmp_path / "r1", 6_000), backend=producer, window=(5, 1 << 20), away_s=0.05
    )
    producer.away.set()
    for number in range(300):
        outlet.put(message(number))
    eventually(lambda: outlet.depth == 0 and outlet.backlog().full)
    reported = encode_own(Notice("r.recorder", "spool_full", "why", outlet.backlog().dropped["feed.coinbase"]))
    words = [reported, encode_own(Marker("end", "r", "sim"))]
    for word in words:
        outlet.put(Message("feed.coinbase", "c", word, 1, envelope=b"1 r 0 c 0"))
    outlet.put(Message("feed.clock", "c", encode_own(Tick(0, 1, {})), 1, envelope=b"1 r 0 c 0"))
    eventually(lambda: outlet.depth == 0)
    assert outlet.backlog().full and outlet.backlog().dropped["feed.clock"] == 1  # there is no room for anything else
    producer.away.clear()
    outlet.close()
    assert [record[1] for record in producer.records][-2:] == words


def test_depth_counts_what_the_thread_has_in_hand(tmp_path: Path) -> None:
    release = threading.Event()
    outlet = KafkaOutlet({}, unexpected, backend=FakeProducer(stuck=release))
    outlet.put(message(0))
    eventually(lambda: outlet.backlog().under_way == 1)
    assert outlet.depth == 1
    release.set()
    eventually(lambda: outlet.depth == 0)
    outlet.close()


def test_records_of_another_cluster_are_left_alone(tmp_path: Path) -> None:
    other = Spool(tmp_path / "r1", 1 << 20, "one")
    other.append(message(1))
    other.close()
    mine = Spool(tmp_path / "r2", 1 << 20, "two")
    assert inherit(mine, tmp_path) == [f"{tmp_path}/r1 holds records for another cluster (one); they are left there."]
    assert mine.waiting == 0


def test_unconfirmed_records_are_not_called_delivered() -> None:
    class Forgetful(FakeProducer):
        def poll(self, timeout: float) -> int:
            return 0

    outlet = KafkaOutlet({}, unexpected, backend=Forgetful())
    outlet.put(message(1))
    with pytest.raises(Failure, match="1 records were not confirmed"):
        outlet.close(timeout=0.5)


def test_a_life_sign_is_given_where_kafka_confirms_and_nowhere_else(tmp_path: Path) -> None:
    producer, file = FakeProducer(), tmp_path / "alive"
    producer.away.set()
    outlet = KafkaOutlet({}, unexpected, backend=producer, life=LifeSign(file))
    outlet.put(message(1))
    eventually(lambda: producer.records)
    assert not file.exists()
    producer.away.clear()
    eventually(file.exists)
    outlet.close()
