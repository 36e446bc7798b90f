"""The services of docker-compose.yml, each by its own command, with nobody above them: they are one run that says what
its feeds are, and that its operator commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from tests.commands import profit
from tests.conftest import ROOT
from tests.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.takes(40)]

STARTED = ("simulator", "recorder", "market", "trading", "audit", "api")


def words(service: str, data: Path) -> list[str]:
    """The service's command, with the run of the default, and the folders and ports of this machine."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    line = "\n".join(loaded["services"][service]["command"])
    line = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", line).replace("/data/", f"{data}/")
    return line.replace("7001,7002,7003", "0,0,0").replace("--host\nsimulator", "--host\n127.0.0.1").split("\n")


@pytest.fixture
def data(bootstrap: str, tmp_path: Path) -> Iterator[Path]:
    given = {
        "PROFIT_DATA_DIR": str(tmp_path),
        "PROFIT_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "PROFIT_KAFKA_CONTINUE_RUN": "true",  # the test's cluster had other runs
        "PROFIT_API_PORT": "0",
    }
    with ExitStack() as started:
        prepared = profit(tmp_path, *words("prepare", tmp_path), **given)
        assert prepared.returncode == 0, prepared.stderr
        for service in STARTED:
            log = started.enter_context((tmp_path / f"{service}.log").open("wb"))
            command = [sys.executable, "-m", "api.cli.main", *words(service, tmp_path)]
            process = subprocess.Popen(command, cwd=ROOT, env=os.environ | given, stdout=log, stderr=log)
            started.callback(_end, process)
            if service == "simulator":
                eventually((tmp_path / "exchange.json").is_file, 60, "the exchange")
        yield tmp_path


def _end(process: subprocess.Popen[bytes]) -> None:
    for each in [*psutil.Process(process.pid).children(recursive=True), process]:
        each.kill()
    process.wait()


def states(data: Path) -> dict[str, str]:
    return {
        each["name"]: each["state"]
        for each in json.loads(profit(data, "runs", "--json", PROFIT_DATA_DIR=str(data)).stdout)
    }


def test_they_are_one_run_that_says_its_feeds_and_obeys_its_operator(data: Path, bootstrap: str) -> None:
    about = data / "runs" / "main" / "api.json"
    eventually(about.is_file, 120, "the page's address")
    url = json.loads(about.read_text())["url"]

    def run() -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{url}api/run", timeout=30).json()
        return answer

    eventually(lambda: run()["trading"] == "on", 120, "the trading flow")
    assert (run()["name"], run()["feeds_are"]) == ("main", "SIMULATED")
    assert run()["started"].startswith("20")
    eventually(lambda: states(data) == {"main": "running"}, 120, "the run in the list of runs")
    given = {"PROFIT_DATA_DIR": str(data), "PROFIT_KAFKA_BOOTSTRAP_SERVERS": bootstrap}
    for verb, state in (("pause", "paused"), ("resume", "on"), ("kill", "killed")):
        said = profit(data, "control", verb, "--wait-s", "60", **given)
        assert (said.returncode, said.stdout[: len(verb)]) == (0, verb), said.stderr
        eventually(lambda state=state: run()["trading"] == state, 30, state)  # type: ignore[misc]
