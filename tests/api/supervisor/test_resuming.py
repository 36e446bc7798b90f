"""What a run that goes on is told: why it cannot, and which changed settings do not come into force."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.runs import locked
from api.supervisor.resuming import refuse_fast_clock, unchanged
from api.supervisor.run import _no_empty_folder
from models.failures import Failure
from models.settings import Checks, Portfolio, Settings, Simulator


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


@pytest.mark.parametrize(("speed", "feeds", "refused"), [(1, "sim", False), (4, "live", False), (4, "sim", True)])
def test_a_simulated_clock_that_ran_ahead_cannot_go_on(speed: float, feeds: str, refused: bool, tmp_path: Path) -> None:
    folder = begun(tmp_path / "evening", Settings(simulator=Simulator(speed=speed)))
    refuse_fast_clock(tmp_path / "new", feeds)
    if not refused:
        refuse_fast_clock(folder, feeds)
        return
    with pytest.raises(Failure, match=r"the run evening cannot go on.*speed 4") as cause:
        refuse_fast_clock(folder, feeds)
    assert "--run NAME" in cause.value.cure


@pytest.mark.parametrize(("left", "stays"), [((), False), (("run.json",), True), (("logs/broker.log",), True)])
def test_a_run_that_could_not_begin_leaves_no_empty_folder(left: tuple[str, ...], stays: bool, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "evening"
    with pytest.raises(Failure, match="away"), _no_empty_folder(folder), locked(folder):
        for name in left:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("said")
        raise Failure("the cluster is away.", "Start it.")
    assert folder.exists() == stays
