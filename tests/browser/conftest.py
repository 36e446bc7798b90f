"""A running system on the simulated exchange and a browser, one of each for all tests here.

The tests share the run: those that pause, kill or stop something put it right again, and stand last."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import ROOT
from tests.eager import EAGER
from tests.waiting import eventually

#: A crossed book for ten seconds of every forty.
FAULTS = "seed = 7\n" + "".join(
    f'[[fault]]\nkind = "crossed_book"\noutcome = "{side}"\nat_s = {at}\nfor_s = 10\nby = 0.05\n'
    for at in range(30, 1_800, 40)
    for side in ("up", "down")
)


#: The portfolio is never long at its peak, to the cent: this breaker stands, and costs a tenth of the size.
GUARDED = {"PROFIT_BREAKERS_DRAWDOWN_REDUCE": "0.000001", "PROFIT_BREAKERS_FACTOR": "0.9"}


@dataclass
class System:
    """A run: its address, its folder, its processes."""

    url: str
    data: Path
    supervisor: int

    @property
    def token(self) -> str:
        return (self.data / "operator.token").read_text().strip()

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, timeout=60).json()

    def process(self, word: str) -> psutil.Process:
        """The child whose command has ``word`` in it."""
        for child in psutil.Process(self.supervisor).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if word in child.cmdline():
                    return child
        raise AssertionError(f"no process {word}")

    def control(self, **given: str) -> Any:
        answer = httpx.post(
            f"{self.url}api/control", json=given, headers={"Authorization": f"Bearer {self.token}"}, timeout=60
        )
        return answer.json()

    def orders_sent(self) -> list[Any]:
        return [each for each in self.get("api/orders?limit=500")["orders"] if each["status"] == "submitted"]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium here: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def system(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    data = tmp_path_factory.mktemp("room")
    (data / "faults.toml").write_text(FAULTS)
    log = data / "up.log"
    environment = os.environ | EAGER | GUARDED | {"PROFIT_DATA_DIR": str(data)}
    environment.pop("PROFIT_KAFKA_BOOTSTRAP_SERVERS", None)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "api.cli.main", "up", "--feeds", "sim", "--run", "room"),
                *("--faults", str(data / "faults.toml")),
            ],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        address = data / "runs" / "room" / "api.json"
        eventually(lambda: address.is_file() or process.poll() is not None, 120, "the address")
        assert process.poll() is None, log.read_text()
        made = System(json.loads(address.read_text())["url"], data, process.pid)
        eventually(lambda: _trades(made), 240, "a fill and a refusal")
        yield made
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a system that was started in a session of its own, in order if it can, and whatever is left of it."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(60)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _trades(system: System) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        decisions = system.get("api/decisions?refusals=true&limit=100")["decisions"]
        return bool(system.get("api/fills")["fills"]) and any(each["action"] == "refuse" for each in decisions)
    return False


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield made
        made.close()


@contextlib.contextmanager
def fresh_page(browser: Any, system: System) -> Iterator[Any]:
    """A fresh page at 1280 px; what it says to its console as an error fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=system.url, color_scheme="dark")
    context.set_default_timeout(60_000)
    made = context.new_page()
    said: list[str] = []
    made.on("pageerror", lambda error: said.append(str(error)))
    try:
        yield made
    finally:
        context.close()
    assert said == []
