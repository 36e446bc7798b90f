"""A partition's log on disk: what is kept, found, cut, and known again."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.broker import errors
from connectors.broker.batches import HEADER_BYTES, Refused, checked, header, is_sound, placed, walk
from connectors.broker.index import Index
from connectors.broker.producers import Producers
from connectors.broker.recovery import recover
from connectors.broker.segment import LogSegment
from connectors.broker.standing import PartitionStanding
from tests.connectors.broker.wired import batch

NOW = 1_790_000_000_000


def filled(folder: Path, sizes: list[int], base: int = 0) -> LogSegment:
    """A segment with a batch of so many records each."""
    folder.mkdir(parents=True, exist_ok=True)
    segment = LogSegment(folder, base)
    for size in sizes:
        raw = batch([b"v" * 50] * size)
        segment.append([placed(raw, checked(raw, 1 << 20), segment.end, 0, NOW + segment.end)])
    return segment


def test_a_placed_batch_has_its_offsets_and_time_and_a_sound_checksum() -> None:
    raw = batch([b"a", b"b"], [5, 9])
    kept, head = placed(raw, checked(raw, 1000), 77, 3, NOW)
    found = header(kept)
    assert found == head and found is not None
    assert (found.base, found.next, found.epoch, found.max_time, found.has_append_time) == (77, 79, 3, NOW, True)
    assert is_sound(kept, 0, found)
    plain, head = placed(raw, checked(raw, 1000), 77, 3, None)
    assert plain[16:] == raw[16:] and is_sound(plain, 0, head)  # what the producer's checksum covers is untouched


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda raw: raw[:-1], errors.CORRUPT_MESSAGE),
        (lambda raw: raw[:30], errors.CORRUPT_MESSAGE),
        (lambda raw: raw[:-1] + b"?", errors.CORRUPT_MESSAGE),
        (lambda raw: raw + raw, errors.INVALID_RECORD),
        (lambda raw: raw[:16] + b"\1" + raw[17:], errors.INVALID_RECORD),
        (lambda raw: b"", errors.CORRUPT_MESSAGE),
        (lambda raw: raw + bytes(2000), errors.MESSAGE_TOO_LARGE),
    ],
    ids=["torn", "torn within the header", "damaged", "two at once", "an old format", "nothing", "too large"],
)
def test_a_batch_that_nobody_could_read_is_refused(spoil: Callable[[bytes], bytes], error: int) -> None:
    with pytest.raises(Refused) as refused:
        checked(spoil(batch([b"value"])), 1_000)
    assert refused.value.error == error


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.data())
@settings(max_examples=40)
def test_reading_gives_whole_batches_from_the_one_of_the_offset(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    segment = filled(tmp_path_factory.mktemp("log"), sizes)
    offset = data.draw(st.integers(0, segment.end - 1))
    end = data.draw(st.integers(offset + 1, segment.end))
    limit = data.draw(st.integers(0, 4_000))
    found = list(walk(segment.batches_from(offset, end, limit, whole=True)))
    batches = [each for _, each in walk(segment.read(0, segment.size))]
    wanted = [each for each in batches if each.next > offset and each.base < end]
    kept, room = [], limit
    for each in wanted:
        if kept and each.size > room:
            break
        kept.append(each)
        room -= each.size
    assert [each for _, each in found] == kept


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
@settings(max_examples=60)
def test_a_log_that_ends_anywhere_is_cut_to_its_last_whole_batch(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("log")
    segment = filled(folder, sizes)
    ends = [(at + each.size, each.next) for at, each in walk(segment.read(0, segment.size))]
    size = data.draw(st.integers(0, segment.size))
    with segment.path.open("r+b") as file:
        file.truncate(size)
    recovered = recover(folder, was_closed=False)
    at, end = max([pair for pair in ends if pair[0] <= size], default=(0, 0))
    assert (recovered.segments[-1].size, recovered.segments[-1].end) == (at, end)
    assert bool(recovered.told) == (at != size)
    assert recovered.standing.epoch == (1 if end or recovered.told else 0)  # whether more was there nobody knows
    again = recover(folder, was_closed=True)
    assert (again.segments[-1].end, again.told) == (end, [])


def test_damage_in_the_middle_moves_the_rest_aside(tmp_path: Path) -> None:
    segment = filled(tmp_path, [2, 2, 2])
    size = segment.size // 3
    raw = bytearray(segment.path.read_bytes())
    raw[size + HEADER_BYTES] ^= 1
    segment.path.write_bytes(raw)
    recovered = recover(tmp_path, was_closed=True)
    assert recovered.segments[-1].end == 2
    assert "moved aside" in recovered.told[0]
    (kept,) = (tmp_path / "aside").iterdir()
    assert kept.read_bytes() == raw[size:]
    assert recovered.standing.epochs == ((0, 0), (1, 2))


def test_what_follows_a_lost_segment_is_moved_aside(tmp_path: Path) -> None:
    for base in (0, 4, 8):
        filled(tmp_path, [4], base)
    (tmp_path / f"{4:020d}.log").unlink()
    recovered = recover(tmp_path, was_closed=True)
    assert [segment.base for segment in recovered.segments] == [0]
    assert len(list((tmp_path / "aside").glob("*/*.log"))) == 1
    assert recovered.standing.epoch == 1


def test_a_saved_index_is_the_one_that_reading_gives(tmp_path: Path) -> None:
    segment = filled(tmp_path, [3] * 200)
    segment.index.save(segment.index_path, segment.size, segment.end)
    found = Index.load(segment.index_path, segment.size)
    assert found is not None and found[1] == segment.end
    for offset in range(segment.end):
        assert found[0].position(offset) == segment.index.position(offset)
        assert found[0].position_of_time(NOW + offset) == segment.index.position_of_time(NOW + offset)
    assert Index.load(segment.index_path, segment.size + 1) is None
    raw = segment.index_path.read_bytes()
    segment.index_path.write_bytes(raw[:50] + b"?" + raw[51:])
    assert Index.load(segment.index_path, segment.size) is None


# -- producers


def sent(producers: Producers, sequence: int, records: int, base: int, epoch: int = 0) -> int | None:
    """As the log does it: the base offset of a duplicate, None for what was new."""
    raw = batch([b"x"] * records, producer=(9, epoch, sequence))
    head = checked(raw, 1 << 20)
    found = producers.duplicate_of(head)
    if found is None:
        producers.record(placed(raw, head, base, 0, NOW)[1])
    return found


def test_duplicates_have_the_offset_of_the_first_and_gaps_are_refused() -> None:
    producers = Producers()
    assert sent(producers, 0, 3, 100) is None
    assert sent(producers, 3, 2, 103) is None
    assert sent(producers, 0, 3, 999) == 100
    assert sent(producers, 3, 2, 999) == 103
    with pytest.raises(Refused) as refused:
        sent(producers, 6, 1, 105)
    assert refused.value.error == errors.OUT_OF_ORDER_SEQUENCE
    assert sent(producers, 5, 1, 105) is None
    assert sent(producers, 0, 1, 106, epoch=1) is None  # a new epoch begins anew
    with pytest.raises(Refused) as refused:
        sent(producers, 6, 1, 107, epoch=0)
    assert refused.value.error == errors.INVALID_PRODUCER_EPOCH


def test_sequences_wrap() -> None:
    producers = Producers()
    last = (1 << 31) - 1
    assert sent(producers, last - 1, 2, 0) is None
    assert sent(producers, 0, 1, 2) is None
    assert sent(producers, last - 1, 2, 9) == 0


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20))
def test_saved_producer_state_is_the_current_one(records: list[int]) -> None:
    producers, sequence = Producers(), 0
    for size in records:
        sent(producers, sequence, size, sequence)
        sequence += size
    again = Producers.decode(producers.encode())
    assert again.encode() == producers.encode()
    assert sent(again, sequence - records[-1], records[-1], 0) == sequence - records[-1]
    assert sent(again, sequence, 1, sequence) is None


def test_a_producer_is_forgotten_after_a_day() -> None:
    producers = Producers()
    sent(producers, 0, 1, 0)
    producers.forget(NOW + 24 * 3_600_000)
    assert len(producers) == 1
    producers.forget(NOW + 24 * 3_600_001)
    assert len(producers) == 0


# -- epochs


def test_the_end_of_an_epoch_is_where_the_next_one_began(tmp_path: Path) -> None:
    standing = PartitionStanding().after_a_loss(10).after_a_loss(20)
    assert standing.epochs == ((0, 0), (1, 10), (2, 20))
    assert standing.end_of(0, 30) == (0, 10)
    assert standing.end_of(1, 30) == (1, 20)
    assert standing.end_of(2, 30) == (2, 30)
    assert standing.end_of(3, 30) == (-1, -1)
    assert standing.after_a_loss(5).epochs == ((0, 0), (3, 5))  # nothing of the others is left
    standing.save(tmp_path)
    assert PartitionStanding.load(tmp_path) == standing


def test_random_damage_never_stops_a_start(tmp_path: Path) -> None:
    chance = random.Random(4)
    for number in range(60):
        folder = tmp_path / str(number)
        segment = filled(folder, [chance.randint(1, 5) for _ in range(8)])
        raw = bytearray(segment.path.read_bytes())
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(raw))
            raw[at : at + 4] = struct.pack(">i", chance.choice((-1, 0, 1 << 30, chance.randrange(1 << 16))))
        segment.path.write_bytes(raw)
        recovered = recover(folder, was_closed=False)
        head = recovered.segments[-1]
        assert [each.base for _, each in walk(head.read(0, head.size))][:1] in ([], [0])
