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
from api.runs import runs_in
from connectors.operator.standing import lift_kill, standing_kill
from connectors.operator.token import read_token, token_path
from models.control import Instruction, Kill, Release
from models.failures import Failure
from models.settings import Settings, load


def control(
    verb: Annotated[str, typer.Argument(help=f"{', '.join(VERBS[:-1])}, or {VERBS[-1]}.")],
    subject: Annotated[
        str, typer.Argument(help="What it is about: with close a market's key, with gate a release gate, and so on.")
    ] = "",
    what: Annotated[str, typer.Option(help="With release: kill, anomaly, or breaker:NAME.")] = "kill",
    why: Annotated[str, typer.Option(help="With release --what anomaly: its explanation.")] = "",
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
    token = read_token(token_path(settings))
    folder = _folder(settings, run)
    if folder is None:
        _without_run(do, settings)
        return
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    command = msgspec.structs.replace(command, run=str(about["name"]))
    answer = give(command, settings, token, str(about["kafka"]), wait_s)
    print(f"{verb}: {answer.text}", file=sys.stderr if answer.verdict == "block" else sys.stdout)
    if answer.verdict == "block" and answer.reason != "nothing_to_do":
        raise typer.Exit(1)


def _folder(settings: Settings, run: str) -> Path | None:
    """The folder of the run that is meant, where one is running."""
    folders = [settings.data_dir / "runs" / run] if run else runs_in(settings.data_dir)
    for folder in folders:
        if (folder / "run.json").is_file():
            return folder
    if run:
        raise Failure(f"there is no run {run} in {settings.data_dir / 'runs'}.", "`profit up --run NAME` starts one.")
    return None


def _without_run(do: Instruction, settings: Settings) -> None:
    """No run has ever been started: a kill stands for the first one, and can be lifted."""
    if isinstance(do, Kill):
        print("kill: no run is there; the next one starts killed.")
        return
    if isinstance(do, Release) and do.what == "kill" and standing_kill(settings.data_dir) is not None:
        lift_kill(settings.data_dir)
        print("release: the kill is lifted; no run is there.")
        return
    raise Failure(f"{settings.data_dir} holds no run that could obey.", "`profit up` starts one.")
