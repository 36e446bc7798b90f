"""The archive's Bytewax source and sink: exactly once over kill -9, in the one order of the feeds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import init_db_dir
from bytewax.testing import TestingSink, TestingSource, run_main

from connectors.archive.layout import ArchiveError, high_water_marks
from connectors.archive.reader import ArchiveReader
from connectors.archive.sink import output
from connectors.archive.source import ArchiveFeedSource, ArchiveSource
from connectors.archive.writer import ArchiveWriter
from models.envelope import Envelope
from models.markers import Tick, encode_own
from models.message import Lost, Message, Stored
from models.topics import CONTROL, FEED_CLOCK, FEEDS
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
RECORDS = 12_000
START = 1_776_323_400_000_000_000


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Feed topics whose one order is 0, 1, 2, …; each fourth record is a tick, each 1,000th follows a command."""
    directory = tmp_path_factory.mktemp("feeds")
    offsets = dict.fromkeys((*FEEDS, CONTROL), 0)
    with ArchiveWriter(directory) as writer:

        def put(topic: str, value: bytes, at: int, envelope: bytes) -> None:
            writer.append(Stored(topic, 0, offsets[topic], "k", value, at, envelope=envelope))
            offsets[topic] += 1

        for seq in range(RECORDS):
            at = START + seq * 10_000_000
            topic = FEEDS[seq * 7 % 3] if seq % 4 else FEED_CLOCK
            value = b"%d" % seq
            if topic == FEED_CLOCK:
                if seq % 1000 == 0:
                    put(CONTROL, b"before %d" % seq, at, b"")
                value = encode_own(Tick(seq // 4, at, {CONTROL: offsets[CONTROL]}))
            put(topic, value, at, Envelope(at, "run", seq, topic, seq).encode())
    return directory


def run(flow: Dataflow) -> None:
    run_main(flow)


def collect(source: ArchiveSource | ArchiveFeedSource) -> list[Stored | Lost]:
    out: list[Stored | Lost] = []
    flow = Dataflow("collect")
    op.output("out", op.input("in", flow, source), TestingSink(out))  # type: ignore[arg-type]
    run(flow)
    return out


@pytest.mark.parametrize("batch_size", [1, 100, 10_000])
def test_feeds_come_in_their_one_order_whatever_the_batch(feeds: Path, batch_size: int) -> None:
    out = collect(ArchiveFeedSource(feeds, batch_size))

    seen = [item for item in out if isinstance(item, Stored)]
    assert len(seen) == len(out) == RECORDS + RECORDS // 1000
    order = [int(item.envelope.split()[2]) for item in seen if item.envelope]
    assert order == list(range(RECORDS))
    for index, item in enumerate(seen):
        if item.topic == CONTROL:
            assert seen[index + 1].envelope.split()[2] == item.value.split()[1]


def test_one_topic_comes_whole(feeds: Path) -> None:
    out = collect(ArchiveSource(feeds, FEED_CLOCK, 333))

    assert [item.offset for item in out if isinstance(item, Stored)] == list(range(RECORDS // 4))


@pytest.mark.takes(12)
def test_a_run_killed_at_random_moments_gives_the_same_archive(feeds: Path, tmp_path: Path) -> None:
    def start(target: Path, recovery: Path) -> subprocess.Popen[bytes]:
        recovery.mkdir(exist_ok=True)
        if not any(recovery.iterdir()):
            init_db_dir(recovery, 1)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        arguments = [sys.executable, str(Path(__file__).with_name("copy_flow.py")), feeds, target, recovery]
        return subprocess.Popen([str(word) for word in arguments], env=environment, cwd=tmp_path)

    assert start(tmp_path / "straight", tmp_path / "recovery").wait(180) == 0
    chance = random.Random(5)

    def reached() -> int:
        return high_water_marks(tmp_path / "killed").get("journal", -1)

    def wait_for_progress(process: subprocess.Popen[bytes], before: int) -> None:
        eventually(lambda: process.poll() is not None or reached() > before, 120)

    interrupted: set[int] = set()
    process = start(tmp_path / "killed", tmp_path / "recovery_killed")
    while process.poll() is None and len(interrupted) < 6:
        wait_for_progress(process, reached())
        time.sleep(chance.uniform(0, 0.1))  # the moment of the kill, not a synchronisation
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            interrupted.add(reached())
            process = start(tmp_path / "killed", tmp_path / "recovery_killed")
    assert process.wait(180) == 0
    assert len(interrupted) >= 3, "too few kills hit a run that was writing"

    straight = list(ArchiveReader(tmp_path / "straight").read("journal"))
    assert len(straight) == RECORDS + RECORDS // 1000
    assert list(ArchiveReader(tmp_path / "killed").read("journal")) == straight
    assert ArchiveReader(tmp_path / "killed").verify() == []


def into(target: Path, messages: list[Message]) -> None:
    flow = Dataflow("into")
    output("archive", op.input("in", flow, TestingSource(messages, 10)), target)
    run(flow)


def test_topics_go_to_their_own_folders_and_duplicates_are_ignored(tmp_path: Path) -> None:
    messages = [
        Message(topic, "k", b"%d" % ordinal, START, "trading", ordinal)
        for ordinal in range(50)
        for topic in ("orders", "fills", "decisions")
    ]
    into(tmp_path, messages)
    into(tmp_path, messages)

    reader = ArchiveReader(tmp_path)
    assert reader.counts() == {"decisions": 50, "fills": 50, "orders": 50}
    assert [stored.value for stored in reader.read("fills")] == [b"%d" % ordinal for ordinal in range(50)]


@pytest.mark.parametrize(("producer", "ordinal", "words"), [("", 0, "without producer"), ("trading", 3, "follows -1")])
def test_what_cannot_be_written_exactly_once_is_refused(
    tmp_path: Path, producer: str, ordinal: int, words: str
) -> None:
    with pytest.raises(ArchiveError, match=words):
        into(tmp_path, [Message("orders", "k", b"", START, producer, ordinal)])
