"""Does a replay come to what the paper account came to live? Ten short runs of `profit up`, each replayed and compared.

    python -m benchmarks.live_against_replay [--seconds 60] [--runs 10] [--folder FOLDER]

Every run is `profit up` on the simulated exchange: processes, sockets and the embedded broker, with a seed and settings
of its own. In some everything is killed with -9 half-way and goes on, once under other settings, or the trading flow
alone is killed. `profit replay --compare` then says how many decisions are identical and what each run came to, in
micro-dollars. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.figures import Result
from benchmarks.options import Options

NAME: Final = "live_against_replay"
PROFIT: Final = (sys.executable, "-P", "-m", "api.cli.main")
MICRO: Final = 1_000_000


@dataclass(frozen=True)
class Scenario:
    """A run: what is special about it, its settings, what is killed half-way, and the settings it goes on with."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    kill: str = ""  # "all", or the name of a child
    later: Mapping[str, str] = field(default_factory=dict)


SCENARIOS: Final = (
    Scenario("as configured"),
    Scenario("BTC and ETH", {"FEEDS_ASSETS": '["BTC","ETH"]'}),
    Scenario("everything killed, goes on", kill="all"),
    Scenario("half the caps", {"PORTFOLIO_CAP_MARKET": "50", "PORTFOLIO_CAP_TOTAL": "300"}),
    Scenario("trading flow killed", kill="trading"),
    Scenario("everything killed, goes on with lower caps", kill="all", later={"PORTFOLIO_CAP_MARKET": "40"}),
    Scenario("15 m windows too", {"FEEDS_HORIZONS": '["5m","15m"]'}),
    Scenario("twice the Kelly fraction", {"PORTFOLIO_KELLY_FRACTION": "0.5"}),
    Scenario("market flow killed", kill="market"),
    Scenario("everything killed, on a capital of $500", {"PORTFOLIO_CAPITAL": "500"}, kill="all"),
)


def run(scenario: Scenario, number: int, seconds: float, folder: Path) -> dict[str, Any]:
    """The comparison of one run, as JSON, with the seconds of event time it spans."""
    name = f"run-{number:02d}"
    given = {
        "DATA_DIR": str(folder),
        "API_PORT": "0",
        "SIMULATOR_SPEED": "3",
        "SIMULATOR_LAG_S": "4",
        "SIMULATOR_MAKER_ERROR": "0.08",
        "SIMULATOR_SEED": str(100 + number),
        "COMPARISON_EVERY_H": "0",
        **scenario.settings,
    }
    half = seconds / 2
    if scenario.kill == "all":
        process = _up(name, given, None)
        time.sleep(half + 5)
        process.kill()
        process.wait()
        time.sleep(1)  # its children see that their parent has gone
        _whole(_up(name, given | scenario.later, half))
    else:
        process = _up(name, given, seconds)
        if scenario.kill:
            time.sleep(half + 5)
            _child(process, scenario.kill).send_signal(signal.SIGKILL)
        _whole(process)
    done = subprocess.run(
        [*PROFIT, "replay", name, "--compare", "--json"],
        env=_environment({"DATA_DIR": str(folder)}),
        stdout=subprocess.PIPE,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **{f"PROFIT_{key}": value for key, value in given.items()}}


def _up(name: str, given: Mapping[str, str], seconds: float | None) -> subprocess.Popen[bytes]:
    limit = () if seconds is None else ("--duration", f"{seconds:g}")
    log = Path(given["DATA_DIR"]) / f"{name}.log"
    return subprocess.Popen([*PROFIT, "up", "--run", name, *limit], env=_environment(given), stderr=log.open("ab"))


def _whole(process: subprocess.Popen[bytes]) -> None:
    if process.wait(600):
        raise SystemExit(f"a run ended with code {process.returncode}: see its log")


def _child(process: subprocess.Popen[bytes], flow: str) -> psutil.Process:
    return next(each for each in psutil.Process(process.pid).children(recursive=True) if flow in each.cmdline())


def row(number: int, scenario: Scenario, found: Mapping[str, Any]) -> str:
    live, replay = found["live_net"], found["replay_net"]
    return (
        f"| {number} | {scenario.name} | {found['identical_decisions']:,} of {found['decisions']:,} "
        f"| {found['round_trips']} | {live / MICRO:,.6f} | {replay / MICRO:,.6f} | {replay - live} |"
    )


def measure(options: Options) -> Result:
    """Of each run: decisions that are not identical, and replay less live in micro-dollars."""
    result = Result(NAME)
    seconds, scenarios = (30.0, SCENARIOS[2:3]) if options.quick else (60.0, SCENARIOS)
    with tempfile.TemporaryDirectory(prefix="profit-bench-") as folder:
        found = [run(each, number, seconds, Path(folder)) for number, each in enumerate(scenarios, start=1)]
    result.add("decisions", "number", [float(each["decisions"]) for each in found])
    result.add("not identical", "number", [float(each["decisions"] - each["identical_decisions"]) for each in found])
    result.add("round trips", "number", [float(each["round_trips"]) for each in found])
    result.add("replay less live", "µ$", [float(each["replay_net"] - each["live_net"]) for each in found])
    result.notes.extend(row(n, one, each) for n, (one, each) in enumerate(zip(scenarios, found, strict=True), start=1))
    return result


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="real seconds of a run, at three times the speed")
    parser.add_argument("--runs", type=int, default=len(SCENARIOS), help="how many of the runs, from the first on")
    parser.add_argument("--folder", type=Path, default=None, help="where the runs stay; default: nowhere")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="profit-live-against-replay-") as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print("| run | what | decisions identical | round trips | live net $ | replay net $ | difference µ$ |")
        print("|---|---|---|---|---|---|---|", flush=True)
        different = 0
        for number, scenario in enumerate(SCENARIOS[: asked.runs], start=1):
            found = run(scenario, number, asked.seconds, folder)
            different += not found["identical"] or bool(found["trades"])
            print(row(number, scenario, found), flush=True)
    if different:
        raise SystemExit(f"{different} runs differ")


if __name__ == "__main__":
    main()
