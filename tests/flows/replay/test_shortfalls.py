"""A run that was cut off says so, and which of its parts is behind; a whole one says nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from connectors.simulator.exchange import ExchangeParameters
from flows.market_line.line import MarketLine
from flows.replay.shortfalls import shortfalls
from models.bounds import bounds_of
from models.contracts import ModuleTelemetry, Telemetry
from models.journal import decode_event
from models.message import Message, Stored
from models.settings import Checks
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEEDS, JOURNAL, TELEMETRY
from tests.recordings import records_of, simulate


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a whole run: feeds, their journal, and the portfolio's pulse at its end."""
    archive = simulate(tmp_path_factory.mktemp("whole") / "archive", 20, ExchangeParameters(frames_per_s=5.0))
    line, last = MarketLine(bounds_of(Checks()), "main"), 0
    with ArchiveWriter(archive, [JOURNAL, TELEMETRY]) as writer:
        for record in records_of(archive):
            for out in line.advance(record):
                if isinstance(out, Message) and out.topic == JOURNAL:
                    writer.append_message(out)
                    last = decode_event(out.value).t
        writer.append(pulse(0, last))
    return archive


def pulse(offset: int, t: int) -> Stored:
    row = Telemetry("p", t, "trading", SECOND, [ModuleTelemetry("portfolio", "running", {}, "", {})], [], [])
    return Stored(TELEMETRY, 0, offset, "trading", row.canonical(), t)


def without(archive: Path, target: Path, topics: tuple[str, ...], last: int) -> Path:
    """A copy that lacks the last ``last`` records of ``topics``."""
    for topic in ArchiveReader(archive).topics():
        records = list(ArchiveReader(archive).read(topic))
        with ArchiveWriter(target, [topic]) as writer:
            for record in records[: len(records) - last] if topic in topics else records:
                writer.append(record)
    return target


def test_a_whole_run_lacks_nothing(run: Path, tmp_path: Path) -> None:
    assert shortfalls(run) == []
    assert shortfalls(without(run, tmp_path / "feeds", (), 0)) == []


def test_a_recording_without_its_end_was_cut_off(run: Path, tmp_path: Path) -> None:
    recording = tmp_path / "recording"
    for topic in FEEDS:
        shutil.copytree(run / f"topic={topic}", recording / f"topic={topic}")
    assert shortfalls(recording) == []
    (found,) = shortfalls(without(recording, tmp_path / "cut", FEEDS, 1))
    assert "cut off at 2026-" in found and "no end marker in feed.clock, feed.coinbase" in found


def test_frames_that_the_journal_rests_on_and_the_archive_lacks_are_named_with_their_place(
    run: Path, tmp_path: Path
) -> None:
    cut = without(run, tmp_path / "cut", (FEED_COINBASE,), 30)
    missing = ArchiveReader(cut).last_offset(FEED_COINBASE) + 1
    found = "\n".join(shortfalls(cut))
    assert f"lacks {FEED_COINBASE} from offset {missing} on: 30 or more" in found


def test_flows_that_had_not_come_to_the_end_are_named(run: Path, tmp_path: Path) -> None:
    behind = without(run, tmp_path / "behind", (JOURNAL,), 400)
    assert any("market flow had not come to the last" in each for each in shortfalls(behind))
    late = without(run, tmp_path / "late", (TELEMETRY,), 1)
    assert "the trading flow had not come to anything" in shortfalls(late)
    end = next(ArchiveReader(run).read(TELEMETRY)).t_ns
    with ArchiveWriter(late, [TELEMETRY]) as writer:
        writer.append(pulse(0, end - 7 * SECOND))
    assert shortfalls(late) == ["the trading flow had not come to the last 7.0 s of the journal"]
