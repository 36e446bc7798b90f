"""Giving an operator's command to a run, whoever asks: the kill is on disk before it is sent, and lifted after."""

from __future__ import annotations

import secrets
import time

from connectors.operator.commanding import command_and_wait
from connectors.operator.standing import StandingKill, lift_kill, set_kill
from models.contracts import Answer
from models.control import Command, Instruction, Kill, Release
from models.failures import Failure
from models.reasons import Verdict
from models.settings import Settings


def instruction_of(what: Instruction) -> Instruction:
    """``what``, where it is complete. Raises Failure for a release of an anomaly that explains nothing."""
    if isinstance(what, Release) and what.what == "anomaly" and not what.why.strip():
        raise Failure("an anomaly is released only with its explanation.", 'Add --why "…".')
    return what


def prepared(do: Instruction, settings: Settings, by: str, run: str) -> Command:
    """The command. A kill is written to disk first of all, under the command's id: whatever dies now, the next start
    finds it. Raises Failure."""
    command = Command(secrets.token_hex(8), run, time.time_ns(), by, do)
    if isinstance(do, Kill):
        set_kill(settings.data_dir, StandingKill(by, command.t, run, command.id))
    return command


def give(command: Command, settings: Settings, token: str, bootstrap: str, wait_s: float) -> Answer:
    """Send the command and wait for the flow's answer; a kill that it released is lifted for later runs too. Raises
    Failure when the cluster is away, or no answer comes in ``wait_s`` seconds."""
    do = command.do
    answer = command_and_wait(command, token, settings.kafka, bootstrap, wait_s)
    if isinstance(do, Release) and do.what == "kill" and answer.verdict != Verdict.BLOCK:
        lift_kill(settings.data_dir)
    return answer
