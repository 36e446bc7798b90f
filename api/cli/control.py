"""`profit control`: the operator's commands, answered by what the trading flow did."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from api.commanding import VERBS, give, instruction, prepared
from api.runs import BROKER, DESCRIPTION, described, find_run, is_running, runs_in
from connectors.kafka.admin import ClusterAway
from connectors.operator.standing import lift_kill, standing_kill
from connectors.operator.token import read_token, token_path
from models.control import Instruction, Kill, Release
from models.failures import Failure
from models.reasons import Reason
from models.settings import Settings, load


def control(
    verb: Annotated[str, typer.Argument(help=f"{', '.join(VERBS[:-1])}, or {VERBS[-1]}.")],
    subject: Annotated[
        str, typer.Argument(help="What it is about: with close a market's key, with gate a release gate, and so on.")
    ] = "",
    what: Annotated[str, typer.Option(help="With release: kill (default), anomaly, or breaker:NAME.")] = "",
    why: Annotated[str, typer.Option(help="With release: the explanation; an anomaly needs one.")] = "",
    to: Annotated[float | None, typer.Option(min=0, max=1, help="With size: of its full size, 0 to 1.")] = None,
    run: Annotated[str, typer.Option(help="Name of the run; default: the newest one.")] = "",
    wait_s: Annotated[float, typer.Option(min=0.1, help="How long to wait for the answer, seconds.")] = 15.0,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Command the trading flow: pause, resume, kill, release, flatten, close MARKET, gate GATE, arm, confirm PHRASE,
    disarm, enable | disable | size INSTANCE."""
    do = instruction(verb, subject, what, why, to)
    settings = load(config)
    by = getpass.getuser()
    command = prepared(do, settings, by, run)
    stands = f" The kill is on disk: it holds for every run of {settings.data_dir}." if isinstance(do, Kill) else ""
    try:
        folder = _folder(settings, run)
    except Failure as cause:
        raise Failure(cause.cause + stands, cause.cure) from None
    if folder is None or _has_ended(folder):
        _without_run(do, settings, folder)
        return
    token = read_token(token_path(settings))
    about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    command = msgspec.structs.replace(command, run=str(about["name"]))
    try:
        answer = give(command, settings, token, str(about["kafka"]), wait_s)
    except ClusterAway as cause:
        raise Failure(f"{_none_up(settings, folder)}: {cause.cause}{stands}", _start(folder)) from None
    print(f"{verb}: {answer.text}", file=sys.stderr if answer.verdict == "block" else sys.stdout)
    if answer.verdict == "block" and answer.reason != Reason.NOTHING_TO_DO:
        raise typer.Exit(1)


def _folder(settings: Settings, run: str) -> Path | None:
    """The folder of the run that is meant: of those that are up the newest, else the newest of all; None where there
    never was one. Raises Failure for a name that is no run's."""
    if run:
        folder = find_run(settings.data_dir, run)
        if not described(folder):
            raise Failure(f"the run {run} is a replay: it takes no commands.", "`profit up --run NAME` starts one.")
        return folder
    folders = runs_in(settings.data_dir, described)
    return next((each for each in folders if is_running(each)), folders[0] if folders else None)


def _has_ended(folder: Path) -> bool:
    """Whether the run is certainly not up: it had a broker of its own, which ends with it. What runs on another cluster
    may be up without a supervisor here."""
    return (folder / BROKER).is_dir() and not is_running(folder)


def _none_up(settings: Settings, folder: Path | None) -> str:
    newest = f"; {folder.name} has ended" if folder is not None else ""
    return f"no run is up in {settings.data_dir}{newest}"


def _start(folder: Path | None) -> str:
    again = f"; profit up --run {folder.name} goes on with that one" if folder is not None else ""
    return f"Start one: profit up --run NAME{again}."


def _without_run(do: Instruction, settings: Settings, folder: Path | None) -> None:
    """No run is up: a kill stands for the next one, and can be lifted."""
    if isinstance(do, Kill):
        print(f"kill: {_none_up(settings, folder)}; every one that starts there starts killed.")
        return
    if isinstance(do, Release) and do.what == "kill" and standing_kill(settings.data_dir) is not None:
        lift_kill(settings.data_dir)
        print(
            f"release: {_none_up(settings, folder)}; new ones start without the kill. One that was killed and goes on "
            "stays killed until it is released itself."
        )
        return
    raise Failure(f"{_none_up(settings, folder)}: nothing can obey.", _start(folder))
