"""`profit report`: what a run came to, how good the fair value is on an archive, or what the checks find in one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from models.failures import Failure
from models.reasons import MEANING, Reason
from models.settings import load

if TYPE_CHECKING:
    from flows.report.fair_value import Report
    from flows.report.quality import QualityReport


def report(
    place: Annotated[str, typer.Argument(help="Name or folder of a run; with --fair-value or --quality an archive.")],
    fair_value: Annotated[bool, typer.Option("--fair-value", help="Score the fair value against outcomes.")] = False,
    quality: Annotated[bool, typer.Option("--quality", help="Count what the checks find, by reason.")] = False,
    examples: Annotated[int, typer.Option(min=0, help="With --quality: examples of each reason.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Where the reliability plot goes (SVG).")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Say what a run came to, after costs; score the fair value's forecasts; or count what the checks find."""
    if quality:
        _quality(Path(place), examples, as_json, config)
    elif fair_value:
        _fair_value(Path(place), as_json, plot, config)
    else:
        _run(place, as_json, config)


def _fair_value(archive: Path, as_json: bool, plot: Path | None, config: Path | None) -> None:
    from api.reliability_plot import draw
    from flows.report.fair_value import fair_value_report

    folder = archive / "archive" if (archive / "archive").is_dir() else archive
    console = Console(stderr=True)
    with console.status("reading the archive, market by market"):
        result = fair_value_report(folder, load(config))
    target = plot or Path("fair-value-reliability.svg")
    target.write_text(draw(result))
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        _show(result, target)


def _show(result: Report, target: Path) -> None:
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
    console.print(f"reliability plot: {target}")


def _quality(archive: Path, examples: int, as_json: bool, config: Path | None) -> None:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from flows.report.quality import quality_report

    folder = archive / "archive" if (archive / "archive").is_dir() else archive
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("checking", total=None)
        result = quality_report(
            folder, load(config), examples, lambda done, of: bar.update(task, completed=done, total=of)
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
            console.print(f"  {each.topic}/{each.partition}/{each.offset}: {each.frame}", markup=False, highlight=False)


def _utc(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S") + f".{t_ns // 10**6 % 1000:03d}"


def _run(place: str, as_json: bool, config: Path | None) -> None:
    from api.cli.replay import show_summary
    from flows.replay.summary import Summary, summarise_run

    named = load(config).data_dir / "runs" / place
    folder = Path(place) if Path(place).is_dir() else named
    if not (folder / "archive").is_dir():
        raise Failure(f"{place} is no run: {folder / 'archive'} does not exist.", f"Runs are in {named.parent}.")
    kept = folder / "summary.json"
    summary = msgspec.json.decode(kept.read_bytes(), type=Summary) if kept.is_file() else summarise_run(folder)
    if as_json:
        print(msgspec.json.encode(summary).decode())
    else:
        show_summary(summary, folder)
