"""The kept journal is of its recording as that is now, of the settings, and whole: else it is made anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.archive.layout import pieces_of, topic_folder
from connectors.archive.reader import ArchiveReader
from connectors.simulator.exchange import ExchangeParameters
from flows.research import journal as subject
from flows.research.journal import data_of, journal_of
from flows.research.journal_origin import FILE, origin_of
from models.settings import Settings
from models.topics import FEED_POLYMARKET, JOURNAL
from tests.once import once
from tests.recordings import LAGGING, simulate

SECONDS = 620
SETTINGS = Settings()


def recorded(factory: pytest.TempPathFactory, name: str, given: ExchangeParameters, seconds: int = SECONDS) -> Path:
    return once(factory, name, lambda folder: simulate(folder / "archive", seconds, given)) / "archive"


THINNER = replace(LAGGING, frames_per_s=1.0, steps_per_s=2)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory, "research-one", THINNER)


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory, "research-other", replace(THINNER, seed=THINNER.seed + 1))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The archives of which a journal is made."""
    seen: list[Path] = []
    make = subject._make

    def counted(archive: Path, making: Path, settings: Settings, progress: Callable[[float], None]) -> None:
        seen.append(archive)
        make(archive, making, settings, progress)

    monkeypatch.setattr(subject, "_make", counted)
    return seen


def values(journal: Path) -> list[bytes]:
    return [each.value for each in ArchiveReader(journal).read(JOURNAL)]


def with_checks(**changes: float) -> Settings:
    return SETTINGS.model_copy(update={"checks": SETTINGS.checks.model_copy(update=changes)})


def test_a_journal_is_made_once_and_again_after_the_archive_was_replaced(
    recording: Path, another: Path, tmp_path: Path, made: list[Path]
) -> None:
    place, kept = tmp_path / "archive", tmp_path / "kept"
    shutil.copytree(recording, place)
    first = values(journal_of(place, kept, SETTINGS))
    assert values(journal_of(place, kept, SETTINGS)) == first and len(made) == 1
    shutil.rmtree(place)
    shutil.copytree(another, place)
    second = values(journal_of(place, kept, SETTINGS))
    assert len(made) == 2 and second == values(journal_of(another, tmp_path / "fresh", SETTINGS)) != first
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["archive", "fresh", "kept"]  # nothing piles up


def test_a_file_of_equal_size_and_time_is_another_file(recording: Path, tmp_path: Path) -> None:
    place = tmp_path / "archive"
    shutil.copytree(recording, place)
    path = pieces_of(topic_folder(place, FEED_POLYMARKET))[-1].path
    stood, raw = path.stat(), bytearray(path.read_bytes())
    assert origin_of(place, SETTINGS) == origin_of(recording, SETTINGS)
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    os.utime(path, ns=(stood.st_atime_ns, stood.st_mtime_ns))
    assert origin_of(place, SETTINGS) != origin_of(recording, SETTINGS)


@pytest.mark.parametrize(
    ("settings", "again"),
    [
        (with_checks(max_spread=0.01), True),
        (SETTINGS.model_copy(update={"portfolio": SETTINGS.portfolio.model_copy(update={"capital": 7.0})}), False),
    ],
    ids=["checks", "no-part-of-the-market-line"],
)
def test_settings_of_the_market_line_alone_make_another_journal(
    recording: Path, tmp_path: Path, made: list[Path], settings: Settings, again: bool
) -> None:
    first = values(journal_of(recording, tmp_path / "kept", SETTINGS))
    second = values(journal_of(recording, tmp_path / "kept", settings))
    assert (len(made) == 2) == (second != first) == again


def cut(kept: Path) -> None:
    path = pieces_of(topic_folder(kept, JOURNAL))[0].path
    path.write_bytes(path.read_bytes()[:-100])


def lost(kept: Path) -> None:
    pieces_of(topic_folder(kept, JOURNAL))[0].path.unlink()


def unstamped(kept: Path) -> None:
    (kept / FILE).unlink()


def misstamped(kept: Path) -> None:
    (kept / FILE).write_bytes(b"{")


@pytest.mark.parametrize("damage", [cut, lost, unstamped, misstamped])
def test_a_damaged_journal_is_made_anew(
    recording: Path, tmp_path: Path, made: list[Path], damage: Callable[[Path], None]
) -> None:
    kept = tmp_path / "kept"
    first = values(journal_of(recording, kept, SETTINGS))
    damage(kept)
    assert values(journal_of(recording, kept, SETTINGS)) == first and len(made) == 2


def test_a_making_that_was_cut_off_leaves_nothing_to_trust(recording: Path, tmp_path: Path, made: list[Path]) -> None:
    kept = tmp_path / "kept"

    def cut_off(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        journal_of(recording, kept, SETTINGS, cut_off)
    assert not kept.exists()
    assert values(journal_of(recording, kept, SETTINGS)) and len(made) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]


def test_one_whose_feeds_changed_meanwhile_is_not_kept_for_good(
    recording: Path, another: Path, tmp_path: Path, made: list[Path]
) -> None:
    place, kept = tmp_path / "archive", tmp_path / "kept"
    shutil.copytree(recording, place)

    def replaced(share: float) -> None:
        if share == 1.0:
            shutil.rmtree(place)
            shutil.copytree(another, place)

    journal_of(place, kept, SETTINGS, replaced)
    assert not (kept / FILE).exists()
    assert values(journal_of(place, kept, SETTINGS)) and len(made) == 2 and (kept / FILE).exists()


def test_a_recording_is_known_when_it_has_grown_and_under_other_settings(
    recording: Path, another: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def known(archive: Path, name: str, settings: Settings = SETTINGS) -> tuple[str, str]:
        found = data_of(archive, journal_of(archive, tmp_path / name, settings))
        assert 0 < found.first < found.last
        return found.data, found.recording

    longer = recorded(tmp_path_factory, "research-longer", THINNER, SECONDS + 60)
    first, grown, other = known(recording, "a"), known(longer, "b"), known(another, "c")
    strict = known(recording, "d", with_checks(max_spread=0.01))
    assert first[1] == grown[1] == strict[1] != other[1]
    assert len({first[0], grown[0], other[0]}) == 3
