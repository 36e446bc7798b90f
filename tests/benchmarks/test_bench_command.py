"""`profit bench`: the quick benchmarks run and have their shape. No figure is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.strategies.registry import STRATEGIES

ROOT = Path(__file__).parent.parent.parent


def bench(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PROFIT_TEST_TRACEBACK"}
    command = [sys.executable, "-P", "-m", "api.cli.main", "bench", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False)


def measured(*words: str) -> dict[str, Any]:
    """The only result of one quick benchmark."""
    done = bench("--quick", "--json", *words)
    assert done.returncode == 0, done.stderr
    reported = json.loads(done.stdout)
    assert reported["quick"] and reported["machine"]["cores"]
    (result,) = reported["results"]
    assert isinstance(result, dict)
    return result


def medians(result: dict[str, Any]) -> dict[str, float]:
    for figure in result["figures"]:
        assert figure["min"] <= figure["median"] <= figure["max"]
    return {figure["name"]: figure["median"] for figure in result["figures"]}


def test_outside_the_project_folder_it_says_where_to_run(tmp_path: Path) -> None:
    done = bench("market", cwd=tmp_path)
    assert done.returncode == 1
    assert "no folder `benchmarks`" in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    done = bench("speed")
    assert done.returncode == 1
    assert "no benchmark speed" in done.stderr and "market, trading, broker, latency, memory" in done.stderr


def test_market_without_recordings_is_skipped(tmp_path: Path) -> None:
    result = measured("market", "--data", str(tmp_path))
    assert "no recording" in result["skipped"] and result["figures"] == []


def test_without_another_engine_peers_is_skipped_and_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERS_PYTHON", sys.executable)
    result = measured("peers")
    assert "PEERS_PYTHON" in result["skipped"] and result["figures"] == []


@pytest.mark.takes(12)
def test_market_on_real_frames(recordings: Path) -> None:
    figures = medians(measured("market", "--data", str(recordings)))
    assert figures["decoding alone"] > 0
    assert figures["market flow / decoding alone"] == pytest.approx(figures["market flow"] / figures["decoding alone"])


@pytest.mark.integration
def test_trading() -> None:
    figures = medians(measured("trading"))
    assert figures["trading flow / bare pass-through"] == pytest.approx(
        figures["trading flow"] / figures["bare pass-through"]
    )


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.takes(30)
def test_the_broker_alone() -> None:
    figures = medians(measured("broker"))
    assert 0 < figures["100/s, linger 1 ms: hop p50"] <= figures["100/s, linger 1 ms: hop p99"]
    assert all(figures[name] > 0 for name in ("writing", "reading", "start on all that, after kill -9"))


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.takes(40)
def test_latency_on_the_embedded_broker() -> None:
    result = measured("latency")
    figures = medians(result)
    assert 0 < figures["embedded: feed to scan p50"] <= figures["embedded: feed to scan p99"]
    assert any("Apache Kafka was not measured" in note for note in result["notes"])


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.takes(60)
def test_memory_of_the_whole_system() -> None:
    figures = medians(measured("memory"))
    for process in ("simulate", "record", "flow market", "flow trading", "flow audit", "supervisor", "broker"):
        assert figures[f"{process}: peak"] >= figures[f"{process}: at 50%"] > 0
    assert figures["speed reached"] > 0


@pytest.mark.takes(15)
def test_dying_edge() -> None:
    result = measured("dying_edge")
    figures = medians(result)
    assert set(figures) == {"made at best", "deepest drawdown", "size at the end, of the full one"}
    assert figures["deepest drawdown"] >= 0 and any("a quarter of the full size" in note for note in result["notes"])


@pytest.mark.takes(10)
def test_promotion_nulls() -> None:
    result = measured("promotion_nulls")
    figures = medians(result)
    assert figures["null streams"] == 60 and figures["false promotions to active"] <= 3
    assert any("by kind" in note for note in result["notes"])


@pytest.mark.slow
@pytest.mark.takes(30)
def test_maker() -> None:
    figures = medians(measured("maker"))
    for place in ("join", "improve", "behind"):
        assert figures[f"{place}: earned"] < figures[f"{place}: spread"]


def test_families() -> None:
    result = measured("families")
    names = {figure["name"].split(",")[0] for figure in result["figures"]}
    assert names == set(STRATEGIES)
    assert len(result["notes"]) == len(result["figures"]) == 2 * len(STRATEGIES)
