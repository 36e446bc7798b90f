"""`profit replay`: run the flows again on an archive, and say what came of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from models.failures import Failure
from models.settings import Settings, load

if TYPE_CHECKING:
    from flows.replay.plan import Plan, Stage
    from flows.replay.summary import Summary
    from flows.replay.verify import Verification

_LOOK_S = 0.5  # seconds between looks at how far a stage is


def replay(
    archive: Annotated[Path, typer.Argument(help="An archive, or the folder of a run.")],
    start: Annotated[Literal["feeds", "journal"], typer.Option("--from", help="Where to begin.")] = "feeds",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    verify: Annotated[bool, typer.Option("--verify", help="Compare with what the archive recorded.")] = False,
    run: Annotated[str, typer.Option("--run", help="Name of the run; the same name resumes a killed one.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, max=100_000, help="Records a batch.")] = 1_000,
    snapshot_s: Annotated[float, typer.Option(min=0.05, max=60, help="Seconds between snapshots.")] = 2.0,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Rerun the flows on archived topics, as fast as they go, into an archive and a DuckDB of that run."""
    settings = load(config)
    source = _archive_of(archive)
    recorded_settings = source.parent / "settings.json"
    if recorded_settings.is_file() and config is None:
        settings = Settings.model_validate_json(recorded_settings.read_bytes())
    if verify:
        _verify(source, archive, start, workers, as_json, batch_size, snapshot_s, settings)
        return
    name = run or time.strftime("replay-%Y%m%dT%H%M%S", time.gmtime())
    folder = load(config).data_dir / "runs" / name
    plan = _plan(source, folder, start, workers, batch_size, snapshot_s, settings)
    summary = _run(plan, quiet=False)
    if as_json:
        print(msgspec.json.encode(summary).decode())
    else:
        show_summary(summary, plan.run)


def _archive_of(path: Path) -> Path:
    from connectors.archive.reader import ArchiveReader

    for folder in (path, path / "archive"):
        if folder.is_dir() and ArchiveReader(folder).topics():
            return folder.resolve()
    raise Failure(f"{path} is no archive: there is no topic in it.", "Name the folder that holds topic=… folders.")


def _plan(
    source: Path,
    folder: Path,
    start: Literal["feeds", "journal"],
    workers: int,
    batch_size: int,
    snapshot_s: float,
    settings: Settings,
) -> Plan:
    from connectors.archive.reader import ArchiveReader
    from flows.replay.plan import Plan, goes_by_its_own
    from models.topics import FEEDS, JOURNAL

    topics = set(ArchiveReader(source).topics())
    if start == "journal" and JOURNAL not in topics:
        raise Failure(f"{source} holds no journal.", "Replay it --from feeds, or name the archive of a run.")
    if start == "feeds" and not topics & set(FEEDS):
        raise Failure(f"{source} holds no feed topic.", "Replay it --from journal, or name a recording.")
    return Plan(
        archive=source,
        run=folder.resolve(),
        start=start,
        workers=workers,
        batch_size=batch_size,
        snapshot_s=snapshot_s,
        settings=settings,
        fixed=not goes_by_its_own(source, settings),
    )


def _run(plan: Plan, quiet: bool) -> Summary:
    from connectors.archive.reader import ArchiveReader
    from connectors.audit.build import build_from_archive
    from flows.replay.runner import begin, run_stages
    from flows.replay.summary import summarise
    from models.topics import FEEDS, JOURNAL, SCANS

    begun = time.perf_counter()
    if begin(plan) and not quiet:
        print(f"resuming the run {plan.run.name}", file=sys.stderr)
    source = ArchiveReader(plan.archive)
    feeds = 0
    for topic in FEEDS:
        feeds += source.count(topic)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = Console(stderr=True, quiet=quiet)
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        tasks = {stage: bar.add_task(f"{stage} flow", total=1.0, start=False) for stage in plan.stages}
        looks = dict.fromkeys(plan.stages, 0.0)
        span: list[int] = []

        def progress(stage: Stage) -> None:
            """How far a stage is: journal events out of feed records, then event time out of the journal's span."""
            now = time.perf_counter()
            if now - looks[stage] < _LOOK_S:
                return
            if not looks[stage]:
                bar.start_task(tasks[stage])
            looks[stage] = now
            written = ArchiveReader(plan.output)
            if stage == "market":
                bar.update(tasks[stage], completed=min(written.count(JOURNAL) / max(feeds, 1), 1.0))
                return
            if not span:
                journal = ArchiveReader(plan.journal).contents(JOURNAL)
                span.extend((journal.first_ns, max(journal.last_ns - journal.first_ns, 1)))
            reached = written.contents(SCANS).last_ns
            bar.update(tasks[stage], completed=max(reached - span[0], 0) / span[1])

        run_stages(plan, progress)
        for task in tasks.values():
            bar.update(task, completed=1.0)
    seconds = time.perf_counter() - begun
    build_from_archive(plan.output, plan.run / "audit.duckdb")
    summary = summarise(plan.archive, plan.journal, plan.output, seconds, plan.start == "feeds")
    (plan.run / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    return summary


def _verify(
    source: Path,
    named: Path,
    start: Literal["feeds", "journal"],
    workers: int,
    as_json: bool,
    batch_size: int,
    snapshot_s: float,
    settings: Settings,
) -> None:
    """Recompute a recorded run in a folder of its own, and compare."""
    from flows.replay.plan import PLAN, load_plan
    from flows.replay.verify import compare

    read_from = source
    if (source.parent / PLAN).is_file():  # a replay: its input is elsewhere, its settings are its own
        recorded = load_plan(source.parent)
        settings, start = recorded.settings, recorded.start
        read_from = recorded.archive
    folder = Path(tempfile.mkdtemp(prefix="profit-verify-"))
    try:
        plan = _plan(read_from, folder / "run", start, workers, batch_size, snapshot_s, settings)
        _run(plan, quiet=as_json)
        result = compare(source, plan.output, with_journal=start == "feeds")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        _show_verification(result, named)
    if not result.identical:
        raise SystemExit(1)


def _show_verification(result: Verification, named: Path) -> None:
    if result.divergence is None:
        counts = ", ".join(f"{topic} {count}" for topic, count in result.compared.items())
        print(f"identical: {named} ({counts})")
        for topic, count in result.missing.items():
            print(f"  the recording ends {count} records of {topic} earlier than its feeds allow")
        return
    where = result.divergence
    print(f"first divergence: {where.topic} at offset {where.offset}")
    print(f"  recorded: {where.recorded or '(nothing)'}\n  replayed: {where.replayed or '(nothing)'}")


def show_summary(summary: Summary, folder: Path) -> None:
    """Print a run's figures."""
    console = Console()
    table = Table(title=f"run {folder.name}", show_header=False)
    for name in (
        "feed_events",
        "journal_events",
        "markets_settled",
        "decisions",
        "orders",
        "fills",
        "ledger_imbalance",
        "seconds",
        "events_per_second",
        "digest",
    ):
        table.add_row(name.replace("_", " "), str(getattr(summary, name)))
    console.print(table)
    money = Table("strategy", "trades", "gross $", "fees $", "net $", title="realised, after costs")
    for name, result in summary.strategies.items():
        money.add_row(name, str(result.trades), f"{result.gross:.2f}", f"{result.fees:.2f}", f"{result.net:.2f}")
    console.print(money)
    for title, counts in (("blocks", summary.blocks), ("quality", summary.quality)):
        reasons = Table("reason", "count", title=title)
        for reason, count in counts.items():
            reasons.add_row(reason, str(count))
        console.print(reasons)
    console.print(f"in {folder}: archive/, audit.duckdb, summary.json")
