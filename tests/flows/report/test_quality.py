"""Counts by reason over an archive, with examples that can be looked up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.main import _register, app
from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from connectors.imports.assembly import Assembler
from connectors.imports.frames import BookSnapshot, Definition, Frame, books
from connectors.imports.summary import ImportSummary
from flows.report.quality import QualityReport, quality_report, shown
from models.failures import Failure
from models.settings import Settings
from models.timestamps import SECOND
from models.topics import FEED_MARKETS, FEED_POLYMARKET, FEEDS

START_S = 1_795_000_200
SLUG = f"btc-updown-5m-{START_S}"
MARKET = Definition(
    SLUG, "?", "0xc0", "1111", "2222", START_S * SECOND, (START_S + 300) * SECOND, fee_rate=0.07, tick=0.01, notes=()
)
SOUND = ([("0.48", "10")], [("0.50", "10")])
ONE_SIDED = ([("0.48", "10")], [])
CROSSED = ([("0.52", "10")], [("0.50", "10")])
LADDER = ([(f"0.{cents:02d}", "7") for cents in range(1, 49)], [("0.50", "10")])


def _frames() -> Iterator[Frame]:
    t = START_S * SECOND
    yield Frame(t, FEED_MARKETS, "gamma", SLUG, MARKET.gamma())
    for number in range(40):
        t += SECOND // 10
        sides = CROSSED if number == 30 else ONE_SIDED if number % 2 else LADDER if number == 20 else SOUND
        book = BookSnapshot(MARKET.condition, MARKET.up_token, t // 1_000_000, sides[0], sides[1], "0.01")
        yield Frame(t, FEED_POLYMARKET, "polymarket", "", books([book]))
    yield Frame(t, FEED_POLYMARKET, "polymarket", "", b"{no frame")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quality") / "archive"
    with ArchiveWriter(folder, FEEDS) as writer:
        Assembler(writer, "r", "import:test", ImportSummary("test")).run(_frames())
    return folder


def _report(archive: Path, examples: int = 3) -> QualityReport:
    return quality_report(archive, Settings.model_construct(), examples)


def test_counts_are_of_every_record_by_feed_and_reason(archive: Path) -> None:
    report = _report(archive)

    counts = {(row.feed, row.reason): (row.count, row.places) for row in report.counts}
    assert counts[FEED_POLYMARKET, "one_sided_book"] == (20, 1)
    assert counts[FEED_POLYMARKET, "crossed_book"] == (1, 1)
    assert counts[FEED_POLYMARKET, "decode_error"] == (1, 1)
    assert counts[FEED_POLYMARKET, "stale_feed"] == (1, 1)  # the run ends 12 s after its last frame
    assert (report.frames, report.dead_letters) == (42, 1)
    assert report.records == sum(stored for topic, stored in ArchiveReader(archive).counts().items() if topic in FEEDS)
    assert report.events >= report.records


def test_examples_are_spread_and_can_be_looked_up(archive: Path) -> None:
    report = _report(archive)

    several = report.examples["one_sided_book"]
    assert [each.numbers for each in several] == [{"up_bid": 0.48, "up_ask": None}] * 3
    assert several[0].t < several[1].t < several[2].t
    assert several[2].t - several[0].t > 2 * SECOND  # of the 3.8 s they lie in
    for each in several:
        record = next(iter(ArchiveReader(archive).read(each.topic, each.offset)))
        assert (record.offset, record.value.decode()) == (each.offset, each.frame)
    (crossed,) = report.examples["crossed_book"]
    assert crossed.numbers == {"up_bid": 0.52, "up_ask": 0.5}
    assert crossed.market == SLUG
    (broken,) = report.examples["decode_error"]
    assert broken.frame == "{no frame"
    assert "detail" in broken.numbers


def test_the_same_archive_gives_the_same_report(archive: Path) -> None:
    assert _report(archive) == _report(archive)


def test_no_examples_when_none_are_wanted(archive: Path) -> None:
    report = _report(archive, 0)

    assert report.examples["one_sided_book"] == []
    assert len(_report(archive, 1).examples["one_sided_book"]) == 1


def test_a_long_frame_shows_its_best_levels() -> None:
    sides = [(f"0.{cents:02d}", "1") for cents in range(1, 49)]
    frame = books([BookSnapshot("0xc0", "1111", 1, sides, [("0.50", "1")], "0.01")])

    text = shown(frame)

    assert "… 45 more …" in text
    assert '"price":"0.48"' in text
    assert '"price":"0.45"' not in text
    assert '"asks":[{"price":"0.50","size":"1"}]' in text
    assert len(shown(b"x" * 10_000)) < 1_300


def test_an_archive_without_feeds_is_refused(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "empty"):
        pass
    with pytest.raises(Failure, match="no feed records"):
        _report(tmp_path / "empty")


def test_the_command_prints_one_json_object_or_a_table(archive: Path) -> None:
    _register("report")
    app.callback()(lambda: None)
    runner = CliRunner()

    as_json = runner.invoke(app, ["report", "--quality", str(archive), "--examples", "1", "--json"])
    as_table = runner.invoke(app, ["report", "--quality", str(archive)], env={"COLUMNS": "160"})

    assert as_json.exit_code == as_table.exit_code == 0, as_json.output
    found = json.loads(as_json.stdout)
    assert {row["reason"] for row in found["counts"]} >= {"one_sided_book", "crossed_book", "decode_error"}
    assert "one side of the book is empty" in as_table.stdout
    assert "up_bid 0.52" in as_table.stdout
