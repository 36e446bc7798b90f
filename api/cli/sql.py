"""`profit sql`: a question to the audit database, also while the system writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from models.failures import Failure
from models.settings import load


def sql_command(
    query: Annotated[str, typer.Argument(help='For example "SELECT reason, count(*) FROM decisions GROUP BY ALL".')],
    run: Annotated[str, typer.Option(help="A replay run by name, instead of the live database.")] = "",
    db: Annotated[Path | None, typer.Option(help="Any audit database by its file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array of objects.")] = False,
) -> None:
    """Ask the audit database; `SHOW TABLES` tells what there is."""
    if run and db is not None:
        raise Failure("--run and --db were both given.", "Give one of them.")
    path = db if db is not None else database_of(run)
    names, rows = ask(path, query)
    if as_json:
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=str))
        return
    table = Table(*names)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console = Console()
    console.print(table, markup=False)
    console.print(f"{len(rows):,} rows")


def database_of(run: str = "") -> Path:
    """The audit database of a replay run, or the live one."""
    data = load().data_dir
    return data / "runs" / run / "audit.duckdb" if run else data / "audit.duckdb"


def ask(path: Path, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows. Raises Failure for a missing database and for a question DuckDB refuses."""
    if not path.is_file():
        raise Failure(
            f"{path}: no audit database.", "Start the system with `profit up`, or name one with --run or --db."
        )
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            result = connection.execute(query)
            return [str(column[0]) for column in result.description or ()], result.fetchall()
    except duckdb.Error as cause:
        raise Failure(
            f"DuckDB refuses: {cause}", "Correct the question; `profit sql 'SHOW TABLES'` lists tables."
        ) from None
