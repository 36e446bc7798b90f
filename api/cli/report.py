"""`profit report`: what a run came to, how good the fair value is on an archive, or what the checks find in one."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
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

if TYPE_CHECKING:
    from flows.replay.summary import RunSummary
    from flows.report.fair_value import FairValueReport
    from flows.report.quality import QualityReport


PLOT = "fair-value-reliability.svg"
_FRAME_CHARACTERS = 300


def report(
    place: Annotated[
        str, typer.Argument(help="Name or folder of a run (default: the newest), or an archive.", show_default=False)
    ] = "",
    fair_value: Annotated[bool, typer.Option("--fair-value", help="Score the fair value against outcomes.")] = False,
    quality: Annotated[bool, typer.Option("--quality", help="Count what the checks find, by reason.")] = False,
    examples: Annotated[
        int | None, typer.Option(min=0, help="With --quality: examples of each reason; default: 3.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="With --fair-value: file of the plot (SVG); default: beside the archive's topics."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Say what a run came to, after costs; score the fair value's forecasts; or count what the checks find."""
    if quality and fair_value:
        raise Failure("--fair-value and --quality were both given.", "Give one of them at a time.")
    if examples is not None and not quality:
        raise Failure("--examples is for --quality.", "Add --quality, or leave --examples away.")
    if plot is not None and not fair_value:
        raise Failure("--plot is for --fair-value.", "Add --fair-value, or leave --plot away.")
    settings = load(config)
    if quality:
        _quality(_archive(place, settings), 3 if examples is None else examples, as_json, settings)
    elif fair_value:
        _fair_value(_archive(place, settings), as_json, plot, settings)
    else:
        _run(place, as_json, settings)


def _archive(place: str, settings: Settings) -> Path:
    """The archive that ``place`` names, by default that of the newest run."""
    if place:
        return archive_of(Path(place), settings.data_dir)
    folder = newest_run(settings.data_dir)
    print(f"run {folder.name}, the newest", file=sys.stderr)
    return archive_of(folder, settings.data_dir)


def _fair_value(archive: Path, as_json: bool, plot: Path | None, settings: Settings) -> None:
    from api.reliability_plot import draw
    from flows.report.fair_value import fair_value_report

    if plot is not None:
        refused = can_write(plot.absolute().parent)
        if refused is not None:
            raise refused
    with Console(stderr=True).status("reading the archive, market by market"):
        result = fair_value_report(archive, settings)
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
    console.print(
        f"{result.records:,} records, {result.frames:,} of them frames, made {result.events:,} journal events and "
        f"{result.dead_letters:,} dead letters\nfrom {_utc(result.first_ns)} to {_utc(result.last_ns)}",
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
            console.print(f"{_utc(each.t)}  {each.market}  {numbers}", markup=False, highlight=False)
            place = f"{each.topic}/{each.partition}/{each.offset}" if each.topic else "not received"
            console.print(f"  {place}: {shorten(each.frame, _FRAME_CHARACTERS)}", markup=False, highlight=False)


def _utc(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S") + f".{t_ns // 10**6 % 1000:03d}"


def _run(place: str, as_json: bool, settings: Settings) -> None:
    from api.cli.run_figures import show_summary

    folder = _folder(place, settings)
    summary = _summary(folder)
    if as_json:
        print(msgspec.json.encode(summary).decode())
    else:
        show_summary(summary, folder)


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
                    f"Replay it first: profit replay {place}; or look at its data: --quality, --fair-value.",
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
