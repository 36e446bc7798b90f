"""`profit up` as a user runs it: real processes, a real end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from connectors.kafka.admin import create_topics
from connectors.kafka.reader import Reader
from models import topics
from models.envelope import Envelope
from models.journal import Feed, decode_event
from models.markers import Marker, decode_own, encode_own
from models.message import Stored
from models.settings import Kafka
from tests.conftest import ROOT
from tests.waiting import eventually

pytestmark = pytest.mark.integration


class Up:
    """A running `profit up`, and its descendants."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.log = folder / "up.log"
        self.run = folder / "runs" / "test"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli.main", "up", "--run", "test", *words],
                stderr=log,
                stdout=log,
                cwd=ROOT,
                env=os.environ | {"PROFIT_DATA_DIR": str(folder), "PROFIT_API_PORT": "0"} | environment,
                start_new_session=True,
            )

    def text(self) -> str:
        return self.log.read_text()

    def descendants(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kafka(self) -> str:
        return str(json.loads((self.run / "run.json").read_text())["kafka"])


@pytest.fixture
def ups() -> Iterator[list[Up]]:
    started: list[Up] = []
    yield started
    for up in started:
        left = up.descendants()
        if up.process.poll() is None:
            up.process.kill()
        up.process.wait()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def child_of(up: Up, word: str) -> psutil.Process | None:
    """The descendant that was started with ``word``. Those that a child needs for a moment may be gone when asked."""
    for process in up.descendants():
        with contextlib.suppress(psutil.NoSuchProcess):
            if word in process.cmdline():
                return process
    return None


def recorder_of(up: Up) -> psutil.Process | None:
    return child_of(up, "record")


def frames_are_recorded(up: Up) -> bool:
    if not (up.run / "run.json").is_file():
        return False
    reader = Reader(Kafka(), up.kafka(), [topics.FEED_COINBASE])
    try:
        return reader.watermarks(topics.FEED_COINBASE)[1] > 50
    finally:
        reader.close()


def alive(processes: list[psutil.Process]) -> list[str]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()[:6]))
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_end_leaves_no_process_and_no_record_behind(tmp_path: Path, ups: list[Up], how: signal.Signals) -> None:
    up = Up(tmp_path, "--feeds", "sim")
    ups.append(up)
    eventually(lambda: frames_are_recorded(up), 120, "recorded frames")
    family = up.descendants()
    assert len(family) >= 4  # broker, simulator, recorder, a flow at least
    up.process.send_signal(how)
    assert up.process.wait(300) == 0, up.text()
    assert alive(family) == []
    assert "killed" not in up.text()
    assert f"ended by {'Ctrl-C' if how == signal.SIGINT else how.name}" in up.text()
    assert shortfalls_of(up.run) == []


def shortfalls_of(run: Path) -> list[str]:
    """What the archive lacks, by its own end markers: each feed topic ends with one, and the journal has the last."""
    reader = ArchiveReader(run / "archive")
    lacking = []
    for topic in topics.FEEDS:
        last = list(reader.read(topic, reader.last_offset(topic)))[-1]
        own = decode_own(last.value)
        if not (isinstance(own, Marker) and own.marker == "end"):
            lacking.append(topic)
    events = [decode_event(record.value) for record in reader.read(topics.JOURNAL, reader.last_offset(topics.JOURNAL))]
    last_event = events[-1]
    return lacking if isinstance(last_event, Feed) and last_event.what == "end of run" else [*lacking, topics.JOURNAL]


def test_kill_9_leaves_nothing(tmp_path: Path, ups: list[Up]) -> None:
    up = Up(tmp_path, "--feeds", "sim")
    ups.append(up)
    eventually(lambda: frames_are_recorded(up), 120, "recorded frames")
    family = up.descendants()
    up.process.kill()
    up.process.wait()
    eventually(lambda: alive(family) == [], 60, "end of all descendants")


def test_a_killed_recorder_is_started_again(tmp_path: Path, ups: list[Up]) -> None:
    up = Up(tmp_path, "--feeds", "sim")
    ups.append(up)
    eventually(lambda: frames_are_recorded(up), 120, "recorded frames")
    first = recorder_of(up)
    assert first is not None
    first.kill()
    eventually(lambda: (again := recorder_of(up)) is not None and again.pid != first.pid, 90, "a new recorder")
    assert "recorder was killed by signal 9" in up.text()


def test_with_a_free_port_the_run_says_where_its_page_is(tmp_path: Path, ups: list[Up]) -> None:
    up = Up(tmp_path, "--feeds", "sim")
    ups.append(up)
    eventually(lambda: (up.run / "api.json").is_file(), 120, "the page's server")
    page = json.loads((up.run / "run.json").read_text())["page"]
    assert f"page        {page}\n" in up.text()
    assert httpx.get(page, timeout=60).status_code == 200


def test_a_duration_ends_the_run(tmp_path: Path, ups: list[Up]) -> None:
    up = Up(tmp_path, "--feeds", "sim", "--duration", "1")
    ups.append(up)
    assert up.process.wait(90) == 0, up.text()
    assert "the duration is over" in up.text()
    assert "to stop" in up.text()


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        (["--feeds", "nonsense"], {}, "neither sim nor live"),
        (["--run", "../up"], {}, "is no name for a folder"),
        (["--feeds", "sim"], {"PROFIT_BROKER_DISK_BUDGET_MIB": "1"}, "disk_budget_mib"),
    ],
)
def test_wrong_usage_has_a_cause_and_no_traceback(
    tmp_path: Path, ups: list[Up], words: list[str], environment: dict[str, str], expected: str
) -> None:
    up = Up(tmp_path, *words, **environment)
    ups.append(up)
    assert up.process.wait(90) == 1
    assert expected in up.text()
    assert "Traceback" not in up.text()


def test_a_run_on_a_cluster_goes_on_where_it_was(tmp_path: Path, ups: list[Up], clean_kafka: str) -> None:
    """The second `profit up` of a run finds its state and the cluster's topics, and reads on."""
    ends: list[int] = []
    for _ in range(2):
        up = Up(tmp_path, "--feeds", "sim", "--kafka", clean_kafka)
        ups.append(up)
        before = ends[-1] if ends else 0
        eventually(lambda up=up, before=before: journal_end(up) > before + 50, 120, "journal events")
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(300) == 0, up.text()
        assert "started again" not in up.text()  # none died by itself
        ends.append(journal_end(up))
    reader = ArchiveReader(up.run / "archive")
    assert reader.verify() == []
    assert reader.last_offset(topics.JOURNAL) + 1 >= ends[-1]  # to the last record


def journal_end(up: Up) -> int:
    if not (up.run / "run.json").is_file():
        return 0
    reader = Reader(Kafka(), up.kafka(), [topics.JOURNAL])
    try:
        return reader.watermarks(topics.JOURNAL)[1]
    finally:
        reader.close()


def small_archive(folder: Path, frames: int) -> list[Stored]:
    writer = ArchiveWriter(folder)
    records: list[Stored] = []
    offsets = dict.fromkeys(topics.FEEDS, 0)

    def add(topic: str, value: bytes) -> None:
        seq = len(records)
        envelope = Envelope(1_790_000_000_000_000_000 + seq * 1_000_000, "r0", seq, "c", seq)
        records.append(Stored(topic, 0, offsets[topic], "c", value, envelope.recv_ns, envelope=envelope.encode()))
        offsets[topic] += 1
        writer.append(records[-1])

    for topic in topics.FEEDS:
        add(topic, encode_own(Marker("start", "r0", "sim")))
    for number in range(frames):
        add(topics.FEEDS[number % 3], b"%d" % number)
    for topic in topics.FEEDS:
        add(topic, encode_own(Marker("end", "r0", "sim")))
    writer.close()
    return records


def test_an_archive_is_played_as_it_was_recorded(tmp_path: Path, clean_kafka: str) -> None:
    records = small_archive(tmp_path / "archive", 3_000)
    create_topics(Kafka(), clean_kafka)
    command = [sys.executable, "-m", "api.cli.main", "play", str(tmp_path / "archive")]
    command += ["--kafka", clean_kafka, "--speed", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    reader = Reader(Kafka(), clean_kafka, list(topics.FEEDS))
    reader.start(dict.fromkeys(topics.FEEDS, 0))
    found: list[Stored] = []
    eventually(lambda: found.extend(reader.read(1_000, 0.05)) or len(found) >= len(records))
    reader.close()
    key = lambda stored: (stored.topic, stored.offset)  # noqa: E731
    assert sorted(found, key=key) == sorted(records, key=key)
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert again.returncode == 1
    assert "already holds records" in again.stderr


def test_asked_twice_it_ends_at_once_and_says_what_was_cut(tmp_path: Path, ups: list[Up]) -> None:
    """With records in the topics that nobody archives: the audit flow stands still."""
    up = Up(tmp_path, "--feeds", "sim")
    ups.append(up)
    eventually(lambda: frames_are_recorded(up), 120, "recorded frames")
    audit = child_of(up, "audit")
    assert audit is not None
    audit.suspend()
    at = feed_records(up)
    eventually(lambda: feed_records(up) > at + 200, 120, "more records, which are not archived")
    family = up.descendants()
    up.process.send_signal(signal.SIGINT)
    eventually(lambda: "waiting for audit" in up.text(), 300, "it waits for the audit flow")
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(120) == 1, up.text()
    assert alive(family) == []
    said = re.search(r"([\d,]+) records did not come into the archive", up.text())
    assert said is not None, up.text()
    assert int(said[1].replace(",", "")) > 200
    assert "audit was killed" in up.text()
    assert "Traceback" not in up.text()


def feed_records(up: Up) -> int:
    reader = Reader(Kafka(), up.kafka(), list(topics.FEEDS))
    try:
        return sum(reader.watermarks(topic)[1] for topic in topics.FEEDS)
    finally:
        reader.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9 of everything", "an end in order"])
def test_a_run_on_the_embedded_broker_goes_on_where_it_was(tmp_path: Path, ups: list[Up], how: signal.Signals) -> None:
    """The second `profit up` of a run finds the broker's data and the flows' state, and reads on."""
    first = Up(tmp_path, "--feeds", "sim")
    ups.append(first)
    eventually(lambda: journal_end(first) > 200, 120, "journal events")
    family = [psutil.Process(first.process.pid), *first.descendants()]
    for process in family if how == signal.SIGKILL else family[:1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)
    first.process.wait(300)
    eventually(lambda: alive(family) == [], 60, "end of all")
    (first.run / "run.json").unlink()
    second = Up(tmp_path, "--feeds", "sim")
    ups.append(second)
    eventually(lambda: journal_end(second) > 0, 120, "the journal")
    before = journal_end(second)
    assert before >= 200  # it is there from the beginning
    eventually(lambda: journal_end(second) > before + 200, 120, f"more of it\n{second.text()}")
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(300) == 0, second.text()
    assert "started again" not in second.text()  # none died by itself
    reader = ArchiveReader(second.run / "archive")
    assert reader.verify() == []
    assert reader.last_offset(topics.JOURNAL) >= before + 200
    # What a flow wrote twice bears the same number, and readers pass over it: none is missing, from the beginning on.
    numbers: dict[str, set[int]] = {}
    for record in reader.read(topics.JOURNAL):
        numbers.setdefault(record.producer, set()).add(record.ordinal)
    assert [sorted(each) for each in numbers.values()] == [list(range(len(each))) for each in numbers.values()]


def test_a_broker_that_was_killed_is_started_again_on_its_data(tmp_path: Path, ups: list[Up]) -> None:
    up = Up(tmp_path, "--feeds", "sim")
    ups.append(up)
    eventually(lambda: journal_end(up) > 50, 120, "journal events")
    before = journal_end(up)
    broker = next(process for process in up.descendants() if "connectors.broker" in process.cmdline())
    broker.kill()
    eventually(lambda: "the embedded broker has ended and is started again" in up.text(), 60, "its word")
    eventually(lambda: journal_end(up) > before + 100, 180, f"more journal events\n{up.text()}")
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(300) == 0, up.text()
    assert ArchiveReader(up.run / "archive").verify() == []
