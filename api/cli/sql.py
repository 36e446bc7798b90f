"""`profit sql`: a question to the audit database, also while the system writes it."""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from api.runs import ARCHIVE, archive_in, find_run, is_running, is_unfinished_replay, runs_in
from connectors.failures import explained
from models.failures import Failure
from models.settings import load

_DATABASE = "audit.duckdb"
_BLANKS = " \t\r\n;"
_UNBOUNDED = 1_000_000  # columns of a terminal that cuts nothing


def sql_command(
    query: Annotated[str, typer.Argument(help='For example "FROM v_fills". `SHOW TABLES` tells what there is.')],
    run: Annotated[str, typer.Option(help="A run by name; default: the newest.")] = "",
    db: Annotated[Path | None, typer.Option(help="Any audit database by its file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array of objects.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Ask a run's audit database, also while it runs: views v_… in dollars, shares and UTC, and the tables below."""
    if run and db is not None:
        raise Failure("--run and --db were both given.", "Give one of them.")
    if db is not None and config is not None:
        raise Failure("--config says where runs are, and --db names a file.", "Give one of them.")
    if not query.strip(_BLANKS):
        raise Failure("the question is empty.", "Ask something: profit sql 'SHOW TABLES' lists what there is.")
    path = db if db is not None else database_of(load(config).data_dir, run)
    names, rows = ask(path, query)
    if as_json:
        print(json.dumps([dict(zip(names, map(plain, row), strict=True)) for row in rows], allow_nan=False))
        return
    show(names, rows, Console())


def database_of(data_dir: Path, run: str = "") -> Path:
    """The audit database of the run, by default of the newest; made from its archive where it has none and nobody is
    making it. Raises Failure when there is none."""
    folder = find_run(data_dir, run, _can_be_asked)
    if not run:
        print(f"run {folder.name}, the newest", file=sys.stderr)
    path = folder / _DATABASE
    if path.is_file():
        return path
    if is_running(folder):
        raise Failure(
            f"the run {folder.name} has no audit database yet.",
            f"Wait some seconds, or name another run: {_others(data_dir, folder)}.",
        )
    if not (folder / ARCHIVE).is_dir():
        raise Failure(
            f"the run {folder.name} has no audit database and no archive to make it from.",
            f"Name another run: {_others(data_dir, folder)}.",
        )
    from connectors.audit.build import build_from_archive

    if is_unfinished_replay(folder):
        print(f"the replay {folder.name} is unfinished: this is what it had come to", file=sys.stderr)
    print(f"making {path} from the archive", file=sys.stderr)
    build_from_archive(folder / ARCHIVE, path)
    return path


def _can_be_asked(folder: Path) -> bool:
    return (folder / _DATABASE).is_file() or archive_in(folder) is not None


def _others(data_dir: Path, folder: Path) -> str:
    names = [
        f"--run {each.name}"
        for each in runs_in(data_dir, _can_be_asked)
        if each != folder and (each / _DATABASE).is_file()
    ]
    return ", ".join(names[:5]) or "there is no other one"


def ask(path: Path, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows. Raises Failure for a file that is no database, and for a question DuckDB refuses."""
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "no such file"
        raise Failure(f"{path}: {what}.", "Name an audit database with --db FILE, or a run with --run NAME.")
    with _opened(path) as connection:
        try:
            result = connection.execute(query)
            columns = _distinct([str(column[0]) for column in result.description or ()])
            return columns, result.fetchall() if columns else []
        except (duckdb.FatalException, duckdb.InternalException, duckdb.IOException) as cause:
            raise _damaged(path, cause) from None
        except duckdb.Error as cause:
            raise Failure(
                f"DuckDB refuses: {' '.join(str(cause).split())}",
                "Correct the question; `profit sql 'SHOW TABLES'` lists tables, 'DESCRIBE v_fills' columns.",
            ) from None


def _distinct(names: list[str]) -> list[str]:
    """Each name once, so that no column hides another: a, a, b -> a, a_2, b."""
    found: list[str] = []
    for name in names:
        number, given = 1, name
        while given in found:
            number += 1
            given = f"{name}_{number}"
        found.append(given)
    return found


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(str(path), read_only=True)
        connection.execute("SET TimeZone = 'UTC'")
    except duckdb.Error as cause:
        if "lock" in str(cause).lower():
            raise Failure(
                f"{path}: another program writes it.", "Close that program, or ask a copy of the file."
            ) from None
        raise _damaged(path, cause) from None
    return connection


def _damaged(path: Path, cause: duckdb.Error) -> Failure:
    known = explained(cause)
    if known is not None and "DuckDB" not in known.cause:
        return known
    said = " ".join(str(cause).split())[:200]
    if path.name == _DATABASE:
        cure = "Move it and its replicas (.audit-*.duckdb) away: the next `profit sql` makes it from the run's archive."
    else:
        cure = f"Name an {_DATABASE} with --db, or a run with --run NAME."
    return Failure(f"{path}: no audit database, or a damaged one: {said}", cure)


def plain(value: Any) -> Any:
    """A value of DuckDB as JSON has it: what is no number is null, decimals are numbers, times ISO 8601."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() and math.isfinite(float(value)) else None
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(each) for each in value]
    return str(value)


def show(names: Sequence[str], rows: Sequence[tuple[Any, ...]], console: Console) -> None:
    """Print rows as a table where it fits, else a line a value: nothing is ever cut, so that ids can be copied."""
    table = Table(*(escape(name) for name in names))
    texts = [["" if value is None else _text(value) for value in row] for row in rows]
    numeric = [all(isinstance(row[at], int | float | Decimal) for row in rows) for at in range(len(names))]
    for column, right in zip(table.columns, numeric, strict=True):
        column.justify = "right" if right and rows else "left"
        column.no_wrap = True
    for row in texts:
        table.add_row(*(Text(each) for each in row))
    width = Measurement.get(console, console.options.update(max_width=_UNBOUNDED), table).maximum
    if names and (width <= console.width or not console.is_terminal):
        Console(file=console.file, width=max(width, console.width)).print(table)
    else:
        longest = max(map(len, names), default=0)
        for number, row in enumerate(texts, start=1):
            console.print(f"-- row {number}", markup=False, highlight=False)
            for name, text in zip(names, row, strict=True):
                console.print(f"{name:<{longest}}  {text}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}", highlight=False)


def _text(value: Any) -> str:
    return json.dumps(plain(value)) if isinstance(value, dict | list) else str(value)
