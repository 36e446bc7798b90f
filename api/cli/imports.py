"""`profit import`: a foreign recording becomes an archive that replays like one of our own."""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from connectors.imports.importing import import_recording
from connectors.imports.kinds import KINDS, TABLE, fitting
from connectors.imports.options import Options
from connectors.imports.summary import ImportFailure, ImportSummary
from connectors.imports.table.contract import TableMap, load_map
from connectors.imports.table.suggestion import suggest as suggested


def import_command(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join((*KINDS, TABLE))}.")],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of the recording.")],
    archive: Annotated[
        Path | None, typer.Option(help="Folder of the archive: a new one, or one of an import, to which this is added.")
    ] = None,
    table_map: Annotated[Path | None, typer.Option("--map", help="TOML file that says what the columns are.")] = None,
    suggest: Annotated[bool, typer.Option("--suggest", help="Print a first map of a table; import nothing.")] = False,
    assumed_size: Annotated[str, typer.Option(help="Shares at a price that was recorded without a size.")] = "100",
    fee_rate: Annotated[float, typer.Option(help="Taker fee rate of the markets the import defines.")] = 0.07,
    up: Annotated[list[str] | None, typer.Option("--up", help="A token that is Up; may be given often.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object.")] = False,
) -> None:
    """Turn a foreign recording into an archive of feed topics."""
    if suggest:
        if kind != TABLE or archive is not None or table_map is not None:
            raise ImportFailure(
                "--suggest goes with kind table, and without --archive and --map.", "profit import table FILE --suggest"
            )
        print(suggested(paths), end="")
        for name in fitting(paths):
            print(f"the files also look like kind {name}: profit import {name} …", file=sys.stderr)
        return
    if archive is None:
        raise ImportFailure("--archive is missing: where to?", "Name the folder of the new archive.")
    table = _map_of(kind, table_map)
    options = _options(assumed_size, fee_rate, up or [])
    begun = time.monotonic()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(f"importing {kind}", total=None)

        def show(summary: ImportSummary) -> None:
            refused, made = sum(summary.rejected.values()), sum(summary.frames.values())
            line = f"{summary.progress.stage}: {summary.rows:,} rows in, {made:,} records out, {refused:,} rejected"
            bar.update(task, description=line, completed=summary.progress.done, total=summary.progress.total or None)

        summary = import_recording(kind, paths, archive, options, show, table)
    seconds = time.monotonic() - begun
    if as_json:
        print(json.dumps(summary.as_dict() | {"archive": str(archive), "seconds": round(seconds, 3)}))
    else:
        _print(summary, archive, seconds)


def _map_of(kind: str, path: Path | None) -> TableMap | None:
    if kind == TABLE and path is not None:
        return load_map(path)
    if path is not None:
        raise ImportFailure(f"--map goes with kind table, not with {kind}.", "Leave it out, or import as a table.")
    return None


def _options(assumed_size: str, fee_rate: float, ups: list[str]) -> Options:
    try:
        size = Decimal(assumed_size)
    except InvalidOperation:
        size = Decimal("NaN")
    if not size.is_finite() or size <= 0:
        raise ImportFailure(f"--assumed-size {assumed_size!r} is no number above 0.", "Give shares, for example 100.")
    if not 0 <= fee_rate <= 1:
        raise ImportFailure(f"--fee-rate {fee_rate} is not within 0 to 1.", "Give a rate, for example 0.07.")
    return Options(size, fee_rate, frozenset(token for given in ups for token in given.split(",")))


def _print(summary: ImportSummary, archive: Path, seconds: float) -> None:
    console = Console()
    table = Table("", "count", title=f"{summary.kind}: {summary.files} files into {archive}", title_justify="left")
    table.columns[1].justify = "right"
    table.add_row("rows in", f"{summary.rows:,}")
    for topic, count in sorted(summary.frames.items()):
        table.add_row(f"{topic} out", f"{count:,}")
    for reason, count in sorted(summary.rejected.items()):
        table.add_row(f"rejected: {reason}", f"{count:,}")
    for what, count in sorted(summary.findings.items()):
        table.add_row(f"finding: {what}".replace("_", " "), f"{count:,}")
    for what, count in sorted(summary.counts.items()):
        if count:
            table.add_row(what.replace("_", " "), f"{count:,}")
    console.print(table)
    for where in summary.examples.values():
        console.print(f"first rejected {where}", markup=False)
    for what, where in summary.found.items():
        console.print(f"finding {what}: {where}", markup=False)
    for guess in summary.guesses:
        console.print(f"GUESS: {guess}", markup=False)
    for note in summary.notes:
        console.print(f"note: {note}", markup=False)
    console.print(f"run {summary.run}, {seconds:.1f} s", markup=False)
