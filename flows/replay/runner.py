"""Runs a replay's stages, each as a cluster of processes, and resumes one that was killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from connectors.archive.reader import ArchiveReader
from connectors.archive.threads import ONE_THREAD
from connectors.archive.writer import ArchiveWriter
from connectors.failures import can_write
from flows.engine import prepare_recovery
from flows.replay.plan import PLAN, SHARED, ReplayPlan, Stage, load_plan
from models.configuration import relevant
from models.failures import Failure
from models.message import Message

_POLL_S = 0.05


def begin(plan: ReplayPlan) -> bool:
    """Save the plan, or find that the run is to be resumed: True then.

    Raises Failure when the run exists with another plan, or is complete."""
    if not (plan.run / PLAN).is_file():
        if plan.run.is_dir() and any(not entry.name.startswith(".") for entry in plan.run.iterdir()):
            raise Failure(f"{plan.run} is not empty and holds no replay.", "Choose another --run name.")
        plan.save()
        return False
    existing = load_plan(plan.run)
    if existing != plan:
        fields = [name for name in ReplayPlan.model_fields if getattr(existing, name) != getattr(plan, name)]
        if "settings" in fields and relevant(existing.settings) == relevant(plan.settings):
            fields.remove("settings")  # a port or a folder changes no replay
        if fields:
            raise Failure(
                f"the run {plan.run.name} was begun with other parameters ({', '.join(map(_option, fields))}).",
                "Give the same ones to resume it, or choose another --run name.",
            )
    if plan.summary.is_file():
        name = plan.run.name
        raise Failure(
            f"the run {name} is finished: `profit report {name}` tells what it came to.",
            f"For a second pass give another --run NAME; to compare it with its input: profit replay {name} --verify.",
        )
    return True


def _option(field: str) -> str:
    """A plan's field as a person gives it."""
    return {"archive": "the archive", "start": "--from", "settings": "the settings"}.get(
        field, "--" + field.replace("_", "-")
    )


def run_stages(plan: ReplayPlan, progress: Callable[[Stage], None]) -> None:
    """Run what is not done yet, all stages at once: the trading stage reads the journal while the market stage writes
    it. ``progress`` is called every moment for each stage under way. Raises Failure for the first that fails, and ends
    the others."""
    clusters = [_Cluster(plan, stage) for stage in plan.stages if not plan.done(stage).is_file()]
    try:
        for cluster in clusters:
            cluster.start()
        running = clusters
        while running:
            for cluster in running:
                progress(cluster.stage)
                cluster.look()
            running = [cluster for cluster in running if cluster.running]
            time.sleep(_POLL_S)
    finally:
        for cluster in clusters:
            cluster.end()
    _gather(plan)


def _gather(plan: ReplayPlan) -> None:
    """Put what stands aside behind what the market stage wrote. Records that are there already, from an earlier attempt
    that was cut off, are known by their ordinals."""
    if not plan.aside.is_dir():
        return
    aside = ArchiveReader(plan.aside)
    with ArchiveWriter(plan.output, SHARED) as archive:
        for topic in SHARED:
            for record in aside.read(topic):
                archive.append_message(
                    Message(topic, record.key, record.value, record.t_ns, record.producer, record.ordinal)
                )
    shutil.rmtree(plan.aside)


class _Cluster:
    """The processes of one stage."""

    def __init__(self, plan: ReplayPlan, stage: Stage) -> None:
        self.stage = stage
        self._plan = plan
        self._errors = plan.run / f"{stage}.errors"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.running = False

    def start(self) -> None:
        plan = self._plan
        prepare_recovery(plan.recovery(self.stage))
        addresses = _addresses(plan.workers)
        with self._errors.open("wb") as log:
            self._processes = [
                subprocess.Popen(
                    [sys.executable, "-m", "flows.replay.worker", str(plan.run), self.stage, str(number), *addresses],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **ONE_THREAD},
                )
                for number in range(plan.workers)
            ]
        self.running = True

    def look(self) -> None:
        """Note whether it is done. Raises Failure when a process of it failed."""
        codes = [process.poll() for process in self._processes]
        failed = [code for code in codes if code]
        if failed:
            raise _failure(self._plan, self.stage, failed[0], self._errors)
        if None not in codes:
            self._plan.done(self.stage).touch()
            self.running = False

    def end(self) -> None:
        """Nothing of it runs after this."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()


def _failure(plan: ReplayPlan, stage: str, code: int, errors: Path) -> Failure:
    """Why a stage ended: what the disk says goes first, for what a stage says about a full one is lost on it."""
    again = "Give the same command again to go on where it stood."
    refused = can_write(plan.run)
    if refused is not None:
        return Failure(f"the {stage} stage ended: {refused.cause}", f"{refused.cure} {again}")
    text = errors.read_text(errors="replace").strip().splitlines()
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        memory = " The system does so when memory runs out: see `dmesg`." if -code == signal.SIGKILL else ""
        said = f": {text[-1]}" if text else "."
        return Failure(f"the {stage} stage was ended by {name}{said}{memory}", f"{again} What it said: {errors}.")
    if code == 1 and len(text) >= 2:  # a worker's own last words: one line of cause, one of cure
        return Failure(f"the {stage} stage failed: {text[-2]}", text[-1])
    return Failure(f"the {stage} stage failed: {text[-1] if text else f'exit code {code}'}", f"See {errors}.")


def _addresses(count: int) -> list[str]:
    """Free local ports for the cluster, one a process."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses
