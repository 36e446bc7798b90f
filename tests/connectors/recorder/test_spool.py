"""The spool's file format and its queue: order kept, torn tails cut, the bound held, nothing left behind."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.recorder.spool import MAGIC, Segment, Spool, frame_of, left_over, read_frame
from models.message import Message

messages = st.builds(
    Message,
    st.sampled_from(["feed.polymarket", "feed.clock", "telemetry"]),
    st.text(max_size=20),
    st.binary(max_size=300),
    st.integers(0, 2**62),
    st.text(max_size=10),
    st.integers(-1, 2**40),
    st.binary(max_size=60),
)


def message(number: int, size: int = 100) -> Message:
    return Message("feed.coinbase", "c", b"%d:" % number + b"x" * size, number, envelope=b"1 r %d c 0" % number)


def taken(spool: Spool) -> list[tuple[Message, Segment]]:
    found = []
    while (each := spool.take()) is not None:
        found.append(each)
    return found


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


@given(st.lists(messages, max_size=8), st.integers(0, 5000), st.integers(0, 255))
def test_frames_come_back_whole_up_to_the_first_damage(records: list[Message], at: int, other: int) -> None:
    frames = [frame_of(record) for record in records]
    whole = b"".join(frames)
    damaged = bytearray(whole)
    if at < len(damaged):
        damaged[at] = other
    file, back = io.BytesIO(bytes(damaged)), []
    while (found := read_frame(file)) is not None:
        back.append(found[0])
    if bytes(damaged) == whole:
        assert back == records
    else:
        intact = 0
        for frame in frames:
            if at < len(frame):
                break
            at -= len(frame)
            intact += 1
        assert back == records[:intact]


@given(st.lists(messages, min_size=1, max_size=5), st.data())
def test_a_torn_tail_is_no_record(records: list[Message], data: st.DataObject) -> None:
    frames = [frame_of(record) for record in records]
    keep = data.draw(st.integers(0, len(frames[-1]) - 1))
    file, back = io.BytesIO(b"".join(frames[:-1]) + frames[-1][:keep]), []
    while (found := read_frame(file)) is not None:
        back.append(found[0])
    assert back == records[:-1]


@given(st.lists(st.sampled_from(["append", "take", "confirm"]), max_size=120))
def test_a_queue_whatever_the_order_of_the_calls(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    root = tmp_path_factory.mktemp("spool")
    spool = Spool(root / "r1", 1 << 20, segment_bytes=500)
    written = read = 0
    open_ones: list[Segment] = []
    for step in steps:
        if step == "append":
            assert spool.append(message(written)) is not None
            written += 1
        elif step == "take":
            found = spool.take()
            assert (found is None) == (read == written)
            if found is not None:
                assert found[0] == message(read)
                read += 1
                open_ones.append(found[1])
        elif open_ones:
            spool.confirm(open_ones.pop(len(open_ones) // 2))  # in any order
        assert spool.waiting == written - read
        assert spool.size == sum(path.stat().st_size for path in files(root) if path.name != "cluster")
    unconfirmed = written - read + len(open_ones)
    spool.close()
    again = Spool(root / "r2", 1 << 20)
    assert again.adopt(root / "r1") >= unconfirmed if unconfirmed else not files(root)


def test_the_bound_holds_and_the_oldest_stay(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "r1", 2_000, segment_bytes=500)
    fates = [spool.append(message(number)) is not None for number in range(30)]
    stored = fates.index(False)
    assert stored > 5 and not any(fates[stored:])
    assert sum(path.stat().st_size for path in files(tmp_path) if path.name != "cluster") == spool.size <= 2_000
    found = taken(spool)
    assert [record for record, _ in found] == [message(number) for number in range(stored)]
    for _, segment in found:
        spool.confirm(segment)
    assert spool.append(message(99)) is not None  # there is room again


def test_a_full_disk_is_a_full_spool(tmp_path: Path) -> None:
    (tmp_path / "r1").write_text("a file where the folder should be")
    assert Spool(tmp_path / "r1", 1 << 20).append(message(1)) is None


def test_the_next_run_gets_what_was_not_confirmed_and_then_its_own(tmp_path: Path) -> None:
    first = Spool(tmp_path / "r1", 1 << 20, "cluster-a", segment_bytes=300)
    for number in range(10):
        first.append(message(number))
    for _ in range(4):
        found = first.take()
        assert found is not None
        first.confirm(found[1])
    # killed here: nothing is closed, only its lock goes with the process
    assert Spool(tmp_path / "x", 1 << 20).adopt(tmp_path / "r1") == 0  # it still runs
    first.close()
    last = max(path for path in (tmp_path / "r1").glob("*.segment"))
    last.write_bytes(last.read_bytes()[:-1])  # torn

    second = Spool(tmp_path / "r2", 1 << 20, "cluster-a")
    assert [(folder.name, cluster) for folder, cluster in left_over(tmp_path)] == [("r1", "cluster-a")]
    old = second.adopt(tmp_path / "r1")
    assert second.cut > 0
    second.append(message(100))
    back = [record.t_ns for record, segment in taken(second)]
    assert back[-1] == 100 and back[:-1] == list(range(9 - old, 9)) and old >= 5
    assert second.waiting == 0


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    first = Spool(tmp_path / "r1", 1 << 20)
    first.append(message(1))
    first.close()
    second = Spool(tmp_path / "r2", 1 << 20)
    assert second.adopt(tmp_path / "r1") == 1
    second.append(message(2))
    for _, segment in taken(second):
        second.confirm(segment)
    second.close()
    assert list(tmp_path.iterdir()) == [] and list(left_over(tmp_path)) == []


def test_no_spool_no_file(tmp_path: Path) -> None:
    Spool(tmp_path / "r1", 1 << 20).close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_under_way_is_kept_for_the_next_run_only(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "r1", 1 << 20)
    copies = [spool.append(message(number), taken=True) for number in range(3)]
    spool.append(message(3))
    assert [record.t_ns for record, _ in taken(spool)] == [3]
    for segment in copies[:2]:
        assert segment is not None
        spool.confirm(segment)
    spool.close()
    assert Spool(tmp_path / "r2", 1 << 20).adopt(tmp_path / "r1") == 4


def test_a_foreign_file_is_no_segment(tmp_path: Path) -> None:
    (tmp_path / "r1").mkdir()
    (tmp_path / "r1" / "cluster").write_text("c")
    (tmp_path / "r1" / "00000000.segment").write_bytes(b"something else")
    (tmp_path / "r1" / "00000001.segment").write_bytes(MAGIC)
    spool = Spool(tmp_path / "r2", 1 << 20)
    assert spool.adopt(tmp_path / "r1") == 0 and spool.cut == len(b"something else") + len(MAGIC)


def test_a_segment_that_rots_is_reported(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "r1", 1 << 20)
    for number in range(4):
        segment = spool.append(message(number))
    assert segment is not None
    raw = bytearray(segment.path.read_bytes())
    raw[len(MAGIC) + 2 * len(frame_of(message(1))) + 20] ^= 1
    segment.path.write_bytes(bytes(raw))
    assert [record.t_ns for record, _ in taken(spool)] == [0, 1]
    assert spool.waiting == 0 and spool.cut > 0
    spool.append(message(9))
    assert [record.t_ns for record, _ in taken(spool)] == [9]
