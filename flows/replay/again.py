"""A recorded run repeated in a folder of its own, and compared with what was recorded."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import psutil

from connectors.failures import can_write
from flows.replay.comparison import ALL, ReplayComparison, compare_runs
from flows.replay.plan import PLAN, ReplayPlan, Stage, goes_by_its_own, load_plan
from flows.replay.prefix import prefix_of
from flows.replay.runner import begin, run_stages
from flows.replay.shortfalls import shortfalls
from models.failures import Failure
from models.settings import Settings, recorded

SETTINGS: Final = "settings.json"
#: Beside the archive while a comparison is under way, with its process's id behind it.
ASIDE: Final = ".comparison-"


def repeating(archive: Path, folder: Path, settings: Settings | None = None, fixed: bool | None = None) -> ReplayPlan:
    """How to repeat, in ``folder``, the run that wrote ``archive``: a replay as it was made, a recorded run from its
    feeds under the settings it began with. ``settings``, ``fixed``: instead of those beside the archive. Raises
    Failure."""
    if settings is None and (archive.parent / PLAN).is_file():
        made = load_plan(archive.parent)
        return made.model_copy(update={"run": folder.resolve(), "workers": 1})
    if settings is None:
        if not (archive.parent / SETTINGS).is_file():
            raise Failure(
                f"{archive} is not that of a run: there is no {SETTINGS} beside it.",
                "Name a run of `profit up` or `profit replay`.",
            )
        settings = recorded(archive.parent / SETTINGS)
    return ReplayPlan(
        archive=archive,
        run=folder.resolve(),
        start="feeds",
        workers=1,
        batch_size=1_000,
        snapshot_s=60.0,
        settings=settings.replayed(),
        fixed=not goes_by_its_own(archive, settings) if fixed is None else fixed,
    )


def compare_again(
    archive: Path, running: bool, owner: int = 0, progress: Callable[[Stage], None] = lambda stage: None
) -> ReplayComparison:
    """Repeat the run that wrote ``archive`` and compare. Of one that is ``running``, or that was cut off, the longest
    part that its archive holds whole (``flows.replay.prefix``). ``owner``: id of the process that the replay's folder
    goes with. Raises Failure."""
    is_replay = (archive.parent / PLAN).is_file()
    lacking = [] if running or is_replay else shortfalls(archive)
    place = archive.parent if can_write(archive.parent) is None else None
    if place is not None:
        remove_left(place)
    folder = Path(tempfile.mkdtemp(prefix=f"{ASIDE}{owner}-", dir=place))
    try:
        plan, last = repeating(archive, folder / "run"), ALL
        if running or lacking:
            prefix = prefix_of(archive)
            plan, last = plan.model_copy(update={"until": prefix.until}), prefix.journal
        begin(plan)
        run_stages(plan, progress)
        return msgspec.structs.replace(compare_runs(archive, plan.output, last), lacking=lacking)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_left(place: Path) -> None:
    """Remove what comparisons that were killed have left in the folder of a run."""
    for left in place.glob(f"{ASIDE}*"):
        process = left.name.removeprefix(ASIDE).partition("-")[0]
        if not (process.isdigit() and psutil.pid_exists(int(process))):
            shutil.rmtree(left, ignore_errors=True)
