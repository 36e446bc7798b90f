"""A kill stands whatever dies around it: the command, the trading flow, everything; and in a new run on the folder."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from connectors.kafka.reader import Reader
from connectors.operator.standing import standing_kill
from models import topics
from models.settings import Kafka
from tests.conftest import ROOT
from tests.eager import EAGER
from tests.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.takes(150)]


class Run:
    """A running `profit up` on a data folder, and what its topics hold."""

    def __init__(self, data: Path, name: str) -> None:
        self.data, self.name = data, name
        self.environment = os.environ | EAGER | {"PROFIT_DATA_DIR": str(data)}
        self.log = data / f"{name}.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api.cli.main", "up", "--feeds", "sim", "--run", name],
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,
        )
        self._reader: Reader | None = None
        self._rows: dict[str, list[dict[str, Any]]] = {topics.ORDERS: [], topics.ANSWERS: [], topics.SCANS: []}

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "api.cli.main", "control", *words, "--run", self.name],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def rows(self, topic: str) -> list[dict[str, Any]]:
        """What stands on the topic by now."""
        if self._reader is None:
            about = self.data / "runs" / self.name / "run.json"
            if not about.is_file():
                return []
            kafka = str(json.loads(about.read_text())["kafka"])
            self._reader = Reader(Kafka(), kafka, list(self._rows))
            self._reader.start(dict.fromkeys(self._rows, 0))
        for record in self._reader.read(100_000, 0.2):
            self._rows[record.topic].append(json.loads(record.value))
        return self._rows[topic]

    def sent(self) -> list[dict[str, Any]]:
        return [row for row in self.rows(topics.ORDERS) if row["status"] == "submitted"]

    def killed_at(self) -> int:
        """The journal number at which trading was killed; -1 where it was not."""
        answers = self.rows(topics.ANSWERS)
        return next((row["journal"] for row in answers if (row["what"], row["verdict"]) == ("kill", "pass")), -1)

    def flow(self) -> psutil.Process | None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if "trading" in process.cmdline():
                        return process
        return None

    def end(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        family = []
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, 30)


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        run.end()


def begin(runs: list[Run], data: Path, name: str) -> Run:
    run = Run(data, name)
    runs.append(run)
    return run


@pytest.mark.parametrize("seed", range(2))
def test_a_kill_stands_whatever_dies_around_it(seed: int, tmp_path: Path, runs: list[Run]) -> None:
    chance = random.Random(seed)
    first = begin(runs, tmp_path, "first")
    eventually(lambda: len(first.sent()) >= 2, 180, "orders")

    # the command is killed at some moment, the trading flow perhaps too
    command = first.command("kill")
    time.sleep(chance.uniform(0.0, 4.0))
    if chance.random() < 0.5 and (flow := first.flow()) is not None:
        flow.kill()
    command.send_signal(signal.SIGKILL)
    command.wait()
    if standing_kill(tmp_path) is None:  # it had not come so far: once more, whole
        assert first.command("kill").wait(300) == 0

    eventually(lambda: first.killed_at() >= 0, 120, "the trading flow to be killed")
    scanned = len(first.rows(topics.SCANS))
    eventually(lambda: len(first.rows(topics.SCANS)) > scanned + 20, 120, "the line to go on judging")
    at = first.killed_at()
    assert [row["id"] for row in first.sent() if row["journal"] > at] == []
    first.end()  # kill -9 of everything

    # a new run on the same folder is killed before its first record
    second = begin(runs, tmp_path, "second")
    eventually(lambda: second.killed_at() >= 0, 120, "the new run to be killed")
    eventually(lambda: len(second.rows(topics.SCANS)) > 40, 180, "the new run to judge")
    assert second.sent() == []

    # and only a release lifts it
    assert second.command("release").wait(300) == 0
    assert standing_kill(tmp_path) is None
    assert second.sent() == []
    assert second.command("resume").wait(300) == 0
    eventually(lambda: len(second.sent()) >= 1, 180, "orders after the release")
