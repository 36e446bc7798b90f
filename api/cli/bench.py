"""`profit bench`: runs the benchmarks of the project folder and prints what they measured."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.failures import Failure

if TYPE_CHECKING:
    from benchmarks.figures import Result

NAMES = ("market", "trading", "broker", "latency", "memory")
ON_DEMAND = (
    "sweep",
    "endurance",
    "maker",
    "families",
    "peers",
    "dying_edge",
    "promotion_nulls",
    "live_against_replay",
)  # more than an hour, or no speed: only by name


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Which: {', '.join(NAMES)} (default: these), {', '.join(ON_DEMAND)}.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Seconds, not minutes; the figures mean little.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    data: Annotated[Path, typer.Option(help="Folder of real recordings.")] = Path("../shared/data"),
    kafka: Annotated[str, typer.Option(help="HOST:PORT of an Apache Kafka without topics of a run.")] = "",
) -> None:
    """Measure throughput, latency and memory: ratios in one run."""
    wanted = names or list(NAMES)
    unknown = [name for name in wanted if name not in (*NAMES, *ON_DEMAND)]
    if unknown:
        raise Failure(f"there is no benchmark {', '.join(unknown)}.", f"Choose from {', '.join((*NAMES, *ON_DEMAND))}.")
    _find_benchmarks(Path.cwd())
    figures, options = import_module("benchmarks.figures"), import_module("benchmarks.options")
    about = figures.machine()
    given = options.Options(quick, data, kafka, lambda text: print(f"  {text}", file=sys.stderr, flush=True))
    results: list[Result] = []
    for name in wanted:
        print(f"{name} …", file=sys.stderr, flush=True)
        result: Result = import_module(f"benchmarks.{name}").measure(given)
        results.append(result)
        if not as_json:
            show(result)
    if as_json:
        print(json.dumps({"machine": about, "quick": quick, "results": [each.as_dict() for each in results]}))
        return
    print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in about.items()))
    if quick:
        print("quick: too short a run for the figures to mean much")


def _find_benchmarks(folder: Path) -> None:
    """Make the project folder's ``benchmarks`` importable. Raises Failure when it is not there."""
    if not (folder / "benchmarks" / "__init__.py").is_file():
        raise Failure(
            f"there is no folder `benchmarks` in {folder}: it is not part of the installed program.",
            "Run `profit bench`, or `make bench`, in the project's folder.",
        )
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def show(result: Result) -> None:
    console = Console()
    if result.skipped:
        console.print(f"{result.benchmark}: skipped: {result.skipped}", markup=False)
        return
    table = Table("figure", "median", "min", "max", "unit", title=result.benchmark, title_justify="left")
    for column in table.columns[1:4]:
        column.justify = "right"
    for figure in result.figures:
        table.add_row(figure.name, *map(_number, (figure.median, min(figure.values), max(figure.values))), figure.unit)
    console.print(table)
    for note in result.notes:
        console.print(f"  {note}", markup=False)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
