"""A kill that several send, the command line, the page and whoever finds its file, stops trading once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.commanding import prepared
from connectors.operator import watch
from connectors.operator.standing import standing_kill
from connectors.operator.token import make_token, read_token, token_path
from connectors.operator.watch import KillWatch, with_operator
from models.contracts import Answer
from models.control import Command, Kill, Release, encode, sign
from models.settings import Settings
from tests.flows.trading_line.desk import Scene, settings


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    """Those of the run ``evening``, whose operator's token lies in its data folder."""
    chosen = settings().model_copy(update={"data_dir": tmp_path})
    make_token(token_path(chosen))
    return with_operator(chosen, "evening")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """What the watcher sends, instead of sending it."""
    sent: list[Command] = []

    def send(command: Command, *_: Any) -> None:
        sent.append(command)

    monkeypatch.setattr(watch, "send", send)
    return sent


def answers(scene: Scene, token: str, commands: list[Command]) -> list[tuple[str, str]]:
    """What the desk says to each: verdict and reason."""
    said: list[tuple[str, str]] = []
    for command in commands:
        scene.now = max(scene.now, command.t) + 1
        records = scene.input("control", encode(sign(command, token)).decode())
        said.extend((each.verdict, each.reason) for each in records if isinstance(each, Answer))
    return said


def trading(scene: Scene) -> Any:
    """Whether it trades, as the page is told."""
    scene.note("end of run")
    return scene.books.modules["portfolio"].gauges["trading"]


@pytest.mark.parametrize("first", ["its giver", "the watcher"])
def test_a_kill_and_the_watcher_that_finds_it_are_one_command(
    first: str, chosen: Settings, sent: list[Command]
) -> None:
    given = prepared(Kill(), chosen, "trader", "evening")
    KillWatch(chosen, "", lambda _: None).look(anew=False)
    assert sent == [given]
    scene = Scene(chosen)
    both = [given, *sent] if first == "its giver" else [*sent, given]
    assert answers(scene, read_token(token_path(chosen)), both) == [("pass", "ok")]
    assert trading(scene) == "killed"


def test_two_people_who_kill_at_once_are_obeyed_once_and_one_release_lifts_it(
    chosen: Settings, sent: list[Command]
) -> None:
    """The file names the later of the two; the watchers of both processes send that one again."""
    kills = [prepared(Kill(), chosen, by, "evening") for by in ("page", "trader")]
    standing = standing_kill(chosen.data_dir)
    assert standing is not None and standing.command == kills[1].id
    for _ in ("api", "supervisor"):
        KillWatch(chosen, "", lambda _: None).look(anew=False)
    assert sent == [kills[1]] * 2
    scene, token = Scene(chosen), read_token(token_path(chosen))
    assert answers(scene, token, [*kills, *sent]) == [("pass", "ok"), ("block", "nothing_to_do")]
    assert trading(scene) == "killed"
    assert answers(scene, token, [prepared(Release("kill"), chosen, "trader", "evening")]) == [("pass", "ok")]
    assert trading(scene) == "paused"
