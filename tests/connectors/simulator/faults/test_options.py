"""`--faults FILE` on the command line: from the file to the exchange that runs it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from api.cli.up import up
from api.supervisor.run import RunRequest, children
from connectors.simulator.child import child_exchange
from models.failures import Failure
from models.settings import Settings

ROOT = Path(__file__).parents[4]


def test_a_child_exchange_runs_the_file() -> None:
    with child_exchange(["--faults", str(ROOT / "docs" / "faults-mixed.toml")]) as urls:
        faults = httpx.get(urls.clock.removesuffix("/clock") + "/faults", timeout=60).json()
    assert faults["seed"] == 7
    assert len(faults["timeline"]) == 43
    assert {each["kind"] for each in faults["running"]} >= {"resolves_late", "resolves_never"}


def test_the_supervisor_hands_the_file_to_its_exchange(tmp_path: Path) -> None:
    chosen = tmp_path / "faults.toml"
    order = RunRequest("sim", "", None, "run", None, faults=chosen)
    by_name = {spec.name: spec.command for spec in children(order, "host:1", tmp_path, Settings())}
    at = by_name["simulator"].index("--faults")
    assert by_name["simulator"][at + 1] == str(chosen)
    assert all("--faults" not in command for name, command in by_name.items() if name != "simulator")


def test_a_bad_file_stops_everything_before_it_starts(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('[[fault]]\nkind = "lost"\nat_s = 1\n')
    with pytest.raises(Failure, match="venue is missing"):
        up(feeds="sim", kafka="", duration=None, run="", speed=1.0, faults=bad, config=None)
    with pytest.raises(Failure, match="--feeds live"):
        up(feeds="live", kafka="", duration=None, run="", speed=1.0, faults=bad, config=None)
