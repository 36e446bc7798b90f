"""`profit sweep`: what a strategy would have come to under each of many parameter sets, best first, with a warning."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from api.cli.progress import steps, when_told
from api.runs import RESEARCH, archive_of, check_name, locked
from connectors.failures import require_writable
from connectors.registry.trials import Trial, TrialJournal
from flows.research.evaluation import LineResult
from flows.research.grid import check_keys, combinations
from flows.research.journal import JournalData, data_of, journal_of
from flows.research.result import SetResult, best_is_luck, result_of
from flows.research.selection import Selection, selection_of
from flows.research.sweep import Sweep
from models.failures import Failure
from models.money import DOLLAR
from models.overriding import assignment
from models.settings import Settings, load
from models.strategies.instance import all_instances, instances
from models.strategies.registry import STRATEGIES

SWEEPS = "sweeps"
SHOWN = 30


class SweepReport(msgspec.Struct, frozen=True):
    """``results``: best net first. ``looked_at``: sets; ``tried``: of the same strategies ever, on whatever data.
    ``best_is_better_than_luck``: probability that the best one's true ratio is above that of the best of so many
    worthless ones; None where it cannot be said. ``selection``: what can be said of choosing among them; its numbers
    are places in ``results``."""

    name: str
    archive: str
    looked_at: int
    tried: int
    best_is_better_than_luck: float | None
    results: list[SetResult]
    selection: Selection = Selection(0)


def sweep(
    archive: Annotated[Path, typer.Argument(help="An archive, or the name or folder of a run.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUES", help="KEY=a,b,c or KEY=low:high:step; may be given often."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
    run: Annotated[str, typer.Option("--run", help="Name of the sweep; the same name goes on with a killed one.")] = "",
    instance: Annotated[str, typer.Option(help="Count this instance's trades alone.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Run the trading line on one journal under every combination of the values given, and list what each came to."""
    settings = load(config)
    sets = combinations(changes or ())
    if not changes:
        raise Failure("there is nothing to sweep.", "Give --set KEY=a,b,c or --set KEY=low:high:step.")
    check_keys(sets[0])
    source = archive_of(archive, settings.data_dir)
    base = _base(source, config) or settings
    if instance and instance not in all_instances(base):
        raise Failure(f"there is no instance {instance}.", f"There are {', '.join(all_instances(base))}.")
    name = check_name(run or time.strftime("sweep-%Y%m%dT%H%M%S", time.gmtime()))
    folder = settings.data_dir / SWEEPS / name
    made = Sweep(folder, source, sets, base)
    require_writable(folder)
    with locked(folder):
        of = _run(made, source, folder, base, workers)
    results = [result_of(each, made.done[number], instance) for number, each in enumerate(sets)]
    order = sorted(range(len(sets)), key=lambda number: (-results[number].net, number))
    lines = [made.done[number] for number in range(len(sets))]
    tried = _note(settings.data_dir / RESEARCH, base, of, sets, lines)
    luck = best_is_luck(lines, order[0], instance, tried - len(sets))
    selection = selection_of([lines[number] for number in order], instance)
    report = SweepReport(name, str(source), len(sets), tried, luck, [results[number] for number in order], selection)
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        _show(report)


def _base(source: Path, config: Path | None) -> Settings | None:
    from api.cli.replay import recorded_settings

    return recorded_settings(source) if config is None else None


def _run(made: Sweep, source: Path, folder: Path, base: Settings, workers: int) -> JournalData:
    """Evaluate what is left; the data that it was looked at on."""
    if made.done:
        print(f"going on: {len(made.done)} of {len(made.sets)} sets are done", file=sys.stderr)
    with steps() as begin:
        journal = journal_of(source, folder / "journal", base, when_told(begin, "making the journal"))
        told = begin(f"{len(made.sets)} sets")
        made.run(journal, workers, told)
        told(1.0)
    return data_of(source, journal)


def _note(
    folder: Path, base: Settings, of: JournalData, sets: Sequence[tuple[str, ...]], lines: Sequence[LineResult]
) -> int:
    """Every set is a trial of the strategies whose section it changes, of all that are on where it changes none. How
    many sets of the one that has most were ever looked at."""
    sections = {assignment(word)[0].partition(".")[0] for word in sets[0]}
    named = [name for name, strategy in STRATEGIES.items() if strategy.section in sections]
    subjects = named or sorted({each.strategy.name for each in instances(base)})
    strategies = {name: each.strategy.name for name, each in all_instances(base).items()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    trials = TrialJournal(folder)
    rows: list[Trial] = []
    for words, line in zip(sets, lines, strict=True):
        for subject in subjects:
            net = 0
            for trip in line.trips:
                net += trip.net if strategies.get(trip.instance) == subject else 0
            changes = tuple(sorted(words))
            rows.append(Trial(subject, changes, of.data, "sweep", now, net / DOLLAR, of.recording, of.last + 1))
    trials.add(rows)
    return max((trials.count(subject) for subject in subjects), default=len(sets))


def _show(report: SweepReport) -> None:
    console = Console()
    keys = [word.partition("=")[0] for word in report.results[0].changes]
    table = Table(*keys, "net $", "fees $", "trades", "hours", "won", "drawdown $", "worst trade $")
    for column in table.columns:
        column.justify = "right"
        column.overflow = "fold"
    for row in report.results[:SHOWN]:
        won = f"{row.won / row.trades:.0%}" if row.trades else "-"
        figures = (f"{row.net:,.2f}", f"{row.fees:,.2f}", f"{row.trades:,}", f"{row.hours:,}", won)
        values = [word.partition("=")[2] for word in row.changes]
        table.add_row(*values, *figures, f"{row.drawdown:,.2f}", f"{row.worst:,.2f}")
    console.print(table)
    if len(report.results) > SHOWN:
        print(f"and {len(report.results) - SHOWN} more: --json has all")
    print(f"sweep {report.name} of {report.archive}")
    if report.looked_at > 1:
        print(
            f"The first row is the best of {report.looked_at} on the very data it was chosen by: "
            "its figures are too good, the more so the more were looked at."
        )
        luck = report.best_is_better_than_luck
        told = "cannot be said: it has too few trades" if luck is None else f"{luck:.1%}"
        print(
            f"Probability that it is better than the best of all {report.tried} ever tried, were they worthless: {told}"
        )
        _show_selection(report.selection)
    print("What a set does on data it was not chosen by: profit validate")


def _show_selection(found: Selection) -> None:
    if found.overfitted is not None:
        print(
            f"Choosing the best on half of the {found.hours} hours chose one below the middle of the other half in "
            f"{found.overfitted:.0%} of the ways to cut them (PBO)."
        )
    if found.spa is not None:
        rows = ", ".join(str(number + 1) for number in found.better) or "none"
        print(f"That no set is better than not trading has p = {found.spa:.3f} (SPA); better are rows (StepM): {rows}.")
    if found.why:
        print(f"Not said of the choice: {found.why}")
