"""The embedded broker as a client sees it, byte by byte, on real sockets and over restarts."""

from __future__ import annotations

import itertools
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from connectors.broker import errors
from connectors.broker.batches import walk
from connectors.broker.embedded import EmbeddedBroker
from connectors.broker.fetch_codec import Wanted
from models.settings import Broker
from tests.connectors.broker.wired import Wire, batch, fetch_body, fetched, frame, produce_body
from tests.waiting import eventually

LONG_MS = 30_000
_names = (f"t{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    folder = tmp_path_factory.mktemp("broker")
    with EmbeddedBroker.start(Broker(), folder / "log", folder / "data") as started:
        yield started


@pytest.fixture
def wire(broker: EmbeddedBroker) -> Iterator[Wire]:
    with Wire(broker.bootstrap) as connected:
        yield connected


def topic(wire: Wire, partitions: int = 1, **configs: object) -> str:
    name = next(_names)
    rows = [{"name": key.replace("_", "."), "value": str(value)} for key, value in configs.items()]
    wanted = {"name": name, "num_partitions": partitions, "replication_factor": 1, "configs": rows}
    assert wire.ask(19, 4, {"topics": [wanted], "timeout_ms": 10_000})["topics"][0]["error_code"] == 0
    return name


def bases(records: bytes) -> list[int]:
    return [each.base for _, each in walk(records)]


def again(broker: EmbeddedBroker) -> None:
    """Kill -9, and a new start."""
    process = psutil.Process(broker.pid)
    process.kill()
    process.wait(30)
    broker.restart()


# -- fetch


def test_a_fetch_waits_for_a_record_and_is_woken_by_it(broker: EmbeddedBroker, wire: Wire) -> None:
    name = topic(wire)
    wire.send(1, 5, fetch_body(5, [Wanted(name, 0, -1, 0, 1 << 20)], LONG_MS, 1, 1 << 20))
    with Wire(broker.bootstrap) as other:
        assert other.produce(name, batch([b"x"])) == (0, 0)
    began = time.monotonic()
    error, end, start, records = fetched(wire.receive()[1])[name, 0]
    assert (error, end, start, bases(records)) == (0, 1, 0, [0])
    assert time.monotonic() - began < LONG_MS / 2000


def test_a_fetch_waits_for_as_many_bytes_as_it_wants(broker: EmbeddedBroker, wire: Wire) -> None:
    name = topic(wire)
    size = len(batch([b"x"]))
    wire.send(1, 5, fetch_body(5, [Wanted(name, 0, -1, 0, 1 << 20)], LONG_MS, 3 * size, 1 << 20))
    with Wire(broker.bootstrap) as other:
        for number in range(3):
            assert other.produce(name, batch([b"x"])) == (0, number)
    assert bases(fetched(wire.receive()[1])[name, 0][3]) == [0, 1, 2]


def test_a_fetch_ends_empty_after_its_wait(wire: Wire) -> None:
    name = topic(wire)
    began = time.monotonic()
    assert wire.fetch([Wanted(name, 0, -1, 0, 1 << 20)], max_wait_ms=80)[name, 0] == (0, 0, 0, b"")
    assert time.monotonic() - began >= 0.07


def test_a_fetch_that_waits_is_answered_when_the_next_request_comes(wire: Wire) -> None:
    name = topic(wire)
    first = wire.send(1, 5, fetch_body(5, [Wanted(name, 0, -1, 0, 1 << 20)], LONG_MS, 1, 1 << 20))
    second = wire.send(18, 0, b"")
    began = time.monotonic()
    assert wire.receive()[0] == first
    assert wire.receive()[0] == second
    assert time.monotonic() - began < LONG_MS / 2000


def test_byte_limits_of_partition_and_fetch_are_respected_and_the_first_batch_comes_whole(wire: Wire) -> None:
    name = topic(wire, partitions=2)
    size = len(batch([b"x" * 100]))
    for partition in (0, 1):
        for _ in range(5):
            wire.produce(name, batch([b"x" * 100]), partition)
    both = [Wanted(name, 0, -1, 0, 2 * size), Wanted(name, 1, -1, 0, 2 * size)]
    found = wire.fetch(both)
    assert [bases(found[name, partition][3]) for partition in (0, 1)] == [[0, 1], [0, 1]]
    found = wire.fetch(both, max_bytes=3 * size)
    assert [bases(found[name, partition][3]) for partition in (0, 1)] == [[0, 1], [0]]
    found = wire.fetch([Wanted(name, 0, -1, 0, 1), Wanted(name, 1, -1, 0, 1)], max_bytes=1)
    assert [bases(found[name, partition][3]) for partition in (0, 1)] == [[0], []]


def test_an_offset_that_is_not_there_and_an_epoch_that_is_over(wire: Wire) -> None:
    name = topic(wire)
    wire.produce(name, batch([b"x"]))
    assert wire.fetch([Wanted(name, 0, -1, 2, 100)])[name, 0][0] == errors.OFFSET_OUT_OF_RANGE
    assert wire.fetch([Wanted(name, 0, -1, -1, 100)])[name, 0][0] == errors.OFFSET_OUT_OF_RANGE
    assert wire.fetch([Wanted(name, 1, -1, 0, 100)])[name, 1][0] == errors.UNKNOWN_TOPIC_OR_PARTITION
    wire.send(1, 12, fetch_body(12, [Wanted(name, 0, 7, 0, 100)], 0, 1, 100))
    raw = wire.receive()[1]
    at = 1 + 4 + 2 + 4 + 1 + 1 + len(name) + 1 + 4
    assert struct.unpack_from(">h", raw, at) == (errors.UNKNOWN_LEADER_EPOCH,)


# -- produce


def test_a_duplicate_batch_of_a_producer_is_stored_once_also_over_restarts(tmp_path: Path) -> None:
    with EmbeddedBroker.start(Broker(), tmp_path / "log", tmp_path / "data") as broker:
        with Wire(broker.bootstrap) as wire:
            # Segments of a few batches: what a producer sent is also known from snapshots.
            name = topic(wire, segment_bytes=1_024, message_timestamp_type="LogAppendTime")
            sent = [batch([b"%d" % number] * 3, producer=(5, 0, 3 * number)) for number in range(40)]
            for number, raw in enumerate(sent):
                assert wire.produce(name, raw) == (0, 3 * number)
            assert wire.produce(name, sent[-1]) == (0, 117)
        again(broker)
        with Wire(broker.bootstrap) as wire:
            assert wire.produce(name, sent[-1]) == (0, 117)
            assert wire.produce(name, sent[-5]) == (0, 105)
            gap = wire.produce(name, batch([b"x"], producer=(5, 0, 130)))
            assert gap == (errors.OUT_OF_ORDER_SEQUENCE, -1)
            assert wire.produce(name, batch([b"x"], producer=(5, 0, 120))) == (0, 120)
        for file in (tmp_path / "data").rglob("*.producers"):
            file.unlink()  # lost: they are made anew from what is there
        again(broker)
        with Wire(broker.bootstrap) as wire:
            assert wire.produce(name, batch([b"x"], producer=(5, 0, 120))) == (0, 120)
            found: list[int] = []
            offset = 0
            while offset < 121:
                batches = [each for _, each in walk(wire.fetch([Wanted(name, 0, -1, offset, 1 << 20)])[name, 0][3])]
                offset = batches[-1].next
                found += [each.base for each in batches]
    assert found == [3 * number for number in range(41)]


def test_refusals_say_why(wire: Wire) -> None:
    name = topic(wire, max_message_bytes=1_000)
    assert wire.produce(name, batch([bytes(2_000)]))[0] == errors.MESSAGE_TOO_LARGE
    assert wire.produce(name, batch([b"x"])[:-1] + b"?")[0] == errors.CORRUPT_MESSAGE
    assert wire.produce(name, batch([b"x"], attributes=0x10))[0] == errors.INVALID_RECORD
    assert wire.produce("absent", batch([b"x"]))[0] == errors.UNKNOWN_TOPIC_OR_PARTITION
    wire.send(0, 8, produce_body(8, name, batch([bytes(2_000)])))
    assert b"the topic takes 1000" in wire.receive()[1]
    wire.send(0, 7, produce_body(7, name, batch([b"x"]), acks=3))
    assert struct.pack(">h", errors.INVALID_REQUIRED_ACKS) in wire.receive()[1]
    assert wire.produce(name, batch([b"x"])) == (0, 0)  # none of all that was kept


def test_without_acknowledgement_there_is_no_answer(wire: Wire) -> None:
    name = topic(wire)
    wire.send(0, 7, produce_body(7, name, batch([b"x"]), acks=0))
    assert wire.produce(name, batch([b"y"])) == (0, 1)


# -- what cannot be answered


@pytest.mark.parametrize(
    "raw",
    [
        frame(3, 12, b"")[:4] + struct.pack(">hh", 4711, 0) + frame(3, 12, b"")[8:],
        frame(3, 99, b""),
        frame(0, 2, b""),
        frame(3, 4, b"\x7f\xff\xff\xff" + bytes(20)),
        struct.pack(">i", -1),
        struct.pack(">i", 1 << 30),
        struct.pack(">i", 2) + b"ab",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["unknown", "version", "old produce", "count", "negative", "huge", "short", "a browser"],
)
def test_what_cannot_be_answered_ends_the_connection_and_nothing_else(broker: EmbeddedBroker, raw: bytes) -> None:
    with Wire(broker.bootstrap) as wire:
        wire.socket.sendall(raw)
        with pytest.raises(ConnectionError):
            wire.receive()
    with Wire(broker.bootstrap) as wire:
        assert wire.ask(18, 0, {})["error_code"] == 0


def test_an_unsupported_version_is_answered_with_the_supported_ones(wire: Wire) -> None:
    wire.send(18, 3, b"\1\1\0")
    assert wire.receive()[1][:2] == struct.pack(">h", 0)
    wire.socket.sendall(struct.pack(">i", 12) + struct.pack(">hhih", 18, 4, 9, -1) + b"\0\0")
    number, raw = wire.receive()
    assert (number, raw[:2]) == (9, struct.pack(">h", errors.UNSUPPORTED_VERSION))
    assert struct.unpack_from(">i", raw, 2)[0] > 15  # and which are


# -- offsets


def offset_at(wire: Wire, name: str, time_ms: int) -> tuple[int, int, int]:
    wanted = {"partition_index": 0, "timestamp": time_ms}
    row = wire.ask(2, 5, {"replica_id": -1, "topics": [{"name": name, "partitions": [wanted]}]})
    found = row["topics"][0]["partitions"][0]
    return found["error_code"], found["offset"], found["timestamp"]


def test_offsets_by_time_are_exact_where_batches_are_open(wire: Wire) -> None:
    name = topic(wire, retention_ms=-1, segment_bytes=1_024)
    for first in range(0, 200, 4):
        times = [1_000_000 + 10 * (first + number) for number in range(4)]
        wire.produce(name, batch([b"x"] * 4, times))
    for number in (0, 1, 5, 99, 199):
        assert offset_at(wire, name, 1_000_000 + 10 * number) == (0, number, 1_000_000 + 10 * number)
        assert offset_at(wire, name, 1_000_000 + 10 * number - 3) == (0, number, 1_000_000 + 10 * number)
    assert offset_at(wire, name, 1_002_000) == (0, -1, -1)
    assert offset_at(wire, name, -1) == (0, 200, -1)
    assert offset_at(wire, name, -2) == (0, 0, -1)
    assert offset_at(wire, name, -3) == (0, 199, 1_001_990)


def delete_before(wire: Wire, name: str, offset: int) -> tuple[int, int]:
    row = {"topics": [{"name": name, "partitions": [{"partition_index": 0, "offset": offset}]}], "timeout_ms": 1_000}
    found = wire.ask(21, 2, row)["topics"][0]["partitions"][0]
    return found["error_code"], found["low_watermark"]


def test_deleted_records_stay_deleted(tmp_path: Path) -> None:
    with EmbeddedBroker.start(Broker(), tmp_path / "log", tmp_path / "data") as broker:
        with Wire(broker.bootstrap) as wire:
            name = topic(wire, retention_ms=-1, segment_bytes=1_024)
            for _ in range(100):
                wire.produce(name, batch([b"x"] * 2))
            assert delete_before(wire, name, 201)[0] == errors.OFFSET_OUT_OF_RANGE
            assert delete_before(wire, name, 151) == (0, 151)
            assert delete_before(wire, name, 20) == (0, 151)
        again(broker)
        with Wire(broker.bootstrap) as wire:
            assert offset_at(wire, name, -2) == (0, 151, -1)
            assert wire.fetch([Wanted(name, 0, -1, 150, 1 << 20)])[name, 0][0] == errors.OFFSET_OUT_OF_RANGE
            assert bases(wire.fetch([Wanted(name, 0, -1, 151, 1 << 20)])[name, 0][3])[0] == 150
            assert delete_before(wire, name, -1) == (0, 200)
            assert wire.produce(name, batch([b"x"])) == (0, 200)


# -- retention


def test_age_and_bytes_bound_a_topic(wire: Wire) -> None:
    young = topic(wire, retention_ms=-1, segment_bytes=1_024)
    old = topic(wire, retention_ms=3_600_000, segment_bytes=1_024)
    small = topic(wire, retention_ms=-1, retention_bytes=3_000, segment_bytes=1_024)
    now = int(time.time() * 1000)
    for number in range(100):
        wire.produce(young, batch([bytes(100)], [now - 7_200_000]))
        wire.produce(old, batch([bytes(100)], [now - (7_200_000 if number < 50 else 0)]))
        wire.produce(small, batch([bytes(100)], [now]))
    eventually(lambda: offset_at(wire, old, -2)[1] > 0 and offset_at(wire, small, -2)[1] > 0, what="retention")
    assert offset_at(wire, young, -2) == (0, 0, -1)
    assert 40 <= offset_at(wire, old, -2)[1] <= 50
    assert 3_000 <= (100 - offset_at(wire, small, -2)[1]) * len(batch([bytes(100)])) <= 3_000 + 2 * 1_024


def test_the_disk_budget_deletes_the_oldest_and_waits_for_the_archive(tmp_path: Path) -> None:
    with EmbeddedBroker.start(Broker(disk_budget_mib=16), tmp_path / "log", tmp_path / "data") as broker:  # noqa: SIM117
        with Wire(broker.bootstrap) as wire:
            kept = topic(wire, retention_ms=-1)
            held = topic(wire, message_timestamp_type="LogAppendTime", max_message_bytes=1 << 20)
            free = topic(wire, message_timestamp_type="LogAppendTime", max_message_bytes=1 << 20)
            wire.produce(kept, batch([b"for good"]))
            commit(wire, "audit", held, 3)
            for _ in range(30):
                for name in (held, free):
                    wire.produce(name, batch([bytes(400_000)]))
            budget = 16 << 20
            eventually(lambda: offset_at(wire, free, -2)[1] > 10, what="retention")
            assert 1 <= offset_at(wire, held, -2)[1] <= 3  # beyond that the archive has nothing yet
            eventually(lambda: "audit is 27 records" in str(broker.status.get("warning")), what="the warning")
            commit(wire, "audit", held, 30)
            eventually(lambda: int(broker.status["used_bytes"]) <= budget, what="the budget")
            eventually(lambda: broker.status["warning"] == "", what="its end")
            assert offset_at(wire, kept, -2) == (0, 0, -1)
            assert wire.produce(held, batch([b"x"])) == (0, 30)


def commit(wire: Wire, group: str, name: str, offset: int) -> None:
    part = {"partition_index": 0, "committed_offset": offset, "committed_metadata": "m"}
    row = {"group_id": group, "member_id": "", "topics": [{"name": name, "partitions": [part]}]}
    found = wire.ask(8, 7, {**row, "generation_id_or_member_epoch": -1})
    assert found["topics"][0]["partitions"][0]["error_code"] == 0


def test_committed_offsets_outlive_the_broker(tmp_path: Path) -> None:
    with EmbeddedBroker.start(Broker(), tmp_path / "log", tmp_path / "data") as broker:
        with Wire(broker.bootstrap) as wire:
            name = topic(wire)
            commit(wire, "someone", name, 12)
        again(broker)
        with Wire(broker.bootstrap) as wire:
            row = {"groups": [{"group_id": "someone", "topics": None}]}
            found = wire.ask(9, 8, row)["groups"][0]["topics"][0]
            assert (found["name"], found["partitions"][0]["committed_offset"]) == (name, 12)
            assert [each["group_id"] for each in wire.ask(16, 4, {})["groups"]] == ["someone"]


# -- topics


def test_a_duplicate_topic_is_refused_once_and_invalid_ones_are_named(wire: Wire) -> None:
    def create(**more: object) -> tuple[int, str | None]:
        row = {"name": next(_names), "num_partitions": 1, "replication_factor": 1} | more
        answered = wire.ask(19, 4, {"topics": [row], "timeout_ms": 1_000})["topics"]
        return answered[0]["error_code"], answered[0]["error_message"]

    name = topic(wire)
    assert create(name=name)[0] == errors.TOPIC_ALREADY_EXISTS
    assert create(name="../../etc")[0] == errors.INVALID_TOPIC
    assert create(name="..")[0] == errors.INVALID_TOPIC
    assert create(replication_factor=3)[0] == errors.INVALID_REPLICATION_FACTOR
    assert create(num_partitions=0)[0] == errors.INVALID_PARTITIONS
    assert create(num_partitions=1 << 30)[0] == errors.INVALID_PARTITIONS
    compact = create(configs=[{"name": "cleanup.policy", "value": "compact"}])
    assert compact[0] == errors.INVALID_CONFIG and "delete only" in str(compact[1])
    assert create(configs=[{"name": "retention.ms", "value": "soon"}])[0] == errors.INVALID_CONFIG
    twice = {"name": next(_names), "num_partitions": 1, "replication_factor": 1}
    answered = wire.ask(19, 4, {"topics": [twice, twice], "timeout_ms": 1_000})["topics"]
    assert [each["error_code"] for each in answered] == [errors.INVALID_REQUEST]


def test_a_topic_that_was_deleted_and_made_again_is_empty(wire: Wire) -> None:
    name = topic(wire)
    wire.produce(name, batch([b"x"]))
    commit(wire, "reader", name, 1)
    row = {"topic_names": [name], "timeout_ms": 1_000}
    assert wire.ask(20, 4, row)["responses"][0]["error_code"] == 0
    assert wire.produce(name, batch([b"x"]))[0] == errors.UNKNOWN_TOPIC_OR_PARTITION
    wanted = {"name": name, "num_partitions": 1, "replication_factor": 1}
    assert wire.ask(19, 4, {"topics": [wanted], "timeout_ms": 10_000})["topics"][0]["error_code"] == 0
    assert wire.produce(name, batch([b"y"])) == (0, 0)
    found = wire.ask(9, 8, {"groups": [{"group_id": "reader", "topics": None}]})
    assert found["groups"][0]["topics"] == []


def test_an_epoch_begins_where_the_end_may_have_been_lost(tmp_path: Path) -> None:
    with EmbeddedBroker.start(Broker(), tmp_path / "log", tmp_path / "data") as broker:
        with Wire(broker.bootstrap) as wire:
            name = topic(wire)
            for _ in range(3):
                wire.produce(name, batch([b"x"]))
        path = tmp_path / "data" / "topics" / name / "0" / f"{0:020d}.log"
        process = psutil.Process(broker.pid)
        process.kill()
        process.wait(30)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 3)  # as after a power failure
        broker.restart()
        with Wire(broker.bootstrap) as wire:
            part = {"partition": 0, "current_leader_epoch": 1, "leader_epoch": 0}
            row = wire.ask(23, 3, {"replica_id": -1, "topics": [{"topic": name, "partitions": [part]}]})
            found = row["topics"][0]["partitions"][0]
            assert (found["error_code"], found["leader_epoch"], found["end_offset"]) == (0, 0, 2)
            assert wire.fetch([Wanted(name, 0, -1, 3, 100)])[name, 0][0] == errors.OFFSET_OUT_OF_RANGE
            assert wire.produce(name, batch([b"x"])) == (0, 2)
    assert "bytes of a write that was interrupted were cut, at offset 2" in (tmp_path / "log").read_text()


def test_producers_have_ids_that_nobody_had(tmp_path: Path) -> None:
    seen: set[int] = set()
    with EmbeddedBroker.start(Broker(), tmp_path / "log", tmp_path / "data") as broker:
        for _ in range(2):
            with Wire(broker.bootstrap) as wire:
                for _ in range(5):
                    found = wire.ask(22, 4, {"transactional_id": None, "transaction_timeout_ms": 1})
                    assert found["error_code"] == 0 and found["producer_id"] not in seen
                    seen.add(found["producer_id"])
                refused = wire.ask(22, 4, {"transactional_id": "mine", "transaction_timeout_ms": 1})
                assert refused["error_code"] == errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            again(broker)


def test_a_clean_shutdown_needs_no_new_epoch(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            EmbeddedBroker.start(Broker(), tmp_path / "log", tmp_path / "data") as broker,
            Wire(broker.bootstrap) as wire,
        ):
            if not wire.ask(3, 4, {"topics": None})["topics"]:
                name = topic(wire)
                wire.produce(name, batch([b"x"]))
            (found,) = wire.ask(3, 7, {"topics": None})["topics"]
            assert found["partitions"][0]["leader_epoch"] == 0
    assert "everything is on disk" in (tmp_path / "log").read_text()
