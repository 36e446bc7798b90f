"""Options that contradict each other are refused before anything is read or started: none is passed over in silence."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from api.cli import main
from models.failures import Failure

CONTRADICTIONS = [
    ("up --speed 5", "--speed"),
    ("up --feeds live --speed 0", "--speed"),
    ("up --feeds live --faults f.toml", "faults"),
    ("up --feeds ./recording --faults f.toml", "faults"),
    ("record --faults f.toml", "faults"),
    ("record --exchange e.json", "--exchange"),
    ("record --feeds sim --exchange e.json --faults f.toml", "--exchange"),
    ("doctor --exchange e.json", "--exchange"),
    ("replay x --verify --run y", "--verify and --run"),
    ("replay x --compare --run y", "--compare"),
    ("replay x --since yesterday", "is no moment"),
    ("replay x --since 2026-07-22 --until 2026-07-21", "is not before"),
    ("replay x --until 2026-07-21 --from journal", "--since and --until"),
    ("replay x --compare --verify", "--compare"),
    ("report x --run y", "--run y"),
    ("report x --quality --model", "--model and --quality"),
    ("report x --examples 2", "--examples"),
    ("report x --fair-value --examples 0", "--examples"),
    ("report x --plot p.svg", "--plot"),
    ("report x --quality --plot p.svg", "--plot"),
    ("sql 'select 1' --run a --db b.duckdb", "--run and --db"),
    ("sql 'select 1' --db b.duckdb --config c.toml", "--config"),
    ("why d1 --run a --run-dir b", "--run and --run-dir"),
    ("control enable parity --to 0.5", "no --to"),
    ("control pause --to 0.5", "no --to"),
    ("control pause --why abc", "no --why"),
    ("control kill --what anomaly", "no --what"),
    ("control size parity", "how much"),
    ("control arm now", "no 'now'"),
    ("why d1 --run-dir b --config c.toml", "--config"),
    ("validate x --because newer", "there is no --holdout"),
]


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    fresh = typer.Typer()
    for verb, place in main.VERBS.items():
        module, function = place.split(":")
        fresh.command(verb)(getattr(__import__(module, fromlist=[function]), function))
    return fresh


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.toml").touch()
    (tmp_path / "c.toml").touch()
    return tmp_path


@pytest.mark.parametrize(("words", "named"), CONTRADICTIONS, ids=[words for words, _ in CONTRADICTIONS])
def test_it_is_refused_with_both_named_and_a_way_out(app: typer.Typer, words: str, named: str, folder: Path) -> None:
    result = CliRunner().invoke(app, shlex.split(words))
    assert isinstance(result.exception, Failure), result.exception
    assert named in result.exception.cause
    assert result.exception.cure
    assert sorted(entry.name for entry in folder.iterdir()) == ["c.toml", "f.toml"]


ODD_NAMES = ["../x", "../../escape", "/tmp/x", "a/b", ".hidden", "-dash", "a b", "x" * 200, "..", "ä", "a\n", "~"]
NAMING = ["up --duration 1 --run={}", "replay recording --run={}", "sql 'select 1' --run={}", "why d1 --run={}"]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("verb", NAMING, ids=[each.split()[0] for each in NAMING])
def test_no_verb_takes_a_name_that_leads_out_of_the_runs(
    app: typer.Typer, verb: str, name: str, folder: Path, recording: Path
) -> None:
    result = CliRunner().invoke(app, shlex.split(verb.format(shlex.quote(name))))
    assert isinstance(result.exception, Failure), result.exception
    assert "--run" in result.exception.cause
    assert not (folder / "data").exists()


@pytest.fixture
def recording(folder: Path) -> Path:
    """The least archive there is: one record of one feed."""
    from connectors.archive.writer import ArchiveWriter
    from models.message import Stored
    from models.topics import FEED_COINBASE

    with ArchiveWriter(folder / "recording") as writer:
        writer.append(Stored(FEED_COINBASE, 0, 0, "c", b"{}", 1))
    return folder / "recording"
