"""A kill is shared by all runs of a data folder, and every answer says so; a release lifts it in all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from api import commanding
from api.cli.control import control
from api.commanding import give, prepared
from api.runs import locked
from api.supervisor.run import killed_line
from connectors.kafka.admin import away
from connectors.operator.standing import standing_kill
from connectors.operator.token import make_token, token_path
from models.contracts import Answer
from models.control import Command, Kill, Release
from models.failures import Failure
from models.reasons import Reason, Verdict
from models.settings import Kafka, Settings


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PROFIT_DATA_DIR", str(tmp_path))
    chosen = Settings(data_dir=tmp_path)
    make_token(token_path(chosen))
    return chosen


@pytest.fixture
def up(chosen: Settings) -> Iterator[Callable[[str], Path]]:
    """Makes a run that is up, as far as others can see."""
    with ExitStack() as stack:

        def begin(name: str, running: bool = True) -> Path:
            folder = chosen.data_dir / "runs" / name
            (folder / "broker").mkdir(parents=True)
            (folder / "archive" / "topic=journal").mkdir(parents=True)
            (folder / "run.json").write_text(json.dumps({"name": name, "kafka": f"{name}:9092"}))
            if running:
                stack.enter_context(locked(folder))
            return folder

        yield begin


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(cluster, run) of each command that was sent; the cluster ``dead:9092`` does not answer."""
    sent: list[tuple[str, str]] = []

    def obeyed(command: Command, token: str, kafka: Kafka, bootstrap: str, wait_s: float) -> Answer:
        if bootstrap == "dead:9092":
            raise away(bootstrap, "no answer")
        sent.append((bootstrap, command.run))
        return Answer("a1", 1, 1, command.id, command.by, "x", Verdict.PASS, Reason.OK, "done.")

    monkeypatch.setattr(commanding, "command_and_wait", obeyed)
    return sent


def said(*words: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(control)
    result = CliRunner().invoke(app, list(words))
    if isinstance(result.exception, Failure):
        return 1, f"{result.exception.cause} {result.exception.cure}"
    return result.exit_code, result.output


def test_a_kill_names_the_other_runs_that_it_holds_for(
    chosen: Settings, up: Callable[[str], Path], heard: list[tuple[str, str]]
) -> None:
    up("one"), up("two")
    code, text = said("kill", "--run", "one")
    assert code == 0 and heard == [("one:9092", "one")], "the other one is killed by its own watch"
    assert f"It holds for every run of {chosen.data_dir}: also two, and all later ones." in text
    assert standing_kill(chosen.data_dir) is not None


def test_a_release_lifts_it_in_every_run_that_is_up_and_says_which(
    chosen: Settings, up: Callable[[str], Path], heard: list[tuple[str, str]]
) -> None:
    for name in ("one", "two", "dead"):
        up(name)
    release = prepared(Release("kill"), chosen, "me", "one")
    prepared(Kill(), chosen, "me", "one")
    answer = give(release, chosen, "11" * 32, "one:9092", 1.0)
    assert heard == [("one:9092", "one"), ("two:9092", "two")]
    assert standing_kill(chosen.data_dir) is None
    assert f"lifted for every run of {chosen.data_dir}" in answer.text and "Run two: done." in answer.text
    assert "Run dead: it stays killed until `profit control release --run dead`" in answer.text


def test_a_run_that_starts_killed_says_so(chosen: Settings) -> None:
    assert killed_line(chosen.data_dir) == ""
    prepared(Kill(), chosen, "trader", "one")
    line = killed_line(chosen.data_dir)
    assert "KILLED by trader at 20" in line and f"in every run of {chosen.data_dir}" in line
    assert "profit control release" in line


def test_without_a_run_that_is_up_the_answer_begins_with_that_and_how_to_start_one(
    chosen: Settings, up: Callable[..., Path], heard: list[tuple[str, str]]
) -> None:
    assert said("pause") == (
        1,
        f"no run is up in {chosen.data_dir}: nothing can obey. Start one: profit up --run NAME.",
    )
    up("old", running=False)
    code, text = said("pause")
    assert code == 1 and text.startswith(f"no run is up in {chosen.data_dir}; old has ended: nothing can obey.")
    assert "Start one: profit up --run NAME; profit up --run old goes on with that one." in text
    code, text = said("kill")
    assert code == 0 and "every one that starts there starts killed" in text
    code, text = said("release")
    assert code == 0 and "new ones start without the kill" in text and standing_kill(chosen.data_dir) is None
    assert heard == []


def test_a_cluster_that_is_away_is_a_run_that_is_not_up(
    chosen: Settings, up: Callable[..., Path], heard: list[tuple[str, str]]
) -> None:
    (up("dead", running=False) / "broker").rmdir()  # on another Kafka: it may be up elsewhere
    code, text = said("pause")
    assert code == 1 and text.startswith(f"no run is up in {chosen.data_dir}; dead has ended: no Kafka broker answers")
    code, text = said("kill", "--run", "ded")
    assert code == 1 and "there is no run ded" in text and "Did you mean dead?" in text
    assert "The kill is on disk: it holds for every run" in text and standing_kill(chosen.data_dir) is not None


def test_of_several_runs_the_one_that_is_up_is_meant(up: Callable[..., Path], heard: list[tuple[str, str]]) -> None:
    up("older"), up("newer", running=False)
    assert said("pause")[0] == 0 and heard == [("older:9092", "older")]
