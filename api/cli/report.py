"""`profit report`: what a run came to, how good the fair value is on an archive, or what the checks find in one."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from api.cli.why import shorten
from api.runs import ARCHIVE, PLAN, SUMMARY, archive_in, archive_of, find_run, is_running, newest_run, runs_in
from connectors.failures import can_write
from models.failures import Failure
from models.reasons import MEANING, Reason
from models.settings import Settings, load
from models.timestamps import utc

if TYPE_CHECKING:
    from flows.replay.summary import RunSummary
    from flows.report.fair_value import FairValueReport
    from flows.report.quality import QualityReport
    from flows.report.run_report import RunReport


DIMENSIONS = ("family", "market type", "hour", "regime", "evidence", "exit", "day", "market")
_GROUPS = f"Give one of: {', '.join(DIMENSIONS)}."
PLOT = "fair-value-reliability.svg"
_FRAME_CHARACTERS = 300


def report(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names or folders of runs (default: the newest; several are compared), or an archive.",
            show_default=False,
        ),
    ] = None,
    fair_value: Annotated[
        bool,
        typer.Option("--model", "--fair-value", help="Score the stated probabilities, beside the market's own mid."),
    ] = False,
    quality: Annotated[bool, typer.Option("--quality", help="Count what the checks find, by reason.")] = False,
    examples: Annotated[
        int | None, typer.Option(min=0, help="With --quality: examples of each reason; default: 3.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Also by: family, market type, hour, regime, evidence, exit, day or market.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="With --model: file of the plot (SVG); default: beside the archive's topics."),
    ] = None,
    run: Annotated[str, typer.Option("--run", help="The same as the argument.", show_default=False)] = "",
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Say what a run came to, after costs; score the stated probabilities; or count what the checks find."""
    if places and run:
        raise Failure(f"{places[0]} and --run {run} were both given.", "Name the run once.")
    if run:
        places = [run]
    if quality and fair_value:
        raise Failure("--model and --quality were both given.", "Give one of them at a time.")
    if examples is not None and not quality:
        raise Failure("--examples is for --quality.", "Add --quality, or leave --examples away.")
    if plot is not None and not fair_value:
        raise Failure("--plot is for --model.", "Add --model, or leave --plot away.")
    if len(places or ()) > 1 and (quality or fair_value or by):
        raise Failure("several runs were named: they can only be compared.", "Name one run with that option.")
    if by and (quality or fair_value):
        raise Failure("--by is for the figures of a run.", "Leave --by away, or the other option.")
    by = by.replace("_", " ")
    if by and by not in DIMENSIONS:
        near = difflib.get_close_matches(by, DIMENSIONS, 1)
        raise Failure(f"--by {by!r}: there is no such group.", f"Did you mean {near[0]}?" if near else _GROUPS)
    settings = load(config)
    place = places[0] if places else ""
    if places and len(places) > 1:
        _compare(places, as_json, settings)
    elif quality:
        _quality(_with_feeds(_archive(place, settings)), 3 if examples is None else examples, as_json, settings)
    elif fair_value:
        _fair_value(_archive(place, settings), as_json, plot, settings)
    else:
        _run(place, by, as_json, settings)


def _archive(place: str, settings: Settings) -> Path:
    """The archive that ``place`` names, by default that of the newest run."""
    if place:
        return archive_of(Path(place), settings.data_dir)
    folder = newest_run(settings.data_dir)
    print(f"run {folder.name}, the newest", file=sys.stderr)
    return archive_of(folder, settings.data_dir)


def _fair_value(archive: Path, as_json: bool, plot: Path | None, settings: Settings) -> None:
    from api.report.reliability_plot import draw
    from flows.report.fair_value import fair_value_report

    if plot is not None:
        refused = can_write(plot.absolute().parent)
        if refused is not None:
            raise refused
    with Console(stderr=True).status("reading the archive, market by market"):
        result = fair_value_report(_with_feeds(archive), settings)
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        _show(result)
    target = plot or (archive.parent if archive.name == ARCHIVE else archive) / PLOT
    try:
        target.write_text(draw(result))
    except OSError as cause:  # a recording may well be read-only
        if plot is not None:
            raise
        print(f"no plot: {target}: {cause.strerror}. Name a place for it with --plot FILE.", file=sys.stderr)
        return
    print(f"reliability plot: {target}", file=sys.stderr)


def _with_feeds(archive: Path) -> Path:
    """The archive, or for a replay's, which holds none, the one that it read."""
    from connectors.archive.reader import ArchiveReader
    from flows.replay.plan import inputs_of_run
    from models.topics import FEEDS

    source = inputs_of_run(archive)
    if source == archive or set(ArchiveReader(archive).topics()) & set(FEEDS):
        return archive
    print(f"the feeds that {archive.parent.name} replayed: {source}", file=sys.stderr)
    return source


def _show(result: FairValueReport) -> None:
    console = Console()
    console.print(f"{result.resolved} of {result.markets} markets resolved Up or Down")
    table = Table("seconds left", "forecasts", "model", "Brier", "log loss")
    for horizon, scores in result.horizons.items():
        for number, (model, score) in enumerate(scores.items()):
            first = number == 0
            table.add_row(
                horizon if first else "",
                str(score.n) if first else "",
                model,
                f"{score.brier:.4f}",
                f"{score.log_loss:.4f}",
                end_section=number == len(scores) - 1,
            )
    console.print(table)
    against = Table("seconds left", "markets", "fair value", "market's mid", "ahead", "interval", "which means")
    against.title = "Brier score, fair value and market's mid, on the same markets; 95% for all rows together"
    for horizon, each in result.against_market.items():
        interval = "too few" if each.low is None or each.high is None else f"{each.low:+.4f} to {each.high:+.4f}"
        against.add_row(
            horizon,
            str(each.n),
            f"{each.fair_value.brier:.4f}",
            f"{each.market.brier:.4f}",
            f"{each.ahead:+.4f}",
            interval,
            _meaning(each.low, each.high),
        )
    if result.against_market:
        console.print(against)
    else:
        console.print("no market had a sound book with two sides at these times: there is no mid to compare with")
    bins = Table("seconds left", "bin", "forecasts", "mean forecast", "observed", "95% interval", title="reliability")
    for horizon, rows in result.reliability.items():
        for number, row in enumerate(rows):
            bins.add_row(
                horizon if number == 0 else "",
                f"{row.low:.1f}-{row.high:.1f}",
                str(row.n),
                f"{row.forecast:.3f}",
                f"{row.observed:.3f}",
                f"{row.interval_low:.2f}-{row.interval_high:.2f}",
                end_section=number == len(rows) - 1,
            )
    console.print(bins)
    for why, count in result.left_out.items():
        console.print(f"left out: {count} forecasts: {why}")


def _meaning(low: float | None, high: float | None) -> str:
    """What an interval of the difference says."""
    if low is None or high is None or low <= 0.0 <= high:
        return "no difference shown"
    return "the fair value knows more" if low > 0.0 else "the market knows more"


def _quality(archive: Path, examples: int, as_json: bool, settings: Settings) -> None:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from flows.report.quality import quality_report

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("checking", total=None)
        result = quality_report(
            archive, settings, examples, lambda done, of: bar.update(task, completed=done, total=of)
        )
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        _show_quality(result)


def _show_quality(result: QualityReport) -> None:
    console = Console()
    first, last = utc(result.first_ns, "millisecond"), utc(result.last_ns, "millisecond")
    console.print(
        f"{result.records:,} records, {result.frames:,} of them frames, made {result.events:,} journal events and "
        f"{result.dead_letters:,} dead letters\nfrom {first} to {last} UTC",
        highlight=False,
    )
    table = Table("feed", "reason", "count", "markets, products or connections")
    table.columns[2].justify = table.columns[3].justify = "right"
    for row in result.counts:
        table.add_row(row.feed, row.reason, f"{row.count:,}", f"{row.places:,}")
    console.print(table)
    for reason, several in result.examples.items():
        if several:
            console.print(f"\n{reason}: {MEANING[Reason(reason)]}", style="bold", markup=False)
        for each in several:
            numbers = ", ".join(f"{name} {value}" for name, value in each.numbers.items())
            console.print(f"{utc(each.t, 'millisecond')}  {each.market}  {numbers}", markup=False, highlight=False)
            place = f"{each.topic}/{each.partition}/{each.offset}" if each.topic else "not received"
            console.print(f"  {place}: {shorten(each.frame, _FRAME_CHARACTERS)}", markup=False, highlight=False)


def _run(place: str, by: str, as_json: bool, settings: Settings) -> None:
    from api.cli.run_figures import show_summary
    from api.report.making import page_of
    from api.report.tables import show_groups, show_performance

    folder = _folder(place, settings)
    summary = _summary(folder)
    if as_json and not by:
        print(msgspec.json.encode(summary).decode())
        return
    report = _report_of(folder, summary, settings)
    if as_json:
        rows = [each for each in report.performances if each.dimension == by]
        print(msgspec.json.encode(rows).decode())
        return
    if by:
        show_groups(report, by, Console(highlight=False))
        return
    show_summary(summary, folder)
    show_performance(report, Console(highlight=False))
    if page_of(folder).is_file():
        print(f"report with plots: {page_of(folder)}")


def _report_of(folder: Path, summary: RunSummary, settings: Settings) -> RunReport:
    """The report of a run, made anew: its rules may be newer than what stands there."""
    from api.report.making import report_of, write_report

    with Console(stderr=True).status("adding up trades, costs and intervals"):
        try:
            return write_report(folder, summary.first_ns, summary.last_ns, settings, own=False)
        except OSError as cause:  # a run may well be read-only
            print(f"the report is not kept: {folder}: {cause.strerror}.", file=sys.stderr)
            return report_of(folder, summary.first_ns, summary.last_ns, settings)[0]


def _compare(places: list[str], as_json: bool, settings: Settings) -> None:
    """Several runs side by side, differences first."""
    from api.report.making import settings_of
    from flows.report.comparison import compare_reports

    folders = [_folder(place, settings) for place in places]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise Failure("one run was named twice.", "Name different runs.")
    reports = [_report_of(folder, _summary(folder), settings) for folder in folders]
    result = compare_reports(reports, [settings_of(folder, settings) for folder in folders])
    if as_json:
        print(msgspec.json.encode(result).decode())
        return
    console = Console(highlight=False)
    for title, rows in (("settings that differ", result.settings), ("figures that differ", result.figures)):
        if not rows:
            console.print(f"no {title}")
            continue
        table = Table(title=title, title_justify="left")
        for heading in ("instance", "figure" if rows is result.figures else "key", *result.runs):
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(row.instance, row.figure, *(_value(each) for each in row.values))
        console.print(table)
    console.print(f"{result.equal} {'figure is' if result.equal == 1 else 'figures are'} the same in all")
    for doubt in result.doubts:
        console.print(f"to doubt: {doubt}", soft_wrap=True)


def _value(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return "none" if value is None else value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"


def _folder(place: str, settings: Settings) -> Path:
    """The folder of a run: a folder that holds an archive, or a run by its name; "" is the newest run."""
    named = Path(place)
    folder = named if place and named.is_dir() and (named / ARCHIVE).is_dir() else None
    if folder is None and place and (named.exists() or named.name != place):
        runs = settings.data_dir / "runs"
        if not (runs / place).is_dir() or named.name != place:
            if archive_in(named) is not None:
                raise Failure(
                    f"{place} is an archive, no run.",
                    f"Replay it first: profit replay {place}; or look at its data: --quality, --model.",
                )
            what = "is a file" if named.is_file() else "does not exist" if not named.exists() else "holds no `archive`"
            raise Failure(f"{place} is no run: it {what}.", f"Name a run in {runs}, or the folder of one.")
    if folder is None:
        folder = find_run(settings.data_dir, place)
    if not (folder / ARCHIVE).is_dir():
        known = ", ".join(each.name for each in runs_in(settings.data_dir)[:5]) or "none"
        raise Failure(f"the run {folder.name} has recorded nothing.", f"Choose another one; the newest are: {known}.")
    if not place:
        print(f"run {folder.name}, the newest", file=sys.stderr)
    return folder


def _summary(folder: Path) -> RunSummary:
    from flows.replay.summary import RunSummary, summarise, summarise_run

    stored = folder / SUMMARY
    if stored.is_file():
        try:
            return msgspec.json.decode(stored.read_bytes(), type=RunSummary)
        except msgspec.DecodeError:
            print(f"{stored} is damaged or of another version: the figures are made anew", file=sys.stderr)
    if not (folder / PLAN).is_file():
        summary = summarise_run(folder)
        if is_running(folder):
            summary.unfinished = ["it is still running: these are the figures so far"]
        return summary
    from flows.replay.plan import load_plan

    plan = load_plan(folder)
    summary = summarise(plan.archive, plan.journal, plan.output, 0.0, plan.start == "feeds")
    if is_running(folder):
        summary.unfinished = ["the replay is still under way: these are the figures so far"]
    elif not stored.is_file():
        summary.unfinished = ["the replay was ended before its end; the same command again goes on with it"]
    return summary
