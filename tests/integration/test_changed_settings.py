"""A run that is started again with other settings, for real: they are in force, and the whole recording verifies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.kafka.admin import create_topics
from connectors.kafka.reader import Reader
from models.contracts import Decision
from models.settings import Kafka
from models.topics import DECISIONS
from tests.conftest import ROOT
from tests.integration.test_up import Up, ups
from tests.waiting import eventually

pytestmark = pytest.mark.integration

__all__ = ["ups"]

QUICK = {
    "PROFIT_SIMULATOR_LAG_S": "4",
    "PROFIT_SIMULATOR_MAKER_ERROR": "0.08",
    "PROFIT_SIMULATOR_FRAMES_PER_S": "8",
    "PROFIT_FAIR_VALUE_WARM_UP_S": "20",
    "PROFIT_FEEDS_HORIZONS": '["5m"]',
}


def decisions(kafka: str) -> list[Decision]:
    reader = Reader(Kafka(), kafka, [DECISIONS])
    try:
        low, _ = reader.watermarks(DECISIONS)
        reader.start({DECISIONS: low})
        found: list[Decision] = []
        quiet = 0
        while quiet < 3:
            records = reader.read(1_000, 0.2)
            quiet = 0 if records else quiet + 1
            found.extend(Decision.read(record.value) for record in records)
        return found
    finally:
        reader.close()


def end(up: Up) -> None:
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(400) == 0, up.text()


def profit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli.main", *words],
        cwd=ROOT,
        env=os.environ | {"PROFIT_DATA_DIR": str(folder), "PROFIT_API_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.takes(200)
def test_a_lowered_cap_is_in_force_after_a_restart_and_the_recording_verifies(
    clean_kafka: str, tmp_path: Path, ups: list[Up]
) -> None:
    create_topics(Kafka(), clean_kafka)
    up = Up(tmp_path, "--feeds", "sim", "--kafka", clean_kafka, **QUICK)
    ups.append(up)
    eventually(lambda: any(d.action == "enter" for d in decisions(clean_kafka)), 300, "an entry")
    end(up)
    before = decisions(clean_kafka)
    stored = (up.run / "settings.json").read_bytes()

    up = Up(tmp_path, "--feeds", "sim", "--kafka", clean_kafka, **QUICK, PROFIT_PORTFOLIO_CAP_TOTAL="0.01")
    ups.append(up)
    eventually(
        lambda: any(d.reason == "cap_total" for d in decisions(clean_kafka)[len(before) :]), 300, "the cap refuses"
    )
    end(up)
    after = decisions(clean_kafka)[len(before) :]
    first = next(n for n, each in enumerate(after) if each.configuration != before[0].configuration)
    assert not any(each.action == "enter" for each in after[first:])
    assert {each.configuration for each in after[:first]} <= {before[0].configuration}
    assert (up.run / "settings.json").read_bytes() == stored

    verified = profit(tmp_path, "replay", "test", "--verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "identical" in verified.stdout

    other = profit(tmp_path, "up", "--run", "other", "--feeds", "sim", "--kafka", clean_kafka, "--duration", "5")
    assert other.returncode == 1
    assert "hold the records of the run test" in other.stderr
    assert "Traceback" not in other.stderr
