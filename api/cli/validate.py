"""`profit validate`: every strategy walked forward over a recorded journal, with a verdict and what that rests on."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from api.runs import archive_of
from connectors.archive.reader import ArchiveReader
from connectors.failures import require_writable
from connectors.registry.trials import HoldoutUse, Trial, TrialJournal
from flows.research.evaluation import Evaluation
from flows.research.journal import journal_of
from flows.research.validation import SHARES, Validation, evaluated, plan, sets_of, validate
from models.failures import Failure
from models.money import DOLLAR
from models.settings import Settings, load
from models.statistics.splits import WalkStep
from models.strategies.registry import STRATEGIES
from models.topics import JOURNAL

RESEARCH = "research"
LEAST_NS = 600 * 10**9


def validate_command(
    archive: Annotated[Path, typer.Argument(help="An archive, or the name or folder of a run.")],
    anchored: Annotated[bool, typer.Option("--anchored", help="Train from the beginning on, not on a window.")] = False,
    holdout: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of the journal at its end that nothing is chosen by.")
    ] = 0.0,
    because: Annotated[str, typer.Option(help="What a second look at a holdout is for.")] = "",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Walk every strategy forward: chosen on train and validation windows, judged by the test windows after them."""
    settings = load(config)
    source = archive_of(archive, settings.data_dir)
    folder = settings.data_dir / RESEARCH
    require_writable(folder)
    lines, journal = _evaluated(source, folder, settings, workers)
    contents = ArchiveReader(journal).contents(JOURNAL)
    data = hashlib.sha256(f"{contents.first_ns} {contents.last_ns} {contents.records}".encode()).hexdigest()[:12]
    end = contents.last_ns - round((contents.last_ns - contents.first_ns) * holdout)
    if end - contents.first_ns < LEAST_NS:
        raise Failure(f"{source} spans less than ten minutes.", "Name a longer recording.")
    steps = plan(contents.first_ns, end, anchored)
    held = _held(contents.first_ns, end, contents.last_ns + 1, anchored) if holdout else None
    trials = TrialJournal(folder)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found: list[Validation] = []
    if held is not None:
        for name in STRATEGIES:
            trials.use_holdout(HoldoutUse(name, data, end, now, because))
    for name in STRATEGIES:
        _note(trials, settings, name, lines, data, now)
        found.append(validate(settings, name, lines, steps, trials.count(name), held))
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        _show(found, steps, source)


def _evaluated(source: Path, folder: Path, settings: Settings, workers: int) -> tuple[list[Evaluation], Path]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    name = hashlib.sha256(str(source).encode()).hexdigest()[:12]
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        reading = bar.add_task("making the journal", total=1.0)
        kept = folder / "journals" / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        journal = journal_of(source, kept, settings, lambda share: bar.update(reading, completed=share))
        bar.update(reading, completed=1.0, visible=False)
        task = bar.add_task("walking", total=1.0)
        return evaluated(journal, settings, workers, lambda share: bar.update(task, completed=share)), journal


def _held(first: int, end: int, last: int, anchored: bool) -> WalkStep:
    """The step whose test window is what is held out."""
    validation = round((end - first) * SHARES[1])
    train = first if anchored else end - validation - round((end - first) * SHARES[0])
    return WalkStep((train, end - validation), (end - validation, end), (end, last))


def _note(trials: TrialJournal, base: Settings, name: str, lines: list[Evaluation], data: str, now: str) -> None:
    rows = []
    for words, line in zip(sets_of(base, name), lines, strict=True):
        net = 0
        for trip in line.trips:
            net += trip.net if trip.instance == name else 0
        rows.append(Trial(name, words, data, "validate", now, net / DOLLAR))
    trials.add(rows)


def _show(found: list[Validation], steps: tuple[WalkStep, ...], source: Path) -> None:
    console = Console()
    figures = ("trades", "hours", "markets", "net $", "a share", "95%", "deflated", "tried", "reach")
    table = Table("strategy", "verdict", *figures)
    for column in table.columns[2:]:
        column.justify = "right"
    for each in found:
        for label, verdict in ((each.verdict.strategy, each.verdict), ("  held out", each.holdout)):
            if verdict is None:
                continue
            interval = "-" if verdict.low is None else f"{verdict.low:+.3f} … {verdict.high:+.3f}"
            reach = "never" if verdict.reachable_h is None else f"{verdict.reachable_h:,.0f} h"
            table.add_row(
                label,
                verdict.word,
                f"{verdict.trades:,}",
                f"{verdict.observations:,}",
                f"{verdict.markets:,}",
                f"{verdict.net:,.2f}",
                "-" if verdict.mean is None else f"{verdict.mean:+.4f}",
                interval,
                "-" if verdict.deflated is None else f"{verdict.deflated:.2f}",
                str(verdict.tried),
                reach,
            )
    console.print(table)
    print(f"{source}: {len(steps)} test windows from {_utc(steps[0].test[0])} to {_utc(steps[-1].test[1])}")
    for each in found:
        print(f"{each.verdict.strategy}: {each.verdict.word}: {each.verdict.why}")
    print("reach: hours of such trading until a promotion, with even chances, at the mean and rate of the test windows")
    if any(each.verdict.word == "insufficient data" for each in found):
        print("insufficient data is no pass: record more, or lower what you ask.", file=sys.stderr)


def _utc(t: int) -> str:
    return datetime.fromtimestamp(t // 10**9, UTC).strftime("%Y-%m-%d %H:%M")
