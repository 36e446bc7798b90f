"""What a run that goes on is told: why it cannot, and which changed settings do not come into force."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.runs import locked
from api.supervisor.resuming import refuse_clock_ahead, unchanged
from api.supervisor.run import _no_empty_folder
from connectors.clock import NS
from connectors.simulator.last_moment import moment_file, note_moment
from models.failures import Failure
from models.settings import Checks, Portfolio, Settings


def begun(folder: Path, settings: Settings) -> Path:
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(settings.model_dump_json(indent=1))
    return folder


def test_what_stays_as_the_run_began_is_named_with_its_reason(tmp_path: Path) -> None:
    folder = begun(tmp_path / "evening", Settings())
    changed = Settings(portfolio=Portfolio(capital=500, cap_total=1), checks=Checks(window_s=60))
    assert unchanged(folder, Settings()) == []
    capital, window = unchanged(folder, changed)
    assert capital.startswith("portfolio.capital stays 10000 and does not become 500: capital is paid in once")
    assert window.startswith("checks.window_s stays 10 and does not become 60: ")
    assert unchanged(tmp_path / "new", changed) == []


def test_a_run_ahead_of_the_clock_goes_on_with_its_exchange_and_with_real_feeds_when_the_clock_has_come_there(
    tmp_path: Path,
) -> None:
    folder, wall = tmp_path / "evening", time.time_ns()
    folder.mkdir()
    refuse_clock_ahead(folder, "live", "exchange.json", wall)  # it never had a simulated exchange
    ahead = wall + 3_600 * NS
    note_moment(moment_file(folder / "exchange.json"), StandingClock(ahead, 60.0))
    refuse_clock_ahead(folder, "sim", "exchange.json", wall)
    with pytest.raises(Failure, match=r"evening cannot go on with --feeds live before 20.* UTC: ") as cause:
        refuse_clock_ahead(folder, "live", "exchange.json", wall)
    assert "60.0 minutes ahead" in cause.value.cause
    assert "--feeds sim" in cause.value.cure and "--run NAME" in cause.value.cure
    five = 5 * 60 * NS  # it may have gone on for five real seconds after its note
    with pytest.raises(Failure):
        refuse_clock_ahead(folder, "live", "exchange.json", ahead + five - NS)
    refuse_clock_ahead(folder, "live", "exchange.json", ahead + five + NS)


@dataclass
class StandingClock:
    t: int
    speed: float

    def now_ns(self) -> int:
        return self.t


@pytest.mark.parametrize(("left", "stays"), [((), False), (("run.json",), True), (("logs/broker.log",), True)])
def test_a_run_that_could_not_begin_leaves_no_empty_folder(left: tuple[str, ...], stays: bool, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "evening"
    with pytest.raises(Failure, match="away"), _no_empty_folder(folder), locked(folder):
        for name in left:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("said")
        raise Failure("the cluster is away.", "Start it.")
    assert folder.exists() == stays
