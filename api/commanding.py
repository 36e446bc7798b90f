"""Giving an operator's command to a run, whoever asks: the kill is on disk before it is sent, and lifted after."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Final

import msgspec

from api.runs import DESCRIPTION, described, is_running, runs_in
from connectors.operator.commanding import command_and_wait
from connectors.operator.standing import StandingKill, lift_kill, set_kill
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
)
from models.failures import Failure
from models.reasons import Verdict
from models.settings import Settings

VERBS: Final = (
    "pause", "resume", "kill", "release", "flatten", "close", "gate", "arm", "confirm", "disarm", "enable", "disable",
    "size",
)  # fmt: skip
#: What a command is about, where it is about something.
_SUBJECTS: Final = {
    "close": ("its market", "close btc-updown-5m-1790000100"),
    "gate": ("a release gate", "gate PAPER_CANARY"),
    "confirm": ("the phrase of the answer to arm", "confirm arm-1a2b-3c4d"),
    "enable": ("an instance", "enable updown_fair_value"),
    "disable": ("an instance", "disable updown_fair_value"),
    "size": ("an instance", "size updown_fair_value --to 0.5"),
}


def instruction(verb: str, subject: str = "", what: str = "", why: str = "", to: float | None = None) -> Instruction:
    """What is asked for. ``subject``: the market, gate, phrase or instance that ``verb`` is about; ``what`` (empty: the
    kill), ``why``: with release; ``to``: with size. Raises Failure for what is not complete or does not belong
    together."""
    if verb not in VERBS:
        raise Failure(f"{verb}: no such command.", f"There are {', '.join(VERBS)}.")
    needs, example = _SUBJECTS.get(verb, ("", ""))
    subject, why = subject.strip(), why.strip()
    if needs and not subject:
        raise Failure(f"{verb} needs {needs}.", f"For example: profit control {example}")
    if subject and not needs:
        raise Failure(f"{verb} takes no {subject!r}.", f"Give {verb} alone.")
    if verb == "size" and to is None:
        raise Failure("size needs how much, 0 to 1.", "Use --to 0.5.")
    options = (("--what", "release", bool(what)), ("--why", "release", bool(why)), ("--to", "size", to is not None))
    for option, takes, is_given in options:
        if is_given and verb != takes:
            raise Failure(f"{verb} takes no {option}: only {takes} does.", f"Leave {option} out.")
    if verb == "release":
        what = what or "kill"
        if what not in ("kill", "anomaly") and not what.startswith("breaker:"):
            raise Failure(f"--what {what}: neither kill, anomaly nor breaker:NAME.", "Say what is to be released.")
        if what == "anomaly" and not why:
            raise Failure("an anomaly is released only with its explanation.", 'Add --why "…".')
        return Release(what, why)
    simple: dict[str, Instruction] = {
        "pause": Pause(),
        "resume": Resume(),
        "kill": Kill(),
        "flatten": Flatten(),
        "arm": Arm(),
        "disarm": Disarm(),
        "close": Close(subject),
        "gate": SetGate(subject),
        "confirm": Confirm(subject),
        "enable": SetInstance(subject, enabled=True),
        "disable": SetInstance(subject, enabled=False),
        "size": SetInstance(subject, size=to),
    }
    return simple[verb]


def prepared(do: Instruction, settings: Settings, by: str, run: str) -> Command:
    """The command. A kill is written to disk first of all, under the command's id: whatever dies now, the next start
    finds it. Raises Failure."""
    command = Command(secrets.token_hex(8), run, time.time_ns(), by, do)
    if isinstance(do, Kill):
        set_kill(settings.data_dir, StandingKill(by, command.t, run, command.id))
    return command


def give(command: Command, settings: Settings, token: str, bootstrap: str, wait_s: float) -> Answer:
    """Send the command and wait for the flow's answer. A kill is shared by all runs of the data folder: the others that
    are up are killed by their own watch, and a release lifts it in each of them, and for later ones. The answer's text
    says which. Raises Failure when the cluster is away, or no answer comes in ``wait_s`` seconds."""
    do = command.do
    answer = command_and_wait(command, token, settings.kafka, bootstrap, wait_s)
    if isinstance(do, Kill):
        also = ", ".join(others_up(settings.data_dir, command.run))
        whom = f"also {also}" if also else "this one"
        shared = f"It holds for every run of {settings.data_dir}: {whom}, and all later ones."
        return msgspec.structs.replace(answer, text=f"{answer.text} {shared}")
    if isinstance(do, Release) and do.what == "kill" and answer.verdict != Verdict.BLOCK:
        lift_kill(settings.data_dir)
        shared = " ".join(_release_others(command, settings, token, wait_s))
        return msgspec.structs.replace(answer, text=f"{answer.text} {shared}")
    return answer


def others_up(data_dir: Path, run: str) -> dict[str, str]:
    """The runs of the data folder that are up beside ``run``, with the address of each one's cluster."""
    found: dict[str, str] = {}
    for folder in runs_in(data_dir, described):
        about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if about["name"] != run and is_running(folder):
            found[about["name"]] = about["kafka"]
    return found


def _release_others(command: Command, settings: Settings, token: str, wait_s: float) -> list[str]:
    """A sentence for each other run that is up, and one for later ones."""
    sentences = [f"It is lifted for every run of {settings.data_dir}; later ones start without it."]
    for name, bootstrap in others_up(settings.data_dir, command.run).items():
        other = msgspec.structs.replace(command, id=secrets.token_hex(8), run=name, t=time.time_ns())
        try:
            said = command_and_wait(other, token, settings.kafka, bootstrap, wait_s).text
        except Failure as cause:
            said = f"it stays killed until `profit control release --run {name}`: {cause.cause}"
        sentences.append(f"Run {name}: {said}")
    return sentences
