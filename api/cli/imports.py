"""`profit import`: a foreign recording becomes an archive that replays like one of our own."""

from __future__ import annotations

import json
import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from connectors.imports.kinds import KINDS, import_recording
from connectors.imports.options import Options
from connectors.imports.summary import ImportFailure, Summary


def import_command(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of the recording.")],
    archive: Annotated[Path, typer.Option(help="Folder of the new archive; it must not hold anything yet.")],
    assumed_size: Annotated[str, typer.Option(help="Shares at a price that was recorded without a size.")] = "100",
    fee_rate: Annotated[float, typer.Option(help="Taker fee rate of the markets the import defines.")] = 0.07,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object.")] = False,
) -> None:
    """Turn a foreign recording into an archive of feed topics."""
    options = _options(assumed_size, fee_rate)
    begun = time.monotonic()
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task(f"importing {kind}", total=None)

        def show(summary: Summary) -> None:
            refused = sum(summary.rejected.values())
            made = sum(summary.frames.values())
            bar.update(task, description=f"{summary.rows:,} rows in, {made:,} records out, {refused:,} rejected")

        summary = import_recording(kind, paths, archive, options, show)
    seconds = time.monotonic() - begun
    if as_json:
        print(json.dumps(summary.as_dict() | {"archive": str(archive), "seconds": round(seconds, 3)}))
    else:
        _print(summary, archive, seconds)


def _options(assumed_size: str, fee_rate: float) -> Options:
    try:
        size = Decimal(assumed_size)
    except InvalidOperation:
        size = Decimal("NaN")
    if not size.is_finite() or size <= 0:
        raise ImportFailure(f"--assumed-size {assumed_size!r} is no number above 0.", "Give shares, for example 100.")
    if not 0 <= fee_rate <= 1:
        raise ImportFailure(f"--fee-rate {fee_rate} is not within 0 to 1.", "Give a rate, for example 0.07.")
    return Options(size, fee_rate)


def _print(summary: Summary, archive: Path, seconds: float) -> None:
    console = Console()
    table = Table("", "count", title=f"{summary.kind}: {summary.files} files into {archive}", title_justify="left")
    table.columns[1].justify = "right"
    table.add_row("rows in", f"{summary.rows:,}")
    for topic, count in sorted(summary.frames.items()):
        table.add_row(f"{topic} out", f"{count:,}")
    for reason, count in sorted(summary.rejected.items()):
        table.add_row(f"rejected: {reason}", f"{count:,}")
    for what, count in sorted(summary.counts.items()):
        table.add_row(what.replace("_", " "), f"{count:,}")
    console.print(table)
    for where in summary.examples.values():
        console.print(f"first rejected {where}", markup=False)
    for note in summary.notes:
        console.print(f"note: {note}", markup=False)
    console.print(f"run {summary.run}, {seconds:.1f} s", markup=False)
