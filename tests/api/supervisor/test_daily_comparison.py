"""Live against replay beside a running run: begun when it is due, its result kept, told, and never in the way."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from api.server.alerting import Alerting
from api.supervisor.daily_comparison import RESULT, DailyComparison, DailyResult
from flows.replay.comparison import ReplayComparison
from tests.api.server.records import telemetry
from tests.waiting import eventually

SAME = ReplayComparison(True, 900, 40, 40, None, 3, 5_000_000, 5_000_000, [])
OTHER = msgspec.structs.replace(SAME, identical=False, identical_decisions=39, replay_net=4_999_999)
DAY_S = 24 * 3_600.0


class Wall:
    def __init__(self) -> None:
        self.now = 1_796_000_000.0

    def __call__(self) -> float:
        return self.now


def job(folder: Path, wall: Wall, said: list[str], code: str, every_h: float = 24) -> DailyComparison:
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    return DailyComparison(folder, every_h, said.append, (sys.executable, "-c", code), wall)


def printing(result: ReplayComparison) -> str:
    return f"print({msgspec.json.encode(result).decode()!r})"


def ended(daily: DailyComparison, before: DailyResult | None) -> bool:
    daily.look()
    return daily.last is not before


def test_it_is_begun_when_it_is_due_and_not_before(tmp_path: Path) -> None:
    wall, said = Wall(), list[str]()
    daily = job(tmp_path, wall, said, printing(SAME))
    wall.now += DAY_S - 1
    daily.look()
    row = daily.row()
    assert (row.module, row.status, row.gauges["under_way"]) == ("comparison", "running", False)
    assert row.last_reason.startswith("the first one at 20")
    wall.now += 1
    daily.look()
    assert daily.row().gauges["under_way"]
    eventually(lambda: ended(daily, None), 30, "the comparison")
    row = daily.row()
    assert row.status == "running" and "identical, 40 of 40 decisions up to event 900" in row.last_reason
    assert (row.counts, row.gauges["net_difference"], row.gauges["journal"]) == ({"identical": 1}, 0, 900)
    assert row.gauges["due"] == wall.now + DAY_S and len(said) == 1
    assert json.loads((tmp_path / RESULT).read_text())["comparison"]["decisions"] == 40


def test_a_run_that_goes_on_knows_when_the_next_is_due(tmp_path: Path) -> None:
    wall = Wall()
    (tmp_path / RESULT).write_bytes(msgspec.json.encode(DailyResult(wall.now - DAY_S / 2, 9.0, OTHER)))
    daily = job(tmp_path, wall, [], printing(SAME))
    assert daily.row().status == "warning" and daily.row().gauges["due"] == wall.now + DAY_S / 2
    (tmp_path / RESULT).write_text("damaged")
    assert job(tmp_path, wall, [], "").row().gauges["due"] == wall.now + DAY_S


@pytest.mark.parametrize(
    ("code", "count", "reason"),
    [
        pytest.param(printing(OTHER), "different", "net differs by -0.000001 dollars", id="another result"),
        pytest.param("import sys; sys.exit('no room left')", "failed", "no room left", id="no result"),
        pytest.param("import os; os._exit(9)", "failed", "it ended with code 9", id="a death without a word"),
        pytest.param("print('{')", "failed", "it ended with code 0", id="half a result"),
    ],
)
def test_what_is_not_identical_is_a_warning_an_alert_and_said(
    code: str, count: str, reason: str, tmp_path: Path
) -> None:
    wall, said = Wall(), list[str]()
    daily = job(tmp_path, wall, said, code)
    wall.now += DAY_S
    daily.look()
    eventually(lambda: ended(daily, None), 30, "the comparison")
    row = daily.row()
    assert (row.status, row.counts) == ("warning", {count: 1}) and reason in row.last_reason and reason in said[0]
    sent: list[tuple[str, str]] = []
    alerting = Alerting(str, ("comparison",), lambda title, text: sent.append((title, text)))
    for number, status in enumerate(("running", "warning", "warning")):
        alerting.take(telemetry("comparison", number, status=status, why=row.last_reason), False)
    assert [(title, reason in text) for title, text in sent] == [("Live and replay differ", True)]


def test_its_processes_end_with_the_run(tmp_path: Path) -> None:
    wall = Wall()
    code = "import os, pathlib; pathlib.Path(sys.argv[1]).with_name(f'.comparison-{os.getpid()}-x').mkdir();"
    code = (
        f"import sys; {code} import subprocess; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    )
    daily = job(tmp_path, wall, [], code)
    wall.now += DAY_S
    daily.look()
    own = psutil.Process()  # which may have other children, of other tests
    assert daily._process is not None
    begun = psutil.Process(daily._process.pid)
    (tmp_path / f".comparison-{own.pid}-y").mkdir()  # of another process, which lives
    eventually(lambda: begun.children(recursive=True), 30, "both processes")
    family = [begun, *begun.children(recursive=True)]
    daily.close()
    gone, alive = psutil.wait_procs(family, 10)
    assert not alive and len(gone) >= 2
    assert [each.name for each in tmp_path.glob(".comparison-*")] == [f".comparison-{own.pid}-y"]
    daily.close()
