"""The archive: nothing lost, nothing twice, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.archive import files, layout
from connectors.archive.columns import frame_of, records_of, row_of
from connectors.archive.layout import ArchiveError
from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import PIECES, ArchiveWriter, TopicWriter
from models.envelope import Envelope
from models.message import Stored

HOUR = layout.HOUR_NS
START = 1_776_323_400 // 3600 * HOUR

binary = st.binary(max_size=40)
envelopes = st.one_of(
    st.just(b""),
    st.binary(min_size=1, max_size=30),
    st.just(b"007 run 1 conn 2"),
    st.builds(
        lambda recv, run, seq, conn, n: Envelope(recv, run, seq, conn, n).encode(),
        st.integers(0, 2**63),
        st.text("abcz-", min_size=1),
        st.integers(0, 2**40),
        st.text("abcz-", min_size=1),
        st.integers(0, 2**40),
    ),
)
records = st.builds(
    Stored,
    st.just("decisions"),
    st.just(0),
    st.integers(0, 2**62),
    st.text(max_size=8),
    binary,
    st.integers(0, 2**62),
    st.text("ab", max_size=3),
    st.integers(-1, 2**40),
    envelopes,
)


def record(offset: int, t_ns: int | None = None, topic: str = "feed.polymarket") -> Stored:
    at = START + offset * 1_000_000 if t_ns is None else t_ns
    envelope = Envelope(at, "run", offset, "c", offset).encode() if topic.startswith("feed.") else b""
    return Stored(topic, 0, offset, f"k{offset % 3}", b"%d" % offset * 5, at, envelope=envelope)


def produced(offset: int, ordinal: int, producer: str = "trading") -> Stored:
    return Stored("decisions", 0, offset, "k", b"%d" % ordinal, START + ordinal, producer, ordinal)


def contents(directory: Path, topic: str = "feed.polymarket", start: int = 0, batch: int = 7) -> list[Stored]:
    return list(ArchiveReader(directory).read(topic, start, batch))


@given(st.lists(records, max_size=20))
def test_a_record_comes_back_byte_for_byte(stored: list[Stored]) -> None:
    expected = [record if record.producer else Stored(*_without_ordinal(record)) for record in stored]

    assert records_of(frame_of([row_of(record) for record in stored]), "decisions") == expected


def _without_ordinal(record: Stored) -> tuple[object, ...]:
    """An ordinal says nothing without its producer."""
    return (record.topic, 0, record.offset, record.key, record.value, record.t_ns, "", -1, record.envelope)


@settings(max_examples=30, deadline=None)
@given(
    offsets=st.lists(st.integers(0, 40), max_size=80),
    flush_every=st.integers(1, 9),
    crash_after=st.integers(0, 80),
    jitter=st.lists(st.integers(-2, 2), min_size=41, max_size=41),
)
def test_offsets_come_once_and_in_order_over_crashes_and_hours(
    tmp_path_factory: pytest.TempPathFactory,
    offsets: list[int],
    flush_every: int,
    crash_after: int,
    jitter: list[int],
) -> None:
    directory = tmp_path_factory.mktemp("archive")
    ordered = sorted(offsets)  # Kafka delivers a partition in order; a restart delivers some again
    made = [record(offset, START + (offset // 8 + jitter[offset]) * HOUR) for offset in ordered]
    writer = ArchiveWriter(directory)
    for index, stored in enumerate(made[:crash_after]):
        writer.append(stored)
        if index % flush_every == 0:
            writer.flush()
    writer.abandon()
    with ArchiveWriter(directory) as again:
        for stored in made:
            again.append(stored)

    expected = {stored.offset: stored for stored in made}
    # what the crash took and what comes again below the last offset on disk is the same record
    assert contents(directory) == [expected[offset] for offset in sorted(expected)]
    folder = layout.topic_folder(directory, "feed.polymarket")
    hours = [piece.hour for piece in layout.pieces_of(folder)]
    assert len(hours) == len(set(hours))


def test_what_a_crashed_flow_emits_again_is_dropped_by_its_ordinal(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path) as writer:
        assert [writer.append(produced(offset, offset)) for offset in range(5)] == [True] * 5
    with ArchiveWriter(tmp_path) as writer:  # ordinals 3 and 4 come again at new offsets
        again = [produced(5, 3), produced(6, 4), produced(7, 5), produced(8, 0, "market")]
        assert [writer.append(stored) for stored in again] == [False, False, True, True]
        assert writer.skipped == 2

    assert [stored.ordinal for stored in contents(tmp_path, "decisions")] == [0, 1, 2, 3, 4, 5, 0]
    assert ArchiveReader(tmp_path).verify() == []
    last = layout.pieces_of(layout.topic_folder(tmp_path, "decisions"))[-1]
    assert files.producers_of(last.path) == {"trading": 5, "market": 0}


def test_a_crash_during_compaction_leaves_no_duplicates(tmp_path: Path) -> None:
    writer = TopicWriter(tmp_path, "feed.polymarket")
    for offset in range(30):
        writer.append(record(offset))
        if offset % 10 == 9:
            writer.flush()
    writer.abandon()
    folder = layout.topic_folder(tmp_path, "feed.polymarket")
    parts = layout.pieces_of(folder)
    left = {piece.path: piece.path.read_bytes() for piece in parts}
    files.merge_pieces(folder, parts)
    for path, data in left.items():
        path.write_bytes(data)
    (parts[0].path.parent / ".0-1.making").write_bytes(b"half a file")

    assert [stored.offset for stored in contents(tmp_path)] == list(range(30))
    TopicWriter(tmp_path, "feed.polymarket").close()
    left = sorted(path.name for path in parts[0].path.parent.iterdir())
    assert left == [f"{0:020d}-{29:020d}.parquet"]


def test_the_files_of_a_long_hour_are_few_and_lose_nothing(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path, ["feed.polymarket"])
    topic = writer.topic("feed.polymarket")
    count = 12 * PIECES + 7  # an hour and some seconds
    for offset in range(count):
        writer.append(record(offset, START + offset * HOUR // count // 2))
        writer.flush()
        assert len(topic._parts) <= 12 + PIECES
    writer.abandon()  # a crash: what was merged is on disk, and what was not too

    assert [stored.offset for stored in contents(tmp_path)] == list(range(count))
    with ArchiveWriter(tmp_path) as again:
        assert not again.append(record(count - 1))
        again.append(record(count))
    assert [stored.offset for stored in contents(tmp_path)] == list(range(count + 1))
    assert len(layout.pieces_of(layout.topic_folder(tmp_path, "feed.polymarket"))) == 1


def test_a_quick_close_writes_all_and_leaves_compaction_to_the_next_writer(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path, ["feed.polymarket", "feed.coinbase"])
    for offset in range(PIECES + 5):
        writer.append(record(offset))
        writer.append(record(offset, topic="feed.coinbase"))
        if offset < PIECES + 4:
            writer.flush()
    writer.close(merge_s=0)
    for topic in ("feed.polymarket", "feed.coinbase"):
        assert [stored.offset for stored in contents(tmp_path, topic)] == list(range(PIECES + 5))
        assert len(layout.pieces_of(layout.topic_folder(tmp_path, topic))) > 1
    with ArchiveWriter(tmp_path, ["feed.polymarket", "feed.coinbase"]):
        pass
    for topic in ("feed.polymarket", "feed.coinbase"):
        assert [stored.offset for stored in contents(tmp_path, topic)] == list(range(PIECES + 5))
        assert len(layout.pieces_of(layout.topic_folder(tmp_path, topic))) == 1


def test_a_reader_survives_compaction_of_its_files(tmp_path: Path) -> None:
    writer = TopicWriter(tmp_path, "feed.polymarket")
    for offset in range(40):
        writer.append(record(offset))
        writer.flush()
    folder = layout.topic_folder(tmp_path, "feed.polymarket")
    reading = ArchiveReader(tmp_path).read("feed.polymarket", batch=1)
    seen = [next(reading).offset for _ in range(5)]
    files.merge_pieces(folder, layout.pieces_of(folder))
    for offset in range(40, 45):
        writer.append(record(offset))
    writer.flush()

    assert seen + [stored.offset for stored in reading] == list(range(45))


def test_reading_starts_anywhere_and_keeps_to_a_time_range(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path) as writer:
        for offset in range(100):
            writer.append(record(offset, START + offset * HOUR // 10))

    assert [stored.offset for stored in contents(tmp_path, start=37)] == list(range(37, 100))
    reader = ArchiveReader(tmp_path)
    ranged = reader.read("feed.polymarket", start_ns=START + 2 * HOUR, end_ns=START + 3 * HOUR)
    assert [stored.offset for stored in ranged] == list(range(20, 30))
    found = reader.contents("feed.polymarket")
    assert (found.records, found.first_offset, found.last_offset, found.first_ns) == (100, 0, 99, START)


@settings(max_examples=25, deadline=None)
@given(keys=st.lists(st.integers(0, 5), max_size=40), flush_every=st.integers(1, 9))
def test_the_latest_of_each_key_is_the_last_that_was_read(
    tmp_path_factory: pytest.TempPathFactory, keys: list[int], flush_every: int
) -> None:
    directory = tmp_path_factory.mktemp("archive")
    with ArchiveWriter(directory) as writer:
        for offset, key in enumerate(keys):
            writer.append(Stored("telemetry", 0, offset, f"k{key}", b"%d" % offset, START + offset * HOUR // 7))
            if offset % flush_every == 0:
                writer.flush()

    latest = {each.key: each for each in contents(directory, "telemetry")}
    assert ArchiveReader(directory).latest("telemetry") == sorted(latest.values(), key=lambda each: each.offset)


def test_verify_names_what_is_missing(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path) as writer:
        for offset in (0, 1, 4):
            writer.append(record(offset))
        for offset, ordinal in ((0, 0), (1, 2)):
            writer.append(produced(offset, ordinal))

    assert ArchiveReader(tmp_path).verify() == [
        "decisions: ordinal 2 of trading where 1 was expected",
        "feed.polymarket: offsets 2 to 3 are missing",
    ]


def test_one_process_writes_a_topic(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path, ["journal"]), pytest.raises(ArchiveError, match="another process writes"):
        ArchiveWriter(tmp_path, ["journal"])


def test_a_path_that_is_no_folder_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no such archive"):
        ArchiveReader(tmp_path / "absent")


def test_the_documented_one_liners_read_it(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path) as writer:
        for offset in range(10):
            writer.append(record(offset))

    pattern = f"{tmp_path}/topic=feed.polymarket/*/*.parquet"
    rows = duckdb.sql(f"SELECT hour, count(*), max(\"offset\") FROM read_parquet('{pattern}') GROUP BY hour").fetchall()
    frame = pl.read_parquet(pattern)
    assert rows == [(layout.hour_of(START), 10, 9)]
    assert frame.columns[:2] == ["offset", "t_ns"] and frame["value"][3] == b"33333"
