"""The audit flow on Kafka: every record archived once, rows visible within five seconds, over kills and readers."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from connectors.archive.reader import ArchiveReader
from connectors.kafka.admin import create_topics
from connectors.kafka.sink import Writer
from models.contracts import Quality
from models.envelope import Envelope
from models.message import Message
from models.reasons import Reason
from models.settings import Kafka
from models.topics import CATALOGUE, FEED_POLYMARKET, QUALITY
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
#: How long a reader holds the database. Rows that waited for it would be as old; how old they are else, the machine's
#: load says (5 s at most on one that is not busy).
HOLD_S = 30.0

pytestmark = pytest.mark.integration


def quality(number: int) -> Message:
    row = Quality(
        id=f"q{number}",
        window_start=number,
        window_end=time.time_ns(),
        feed=FEED_POLYMARKET,
        market="m",
        reason=Reason.CROSSED_BOOK,
        count=1,
    )
    return Message(QUALITY, "m", row.canonical(), number * 10**6, "quality", number)


def frame(number: int) -> Message:
    envelope = Envelope(number * 10**6, "run", number, "c", number)
    return Message(FEED_POLYMARKET, "c", b"[%d]" % number, number * 10**6, envelope=envelope.encode())


class Feeder(threading.Thread):
    """Writes numbered rows and frames, about 200 a second, until it is stopped."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        self._writer = Writer(Kafka(), bootstrap)
        self._end = threading.Event()
        self.written = 0

    def run(self) -> None:
        while not self._end.wait(0.05):
            for _ in range(10):
                self._writer.write(quality(self.written))
                self._writer.write(frame(self.written))
                self.written += 1
            self._writer.flush()

    def stop(self) -> int:
        self._end.set()
        self.join()
        return self.written


@pytest.fixture
def cluster(clean_kafka: str) -> str:
    create_topics(Kafka(), clean_kafka, CATALOGUE)
    return clean_kafka


@pytest.fixture
def start(cluster: str, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        program = Path(__file__).with_name("audit_program.py")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen([sys.executable, str(program), cluster, str(tmp_path)], env=environment))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def rows(path: Path, text: str = "SELECT count(*), coalesce(max(window_end), 0) FROM quality") -> tuple[int, int]:
    if not path.exists():
        return 0, 0
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(text).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


#: Keeps the database open for so long, then reads it.
HOLDER = """
import sys, time, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    before = connection.execute("SELECT count(*) FROM quality").fetchall()
    time.sleep(float(sys.argv[2]))
    assert connection.execute("SELECT count(*) FROM quality").fetchall() == before
"""


@pytest.mark.takes(50)
def test_rows_are_fresh_and_whole_while_readers_hold_and_the_flow_is_killed(
    cluster: str, tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    path = tmp_path / "audit.duckdb"
    flow = start()
    eventually(path.exists, 120, "a database")
    feeder = Feeder(cluster)
    feeder.start()
    eventually(lambda: rows(path)[0] > 0, 120, "the first rows")

    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path), str(HOLD_S)])
    oldest = 0.0
    while holder.poll() is None:
        oldest = max(oldest, (time.time_ns() - rows(path)[1]) / 1e9)
        time.sleep(0.2)
    assert holder.returncode == 0
    assert oldest < HOLD_S / 2, f"rows were up to {oldest:.1f} s old"

    chance = random.Random(2)
    for _ in range(2):
        before = rows(path)[0]
        eventually(lambda before=before: rows(path)[0] > before + 50, 120, "rows after a start")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.5))  # the moment of the kill, not a synchronisation
        flow.send_signal(signal.SIGKILL)
        flow.wait()
        flow = start()

    written = feeder.stop()
    eventually(lambda: rows(path)[0] >= written, 120, f"all {written} rows")
    flow.send_signal(signal.SIGTERM)
    assert flow.wait(90) == 0

    assert rows(path, "SELECT count(*), count(DISTINCT id) FROM quality") == (written, written)
    reader = ArchiveReader(tmp_path / "archive")
    assert reader.verify() == []
    assert [stored.value for stored in reader.read(FEED_POLYMARKET)] == [frame(n).value for n in range(written)]
    assert [stored.envelope for stored in reader.read(FEED_POLYMARKET)] == [frame(n).envelope for n in range(written)]
    assert reader.count(QUALITY) == written


def test_a_lost_database_is_made_again_from_the_archive(
    cluster: str, tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    path = tmp_path / "audit.duckdb"
    writer = Writer(Kafka(), cluster)
    for number in range(100):
        writer.write(quality(number))
    writer.flush()
    flow = start()
    eventually(lambda: rows(path)[0] == 100, 120, "the rows")
    flow.send_signal(signal.SIGTERM)
    assert flow.wait(90) == 0

    for file in tmp_path.glob("*audit*"):
        file.unlink()
    for number in range(100, 110):
        writer.write(quality(number))
    writer.flush()
    flow = start()
    eventually(lambda: rows(path)[0] == 110, 120, "the rows of the archive and the new ones")
    flow.send_signal(signal.SIGTERM)
    assert flow.wait(90) == 0
