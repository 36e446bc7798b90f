"""A run as `profit up` leaves it, without its hours: simulated feeds, and what a replay made of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from flows.replay.plan import ReplayPlan
from flows.replay.runner import begin, run_stages
from models.message import Message, Stored
from models.settings import Settings
from models.topics import FEEDS, PROMOTIONS
from tests.recordings import LAGGING, simulate


def make_run(folder: Path) -> None:
    """Feeds and all that came of them in ``folder/run/archive``, its settings beside it."""
    simulate(folder / "recording", 330, LAGGING)
    plan = ReplayPlan(
        archive=folder / "recording",
        run=folder / "replay",
        start="feeds",
        workers=1,
        batch_size=1_000,
        snapshot_s=60.0,
        settings=Settings(),
    )
    begin(plan)
    run_stages(plan, lambda stage: None)
    (folder / "run").mkdir()
    copy(folder / "recording", folder / "run" / "archive", FEEDS)
    copy(plan.output, folder / "run" / "archive", tuple(ArchiveReader(plan.output).topics()))
    with ArchiveWriter(folder / "run" / "archive", [PROMOTIONS]) as writer:  # of a flow that no replay runs
        writer.append_message(Message(PROMOTIONS, "fair_value", b"{}", 1_790_000_000 * 10**9, "learning", 0))
    (folder / "run" / "settings.json").write_text(Settings().model_dump_json())


def copy(
    source: Path,
    target: Path,
    topics: tuple[str, ...],
    change: Callable[[Stored], Stored | None] = lambda record: record,
) -> None:
    """The topics' records from one archive to another; ``change`` may alter one, or end the topic by None."""
    reader = ArchiveReader(source)
    with ArchiveWriter(target) as writer:
        for topic in topics:
            for record in reader.read(topic):
                changed = change(record)
                if changed is None:
                    break
                writer.append(changed)


def altered(made: Path, folder: Path, change: Callable[[Stored], Stored | None]) -> Path:
    """The archive of a copy of the run ``made``, with what ``change`` makes of its records."""
    copy(made / "archive", folder / "archive", tuple(ArchiveReader(made / "archive").topics()), change)
    shutil.copy(made / "settings.json", folder)
    return folder / "archive"
