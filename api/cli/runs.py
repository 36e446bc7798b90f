"""`profit runs`: the runs of the data folder, the newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from api.run_table import RunRow, run_rows
from models.failures import Failure
from models.settings import load

#: Characters a line where nobody looks: names and times stay in one piece for who reads them out.
_PIPED = 120


def runs(
    most: Annotated[int, typer.Option("--last", min=1, help="So many, the newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """List the runs: when, of what, how long, what they came to after fees, and whether they are whole."""
    data_dir = load(config).data_dir
    if data_dir.exists() and not data_dir.is_dir():
        raise Failure(f"{data_dir} is a file, not a folder of data.", "Name the data folder: PROFIT_DATA_DIR=….")
    rows = run_rows(data_dir, most)
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    if not rows:
        raise Failure(
            f"{data_dir} holds no run.",
            "Start one with `profit up` or `profit replay`; PROFIT_DATA_DIR names another data folder.",
        )
    _show(rows)


def _show(rows: list[RunRow]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, _PIPED))
    table = Table("run", "started (UTC)", "feeds", "length", "events", "net $", "state")
    for column in table.columns:
        column.overflow = "fold"  # nothing is cut short
    for number in (3, 4, 5):
        table.columns[number].justify = "right"
    for row in rows:
        started = row.started[:19].replace("T", " ")
        table.add_row(
            row.name, started, row.kind, _length(row.seconds), f"{row.events:,}", f"{row.net:,.2f}", row.state
        )
    console.print(table)
    for row in rows:
        if row.why:
            console.print(f"{row.name}: {row.why}", markup=False, highlight=False, soft_wrap=True)


def _length(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
