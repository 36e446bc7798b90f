"""An exchange begins no earlier than the one before it came, however that ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from connectors.clock import NS, SystemClock
from connectors.simulator.last_moment import first_second, last_moment, last_standing, moment_file, note_moment
from connectors.simulator.standing import ExchangeStanding

SPEED = 50.0


def started(addresses: Path) -> subprocess.Popen[bytes]:
    addresses.unlink(missing_ok=True)
    command = [sys.executable, "-m", "api.cli.main", "simulate", "--port-file", str(addresses), "--speed", str(SPEED)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while not addresses.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    return process


def told(addresses: Path) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(json.loads(addresses.read_text())["clock"], timeout=30).json()
    return answer


def now_of(clock: dict[str, Any]) -> int:
    return int(clock["sim_epoch_ns"] + (time.time_ns() - clock["epoch_ns"]) * clock["speed"])


def test_an_exchange_after_a_killed_one_begins_where_that_one_was_ahead_of_the_computers_clock(tmp_path: Path) -> None:
    addresses = tmp_path / "exchange.json"
    first = started(addresses)
    try:
        clock = told(addresses)
        time.sleep(2.5)
        reached = now_of(clock)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert reached > time.time_ns() + 60 * NS  # ahead by minutes
    second = started(addresses)
    try:
        assert told(addresses)["sim_epoch_ns"] >= reached
    finally:
        second.send_signal(signal.SIGKILL)
        second.wait()


def test_an_exchange_that_is_not_ahead_leaves_its_successor_the_computers_time(tmp_path: Path) -> None:
    path = moment_file(tmp_path / "exchange.json")
    assert last_moment(path, 5) == 0 and first_second(path, 5) is None
    note_moment(path, SystemClock())
    for later_s in (0, 1, 5, 60):
        assert first_second(path, time.time_ns() + later_s * NS) is None
    path.write_text("damaged")
    assert first_second(path, 5) is None and last_standing(path) is None


def test_what_an_exchange_leaves_is_read_back(tmp_path: Path) -> None:
    path = moment_file(tmp_path / "exchange.json")
    assert last_standing(path) is None
    left = ExchangeStanding(
        7, {"BTC": [96_888.76, 0.1 + 0.2]}, {"btc-updown-5m-0": 96_888.423333333333}, {"btc-updown-5m-0": 5}
    )
    note_moment(path, SystemClock(), left)
    assert last_standing(path) == left  # to the last bit
