"""Kafka goes away under the whole system: the recorder spools, the flows end or wait and come back by themselves.

After a clean end every feed record stands in the archive exactly once, the journal has no gap, and a replay of the
archive gives the same bytes. The short form has a proxy before the embedded broker; the long one kills an Apache Kafka
with -9 and leaves it away for a minute.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.archive.reader import ArchiveReader
from connectors.kafka.admin import cluster_answers
from models.envelope import decode_envelope
from models.journal import decode_event
from models.settings import Kafka
from models.topics import DECISIONS, FEEDS, JOURNAL, SCANS
from tests.conftest import ROOT
from tests.integration.proxy import Proxy
from tests.integration.test_kafka_outage import AWAY_S, ApacheBroker, apache, proxied
from tests.integration.test_up import Up, journal_end, ups
from tests.waiting import eventually

__all__ = ["apache", "proxied", "ups"]  # fixtures

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LOAD = {"PROFIT_SIMULATOR_SPEED": "4", "PROFIT_SIMULATOR_FRAMES_PER_S": "50", "PROFIT_FEEDS_HORIZONS": '["5m"]'}


def outage(up: Up, away: Callable[[], None], back: Callable[[], None], seconds: float) -> None:
    """The system works, loses Kafka for ``seconds``, has it again, works on, and ends in order."""
    eventually(lambda: journal_end(up) > 3_000, 180, "a system at work")
    away()
    gone = time.monotonic()
    while time.monotonic() - gone < seconds:
        time.sleep(0.5)
        assert up.process.poll() is None, up.text()
    back()
    eventually(lambda: cluster_answers(Kafka(), up.kafka(), 2.0), 180, "the broker")
    found = journal_end(up)
    eventually(lambda: journal_end(up) > found + 3_000, 300, f"the flows at work again\n{up.text()}")
    spool = up.run.parent.parent / "spool"
    eventually(lambda: not list(spool.glob("*/*.segment")), 300, "an empty spool")
    eventually(lambda: archived(up) >= found, 300, f"the archive at work again\n{up.text()}")
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(300) == 0, up.text()


def archived(up: Up) -> int:
    """Offset of the last journal event in the archive."""
    return ArchiveReader(up.run / "archive").last_offset(JOURNAL)


def whole(up: Up) -> dict[str, int]:
    """What the archive must hold after such a run; numbers for the log."""
    archive = ArchiveReader(up.run / "archive")
    assert archive.verify() == []
    seqs: Counter[tuple[str, int]] = Counter()
    for topic in FEEDS:
        for batch in archive.batches(topic, 0, 10_000):
            for record in batch:
                envelope = decode_envelope(record.envelope)
                seqs[envelope.run, envelope.seq] += 1
    runs = {run for run, _ in seqs}
    for run in runs:
        mine = sorted(seq for each, seq in seqs if each == run)
        assert mine == list(range(len(mine))), run
    assert set(seqs.values()) == {1}
    known: set[int] = set()
    lost = 0
    for batch in archive.batches(JOURNAL, 0, 10_000):
        for record in batch:
            event = decode_event(record.value)
            known.add(event.seq)
            lost += getattr(event, "what", "") == "lost"
    assert known == set(range(len(known))) and lost == 0
    scans = sum(1 for batch in archive.batches(SCANS, 0, 10_000) for _ in batch)
    decisions = sum(1 for batch in archive.batches(DECISIONS, 0, 10_000) for _ in batch)
    return {"records": len(seqs), "runs": len(runs), "journal": len(known), "scans": scans, "decisions": decisions}


def replays_the_same(up: Up) -> None:
    command = [sys.executable, "-m", "api.cli.main", "replay", str(up.run / "archive"), "--verify"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical" in done.stdout + done.stderr


def restarts(up: Up) -> Counter[str]:
    return Counter(re.findall(r"^\S+ (\w+) (?:ended with code|was killed)", up.text(), re.MULTILINE))


@pytest.mark.takes(90)
def test_some_seconds_without_the_embedded_broker(proxied: tuple[Proxy, str], tmp_path: Path, ups: list[Up]) -> None:
    proxy, address = proxied
    up = Up(tmp_path, "--feeds", "sim", "--kafka", address, **LOAD)
    ups.append(up)
    outage(up, proxy.cut, proxy.open, 8)
    reported = restarts(up)
    print(f"\n{whole(up)}, restarts {dict(reported)}")
    replays_the_same(up)


@pytest.mark.takes(180)
def test_a_minute_without_apache_kafka(apache: ApacheBroker, tmp_path: Path, ups: list[Up]) -> None:
    up = Up(tmp_path, "--feeds", "sim", "--kafka", apache.bootstrap, **LOAD)
    ups.append(up)
    outage(up, apache.kill, apache.start, AWAY_S)
    reported = restarts(up)
    assert "recorder" not in reported and "simulator" not in reported, up.text()
    print(f"\n{whole(up)}, restarts {dict(reported)}")
    replays_the_same(up)
