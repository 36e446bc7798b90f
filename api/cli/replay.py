"""`profit replay`: run the flows again on an archive, and say what came of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from api.cli.run_figures import show_summary
from api.cli.why import shorten
from api.runs import archive_of, folder_of, locked
from connectors.failures import require_writable
from models.failures import Failure
from models.overriding import overridden
from models.settings import ConfigurationError, Settings, load, overrides, recorded

if TYPE_CHECKING:
    from flows.replay.plan import ReplayPlan, Stage
    from flows.replay.summary import RunSummary
    from flows.replay.verify import Verification

_LOOK_S = 0.5  # seconds between looks at how far a stage is
_DIFFERENCES = 8  # fields of two records that are shown
#: What a topic's records are, where that is not its name: the report counts orders, and each has several states.
_ROWS = {"journal": "journal events", "orders": "states of orders", "ledger": "ledger postings"}
_SHOWN = 300  # characters of a record


def replay(
    archive: Annotated[Path, typer.Argument(help="An archive, or the name or folder of a run.")],
    start: Annotated[
        Literal["feeds", "journal"] | None, typer.Option("--from", help="Where to begin; default: feeds.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    verify: Annotated[bool, typer.Option("--verify", help="Compare with what the archive recorded.")] = False,
    against: Annotated[
        bool, typer.Option("--compare", help="Compare with the run: decisions, and the money trade by trade.")
    ] = False,
    run: Annotated[str, typer.Option("--run", help="Name of the run; the same name resumes a killed one.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, max=100_000, help="Records a batch.")] = 1_000,
    snapshot_s: Annotated[float, typer.Option(min=0.05, max=60, help="Seconds between snapshots.")] = 2.0,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of the settings for this replay; may be given often."),
    ] = None,
    since: Annotated[str, typer.Option(help="Only what was received from this moment on, UTC: 2026-07-22T10:00.")] = "",
    until: Annotated[str, typer.Option(help="Only what was received before this moment, UTC.")] = "",
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Rerun the flows on archived topics, as fast as they go, into an archive and a DuckDB of that run."""
    if verify and run:
        raise Failure("--verify and --run were both given: it compares in a folder of its own.", "Give one of them.")
    if against and (verify or run or changes or config is not None or start is not None):
        raise Failure(
            "--compare repeats a run as it was: it takes no --verify, --run, --set, --from and no --config.",
            "Leave the others away.",
        )
    if verify and changes:
        raise Failure(
            "--set is not for --verify, which compares with the settings that were recorded.", "Leave one of them away."
        )
    if (since or until) and (verify or against or start == "journal"):
        raise Failure("--since and --until are for a replay from feeds alone.", "Leave them or the others away.")
    bounds = [_moment(option, text) for option, text in (("--since", since), ("--until", until))]
    if since and until and bounds[0] >= bounds[1]:
        raise Failure(f"--since {since} is not before --until {until}.", "Give the earlier moment to --since.")
    settings = load(config)
    source = archive_of(archive, settings.data_dir)
    if against:
        from api.cli.compare import compare

        if not compare(source, archive, as_json):
            raise SystemExit(1)
        return
    if verify:
        _verify(source, archive, start, workers, as_json, batch_size, snapshot_s, settings, config)
        return
    folder = folder_of(settings.data_dir, run or time.strftime("replay-%Y%m%dT%H%M%S", time.gmtime()))
    if config is None:
        settings = recorded_settings(source) or settings
    settings = overridden(settings, changes or ())
    plan = _plan(source, folder, start or "feeds", workers, batch_size, snapshot_s, settings, bounds[0], bounds[1])
    require_writable(folder)
    from api.report.making import page_of, write_report
    from api.report.tables import show_performance

    summary = _run(plan, quiet=False)
    report = write_report(plan.run, summary.first_ns, summary.last_ns, plan.settings)
    if as_json:
        print(msgspec.json.encode(summary).decode())
        return
    show_summary(summary, plan.run)
    show_performance(report, Console(highlight=False))
    print(f"report with plots: {page_of(plan.run)}")


def _moment(option: str, text: str) -> int:
    """Unix ns of a moment that a person gave; UTC, where it does not say otherwise. 0 for none."""
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"{option} {text!r} is no moment.", "Give it as 2026-07-22T10:00, in UTC.") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 10**9


def recorded_settings(source: Path) -> Settings | None:
    """The settings that the run of the archive ``source`` had, stated on standard error; None where it has none."""
    path = source.parent / "settings.json"
    if not path.is_file():
        return None
    try:
        settings = recorded(path)
    except ConfigurationError as cause:
        raise Failure(cause.cause, "Or give the settings to replay with: --config FILE.") from None
    passed_over = overrides()
    also = f" {', '.join(passed_over)} in the environment: passed over." if passed_over else ""
    print(f"settings: those of the recorded run, {path}. --config FILE replaces them.{also}", file=sys.stderr)
    return settings


def _plan(
    source: Path,
    folder: Path,
    start: Literal["feeds", "journal"],
    workers: int,
    batch_size: int,
    snapshot_s: float,
    settings: Settings,
    since_ns: int = 0,
    until_ns: int = 0,
) -> ReplayPlan:
    from connectors.archive.reader import ArchiveReader
    from flows.replay.plan import ReplayPlan, goes_by_its_own
    from flows.replay.range import range_of
    from models.topics import FEEDS, JOURNAL

    topics = set(ArchiveReader(source).topics())
    if start == "journal" and JOURNAL not in topics:
        raise Failure(f"{source} holds no journal.", "Replay it --from feeds, or name the archive of a run.")
    if start == "feeds" and not topics & set(FEEDS):
        raise Failure(f"{source} holds no feed topic.", "Replay it --from journal, or name a recording.")
    chosen = range_of(source, since_ns, until_ns)
    return ReplayPlan(
        archive=source,
        run=folder.resolve(),
        start=start,
        workers=workers,
        batch_size=batch_size,
        snapshot_s=snapshot_s,
        settings=settings.replayed(),
        fixed=not goes_by_its_own(source, settings),
        since=chosen.since,
        until=chosen.until,
    )


def _run(plan: ReplayPlan, quiet: bool) -> RunSummary:
    with locked(plan.run):
        return _run_alone(plan, quiet)


def _run_alone(plan: ReplayPlan, quiet: bool) -> RunSummary:
    from connectors.archive.reader import ArchiveReader
    from connectors.audit.build import build_from_archive
    from flows.replay.runner import begin, run_stages
    from flows.replay.summary import summarise
    from models.topics import FEEDS, JOURNAL, SCANS

    begun = time.perf_counter()
    resumed = begin(plan)
    if resumed and not quiet:
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
    if resumed:
        summary.events_per_second = 0.0
    summary.seconds_in_all = round(time.perf_counter() - begun, 3)
    plan.summary.write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    return summary


def _verify(
    source: Path,
    named: Path,
    start: Literal["feeds", "journal"] | None,
    workers: int,
    as_json: bool,
    batch_size: int,
    snapshot_s: float,
    settings: Settings,
    config: Path | None,
) -> None:
    """Recompute a recorded run in a folder of its own, and compare."""
    from flows.replay.plan import PLAN, load_plan
    from flows.replay.verify import compare

    read_from = source
    is_replay = (source.parent / PLAN).is_file()  # its input may be elsewhere, its settings are its own
    if config is not None and (is_replay or (source.parent / "settings.json").is_file()):
        raise Failure(
            f"{named} has settings of its own, and --verify compares with those.", "Leave --config away with --verify."
        )
    if is_replay:
        replayed = load_plan(source.parent)
        settings = replayed.settings
        start = start or replayed.start
        if start == "feeds" and replayed.start == "journal":
            raise Failure(f"{named} was replayed from a journal: there are no feeds.", "Leave --from away.")
        if start == replayed.start:
            read_from = replayed.archive
    elif config is None:
        settings = recorded_settings(source) or settings
    start = start or "feeds"
    folder = Path(tempfile.mkdtemp(prefix="profit-verify-"))
    try:
        plan = _plan(read_from, folder / "run", start, workers, batch_size, snapshot_s, settings)
        _run_alone(plan, quiet=as_json)
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
    for each in result.lacking:
        print(f"note: {each}")
    if result.divergence is None:
        counts = ", ".join(f"{_ROWS.get(topic, topic)} {count:,}" for topic, count in result.compared.items())
        print(f"identical: {named} ({counts})")
        for topic, count in result.missing.items():
            print(f"  the recording ends {count:,} {_ROWS.get(topic, topic)} earlier than its feeds allow")
        return
    where = result.divergence
    equal = ", ".join(f"{_ROWS.get(topic, topic)} {count:,}" for topic, count in result.compared.items())
    print(
        f"first divergence: {where.topic} at offset {where.offset}" + (f"; equal before it: {equal}" if equal else "")
    )
    if not where.replayed:
        print(f"  recorded: {shorten(where.recorded, _SHOWN)}\n  replayed: nothing more")
    for difference in where.differences[:_DIFFERENCES]:
        print(f"  {difference.field}: recorded {difference.recorded}, replayed {difference.replayed}")
    more = len(where.differences) - _DIFFERENCES
    if more > 0:
        print(f"  and {more} more fields; --json has both records whole")
