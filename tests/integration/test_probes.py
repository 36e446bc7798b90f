"""The health probes of docker-compose.yml, as they stand there, on the processes that they are for."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.conftest import ROOT
from tests.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.takes(60)]

RUN = "main"


def _services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return dict(loaded["services"])


def command(service: str, places: dict[str, str]) -> list[str]:
    """The probe of ``service`` as the container's engine runs it, with addresses and folders of this machine."""
    kind, *words = _services()[service]["healthcheck"]["test"]
    if kind == "CMD-SHELL":
        words = ["/bin/sh", "-c", *words]
    done = []
    for word in words:
        for there, here in places.items():
            word = word.replace(there, here)
        done.append(word.replace("$$", "$"))
    return done


def is_well(words: list[str]) -> bool:
    return subprocess.run(words, capture_output=True, timeout=20).returncode == 0


class System:
    """A `profit up` with the run's name and the folders of the containers."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "runs" / RUN
        with (data / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli.main", "up", "--feeds", "sim", "--run", RUN],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=os.environ | {"PROFIT_DATA_DIR": str(data), "PROFIT_API_PORT": "0"},
                start_new_session=True,
            )
        self._data = data

    def is_up(self) -> bool:
        return (self._folder / "api.json").is_file() and (self._folder / "exchange.json").is_file()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def places(self) -> dict[str, str]:
        """What stands in docker-compose.yml, and what it is here."""
        kafka = json.loads((self._folder / "run.json").read_text())["kafka"]
        api = json.loads((self._folder / "api.json").read_text())["url"].removeprefix("http://").rstrip("/")
        clock = json.loads((self._folder / "exchange.json").read_text())["clock"].split("/")[2]
        addresses = {"127.0.0.1:9092": kafka, "127.0.0.1:8765": api, "simulator:7003": clock}
        by_path = {there.replace(":", "/"): here.replace(":", "/") for there, here in addresses.items()}
        return {"${PROFIT_RUN:-main}": RUN, " /data/": f" {self._data}/"} | addresses | by_path

    def signal(self, what: signal.Signals) -> None:
        for child in self.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(what)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = System(tmp_path)
    yield system
    left = system.children()
    system.process.kill()
    system.process.wait()
    for child in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def test_probes_find_who_works_well_and_who_stands_still_not(system: System) -> None:
    eventually(system.is_up, 120, "the system")
    names = sorted(name for name in _services() if name != "prepare")
    probes = {name: command(name, system.places()) for name in names}
    for name, words in probes.items():
        eventually(lambda words=words: is_well(words), 120, f"{name} well")  # type: ignore[misc]
    system.signal(signal.SIGSTOP)  # all are there, and hold their ports and files
    for name, words in probes.items():
        eventually(lambda words=words: not is_well(words), 120, f"{name} not well")  # type: ignore[misc]
    system.signal(signal.SIGCONT)
    for name, words in probes.items():
        eventually(lambda words=words: is_well(words), 120, f"{name} well again")  # type: ignore[misc]


@pytest.mark.parametrize("name", ["kafka", "simulator", "recorder", "market", "trading", "audit", "api"])
def test_who_is_not_there_is_not_well(name: str, tmp_path: Path) -> None:
    nowhere = {" /data/": f" {tmp_path}/", "/dev/tcp/simulator/": "/dev/tcp/127.0.0.1/"}
    nowhere |= dict.fromkeys(("/9092", "/8765", "/7003"), "/1")
    assert not is_well(command(name, nowhere))


def test_the_broker_s_probe_gets_an_answer_of_this_cluster(bootstrap: str) -> None:
    assert is_well(command("kafka", {"127.0.0.1/9092": bootstrap.split()[0].replace(":", "/")}))
