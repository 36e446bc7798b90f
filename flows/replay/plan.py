"""What a replay is: where it reads, where it writes, and its stages. One JSON file in the run's folder says it all."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Literal

from bytewax.dataflow import Dataflow
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.archive.sink import output
from connectors.archive.source import ArchiveFeedSource, ArchiveSource
from flows import market, trading
from models.configuration import IRRELEVANT, configuration_id, with_relevant
from models.failures import Failure
from models.settings import Settings
from models.topics import JOURNAL, QUALITY, TELEMETRY

Stage = Literal["market", "trading"]
#: Topics that both stages write.
SHARED = (QUALITY, TELEMETRY)
PLAN = "plan.json"
SUMMARY = "summary.json"


class ReplayPlan(BaseModel):
    """A replay's parameters. A run is resumed only with the plan it was begun with. ``fixed``: the configurations
    that the journal states are passed over. ``until``: the last offset of each feed and input topic that is read; empty
    for all (``flows.replay.prefix``). ``since``: the first one, where it is not the topic's first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    archive: Path
    run: Path
    start: Literal["feeds", "journal"]
    workers: int
    batch_size: int
    snapshot_s: float
    settings: Settings
    fixed: bool = False
    until: dict[str, int] = {}
    since: dict[str, int] = {}

    @property
    def output(self) -> Path:
        """The archive the run writes."""
        return self.run / "archive"

    @property
    def aside(self) -> Path:
        """The archive of what the trading stage writes to topics that the market stage writes at the same time."""
        return self.run / "aside"

    @property
    def stages(self) -> tuple[Stage, ...]:
        return ("market", "trading") if self.start == "feeds" else ("trading",)

    @property
    def journal(self) -> Path:
        """The archive that holds the run's journal."""
        return self.output if self.start == "feeds" else self.archive

    def recovery(self, stage: Stage) -> Path:
        return self.run / "recovery" / stage

    def done(self, stage: Stage) -> Path:
        """The file that says that a stage is complete."""
        return self.run / f"{stage}.done"

    @property
    def summary(self) -> Path:
        """What it came to; written last, so that a run without it is not finished."""
        return self.run / SUMMARY

    def save(self) -> None:
        self.output.mkdir(parents=True, exist_ok=True)
        (self.run / PLAN).write_text(self.model_dump_json(indent=1))


def load_plan(run: Path) -> ReplayPlan:
    """Raises Failure when the folder holds no replay."""
    path = run / PLAN
    if not path.is_file():
        raise Failure(f"{run} holds no replay: there is no {PLAN}.", "Name the folder of a replay's run.")
    try:
        plan = ReplayPlan.model_validate_json(path.read_bytes())
    except ValidationError:
        raise Failure(
            f"{path} is no plan of this version, or is damaged.", "Replay again with another --run name."
        ) from None
    return plan.model_copy(update={"run": run.resolve()})  # where it is now: folders get moved


def inputs_of_run(archive: Path) -> Path:
    """The archive that the run which wrote ``archive`` had its feeds from: of a replay the one that it replayed, else
    ``archive`` itself. Raises Failure for a damaged plan."""
    return load_plan(archive.parent).archive if (archive.parent / PLAN).is_file() else archive


def goes_by_its_own(archive: Path, settings: Settings) -> bool:
    """Whether a replay of ``archive`` under ``settings`` follows the configurations that were stated in it: where these
    are the settings its run began with, and its flows went by what they stated (an archive that is played states what
    was in force elsewhere). Under others it asks what would have been, and they stand."""
    try:
        began = json.loads((archive.parent / "settings.json").read_bytes())
        feeds = json.loads((archive.parent / "run.json").read_bytes())["feeds"] if _has(archive, "run.json") else "live"
    except (OSError, ValueError, KeyError):
        return False
    if feeds not in ("sim", "live"):
        return False
    stated = {name: value for name, value in began.items() if name not in IRRELEVANT}
    try:
        return configuration_id(with_relevant(settings, stated)) == configuration_id(settings)
    except Failure:
        return False


def _has(archive: Path, name: str) -> bool:
    return (archive.parent / name).is_file()


def flow_of(plan: ReplayPlan, stage: Stage) -> Dataflow:
    """The stage's dataflow between its archives."""
    if stage == "market":
        feeds = ArchiveFeedSource(plan.archive, plan.batch_size, until=plan.until, since=plan.since)
        attach = partial(output, directory=plan.output, promptly=(JOURNAL,))
        return market.build(feeds, attach, plan.settings, plan.fixed)
    written = plan.done("market").is_file if "market" in plan.stages else None
    journal = ArchiveSource(plan.journal, JOURNAL, plan.batch_size, written=written)
    elsewhere = dict.fromkeys(SHARED, plan.aside) if "market" in plan.stages else None
    attach = partial(output, directory=plan.output, elsewhere=elsewhere)
    return trading.build(journal, attach, plan.settings, plan.fixed)
