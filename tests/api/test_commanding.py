"""What each verb asks for, and what is refused before it is sent; a kill that several send stops trading once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.commanding import VERBS, instruction, prepared
from connectors.operator import watch
from connectors.operator.standing import standing_kill
from connectors.operator.token import make_token, read_token, token_path
from connectors.operator.watch import KillWatch, with_operator
from models.contracts import Answer
from models.control import (
    Arm,
    Close,
    Command,
    Confirm,
    Disarm,
    Flatten,
    Instruction,
    Kill,
    Pause,
    Release,
    Resume,
    SetGate,
    SetInstance,
    encode,
    sign,
)
from models.failures import Failure
from models.settings import Settings
from tests.flows.trading_line.desk import Scene, settings

ASKED: dict[str, tuple[dict[str, Any], Instruction]] = {
    "pause": ({}, Pause()),
    "resume": ({}, Resume()),
    "kill": ({}, Kill()),
    "release": (
        {"what": "breaker:drawdown:portfolio:main", "why": "seen"},
        Release("breaker:drawdown:portfolio:main", "seen"),
    ),
    "flatten": ({}, Flatten()),
    "close": ({"subject": " m "}, Close("m")),
    "gate": ({"subject": "PAPER_CANARY"}, SetGate("PAPER_CANARY")),
    "arm": ({}, Arm()),
    "confirm": ({"subject": "arm-1a2b-3c4d"}, Confirm("arm-1a2b-3c4d")),
    "disarm": ({}, Disarm()),
    "enable": ({"subject": "parity"}, SetInstance("parity", enabled=True)),
    "disable": ({"subject": "parity"}, SetInstance("parity", enabled=False)),
    "size": ({"subject": "parity", "to": 0.0}, SetInstance("parity", size=0.0)),
}


def test_each_verb_asks_for_one_thing() -> None:
    assert ASKED.keys() == set(VERBS)
    for verb, (given, wanted) in ASKED.items():
        assert instruction(verb, **given) == wanted
    assert instruction("release") == Release("kill")


@pytest.mark.parametrize(
    ("verb", "given", "cause", "cure"),
    [
        pytest.param("fly", {}, "no such command", "There are pause", id="no verb"),
        pytest.param("gate", {}, "gate needs a release gate", "control gate PAPER_CANARY", id="gate without one"),
        pytest.param("confirm", {"subject": " "}, "confirm needs the phrase", "confirm arm-", id="no phrase"),
        pytest.param("disable", {}, "disable needs an instance", "disable updown", id="disable without instance"),
        pytest.param("enable", {}, "enable needs an instance", "enable updown", id="enable without instance"),
        pytest.param("size", {"to": 0.5}, "size needs an instance", "size updown", id="size without instance"),
        pytest.param("size", {"subject": "parity"}, "size needs how much", "--to 0.5", id="size without how much"),
        pytest.param("enable", {"subject": "parity", "to": 0.5}, "enable takes no --to", "Leave", id="enable --to"),
        pytest.param("pause", {"to": 0.5}, "pause takes no --to: only size does", "Leave --to out", id="pause --to"),
        pytest.param("pause", {"why": "abc"}, "pause takes no --why: only release", "Leave --why", id="pause --why"),
        pytest.param("kill", {"what": "anomaly"}, "kill takes no --what", "Leave --what out", id="kill --what"),
        pytest.param("flatten", {"what": "kill"}, "flatten takes no --what", "Leave", id="flatten --what"),
        pytest.param("size", {"subject": "p", "to": 1, "why": "x"}, "size takes no --why", "Leave", id="with --why"),
        pytest.param("release", {"to": 0.5}, "release takes no --to", "Leave --to out", id="release --to"),
        pytest.param("arm", {"subject": "now"}, "arm takes no 'now'", "Give arm alone", id="arm with a word"),
        pytest.param("disarm", {"subject": "x"}, "disarm takes no 'x'", "Give disarm alone", id="disarm with a word"),
        pytest.param("release", {"what": "drawdown"}, "neither kill", "Say what is to be released", id="no breaker:"),
        pytest.param("release", {"what": "anomaly"}, "only with its explanation", "--why", id="anomaly unexplained"),
    ],
)
def test_what_is_not_complete_is_refused_with_its_cure(verb: str, given: dict[str, Any], cause: str, cure: str) -> None:
    with pytest.raises(Failure) as refused:
        instruction(verb, **given)
    assert cause in refused.value.cause and cure in refused.value.cure


@pytest.mark.parametrize(
    ("do", "verdict", "text"),
    [
        pytest.param(SetGate("PAPER_FULL"), "block", "from DEV the next gate is PAPER_CANARY", id="skips"),
        pytest.param(
            SetGate("MOON"), "block", "no gate 'MOON': nothing was done. There are: DEV, LIVE_ARMED", id="no gate"
        ),
        pytest.param(Arm(), "block", "arming begins at LIVE_DRY_RUN, and the gate is DEV", id="arm at DEV"),
        pytest.param(Confirm("arm-0000-0000"), "block", "nothing waits to be confirmed", id="confirm out of the blue"),
        pytest.param(Disarm(), "block", "nothing is armed: the gate is DEV", id="disarm"),
        pytest.param(
            SetInstance("moon", enabled=False),
            "block",
            "no instance 'moon': nothing was done. There are: ",
            id="no instance",
        ),
        pytest.param(SetInstance("parity", size=7.0), "block", "size 7 is not within 0 and 1", id="too large"),
        pytest.param(SetInstance("parity", enabled=False), "pass", "parity is off at 100% of its size", id="off"),
        pytest.param(SetInstance("parity", size=0.25), "pass", "parity is on at 25% of its size", id="smaller"),
        pytest.param(
            Release("breaker:moon"), "block", "no breaker 'moon': nothing was done. There are: none", id="no breaker"
        ),
    ],
)
def test_the_flow_answers_what_it_did_or_why_not(do: Instruction, verdict: str, text: str, chosen: Settings) -> None:
    scene, token = Scene(chosen), read_token(token_path(chosen))
    command = prepared(do, chosen, "trader", "evening")
    scene.now = max(scene.now, command.t) + 1
    records = scene.input("control", encode(sign(command, token)).decode())
    (told,) = (each for each in records if isinstance(each, Answer))
    assert (told.verdict, told.by) == (verdict, "trader") and text in told.text


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


def test_a_kill_that_the_watcher_sends_late_is_not_answered_again(chosen: Settings, sent: list[Command]) -> None:
    """A later command may come before the watcher's copy: nobody asked for that one's answer. A copy kills nobody after
    a release either."""
    first = prepared(Kill(), chosen, "trader", "evening")
    KillWatch(chosen, "", lambda _: None).look(anew=False)
    again = prepared(Kill(), chosen, "trader", "evening")
    scene, token = Scene(chosen), read_token(token_path(chosen))
    assert answers(scene, token, [first, again, *sent, again]) == [("pass", "ok"), ("block", "nothing_to_do")]
    release = prepared(Release("kill"), chosen, "trader", "evening")
    assert answers(scene, token, [release, *sent]) == [("pass", "ok")]
    assert trading(scene) == "paused"


def test_of_two_kills_that_cross_both_givers_hear_that_it_is_so(chosen: Settings) -> None:
    first, second = (prepared(Kill(), chosen, by, "evening") for by in ("page", "trader"))
    scene, token = Scene(chosen), read_token(token_path(chosen))
    assert answers(scene, token, [second, first, first]) == [("pass", "ok"), ("block", "nothing_to_do")]
    release = prepared(Release("kill"), chosen, "trader", "evening")
    older = msgspec.structs.replace(first, id="another")
    assert answers(scene, token, [release, older]) == [("pass", "ok"), ("block", "repeated")]
    assert trading(scene) == "paused"


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
