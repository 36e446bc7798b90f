"""A run that is killed with -9 half-way, ahead of the clock, goes on; and its replay is it, to the micro-dollar."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.runs import archive_of
from benchmarks.live_against_replay import Scenario, row, run
from connectors.archive.reader import ArchiveReader
from models.contracts import Quality
from models.journal import Feed, decode_event
from models.reasons import Reason
from models.topics import JOURNAL, QUALITY
from tests.eager import EAGER

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.takes(180)]


def test_a_run_killed_half_way_goes_on_and_its_replay_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in EAGER.items():
        monkeypatch.setenv(name, value)
    scenario = Scenario("everything killed", kill="all", later={"PORTFOLIO_CAP_MARKET": "40"})
    found = run(scenario, 1, 90.0, tmp_path)
    assert found["identical"] and found["trades"] == [] and found["lacking"] == []
    assert found["decisions"] == found["identical_decisions"] > 0
    assert row(1, scenario, found).endswith("| 0 |")
    reader = ArchiveReader(archive_of(Path("run-01"), tmp_path))
    reasons = {Quality.read(each.value).reason for each in reader.read(QUALITY)}
    assert Reason.CLOCK_BACKWARDS not in reasons, "the second exchange begins where the first one ended"
    events = [decode_event(each.value) for each in reader.read(JOURNAL)]
    begun = [each for each in events if isinstance(each, Feed) and each.what == "start of run"]
    assert len(begun) >= 2, "both parts are in the journal"
