"""`profit report`: what a run came to, or how good the fair value is on an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from models.failures import Failure
from models.settings import load

if TYPE_CHECKING:
    from flows.report.fair_value import Report


def report(
    place: Annotated[str, typer.Argument(help="Name or folder of a run; with --fair-value an archive.")],
    fair_value: Annotated[bool, typer.Option("--fair-value", help="Score the fair value against outcomes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Where the reliability plot goes (SVG).")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Say what a run came to, after costs; or score the fair value's forecasts."""
    if fair_value:
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
