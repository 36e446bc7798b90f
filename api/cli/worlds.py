"""`profit worlds`: simulated worlds as the judge of promotion, and what they say together."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from api.cli.progress import steps
from api.runs import check_name, locked
from connectors.failures import require_writable
from flows.worlds.kinds import KINDS, PROOF_SEEDS, World, kind_of
from flows.worlds.results import HORIZON_H, PROOF, KindSummary, hours_of, read_results, run_worlds, summarise, table_of
from models.failures import Failure
from models.settings import load

WORLDS = "worlds"


def worlds(
    kinds: Annotated[str, typer.Option(help=f"Of {', '.join(KINDS)}; with commas between them.")] = ",".join(KINDS),
    seeds: Annotated[
        str,
        typer.Option(
            metavar="A:B",
            help=f"Seeds A to B - 1 of each kind; below {PROOF_SEEDS:,} they are for development. "
            "Default: the proof, 200 nulls, 50 edges and 50 that die.",
        ),
    ] = "",
    hours: Annotated[int, typer.Option(min=2, max=10_000, help="Horizon in simulated hours.")] = HORIZON_H,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
    run: Annotated[str, typer.Option("--run", help="Name of the run; the same name goes on with it.")] = "proof",
    only_show: Annotated[bool, typer.Option("--show", help="Show what is there; run nothing.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A line a world, with a heading, on standard output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Live many simulated worlds and count what the promotion rules make of them; a killed run goes on.

    Settings of promotion stay at their defaults, by which the worlds are judged, and so do all others: of --config only
    data_dir counts."""
    folder = load(config).data_dir / WORLDS / check_name(run)
    wanted = _worlds(kinds, seeds, hours)
    if not only_show:
        require_writable(folder)
        _check(folder, hours)
        with locked(folder):
            _run(folder, wanted, workers)
    results = read_results(folder)
    if not results:
        raise Failure(f"{folder} holds no world.", "Leave --show away to live some.")
    rows = summarise(results)
    if as_csv:
        lines = table_of(results)
        writer = csv.DictWriter(sys.stdout, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    elif as_json:
        print(msgspec.json.encode(rows).decode())
    else:
        _show(rows, hours)


def _worlds(kinds: str, seeds: str, hours: int) -> list[World]:
    chosen = [kind_of(each.strip()) for each in kinds.split(",")]
    if not seeds:
        spans = {kind: range(PROOF_SEEDS, PROOF_SEEDS + PROOF[kind]) for kind in chosen}
    else:
        first, _, last = seeds.partition(":")
        if not (first.isdecimal() and last.isdecimal()):
            raise Failure(f"--seeds {seeds} is no range.", "Write it like 0:10.")
        if int(first) >= int(last):
            raise Failure(f"--seeds {seeds} has no seed.", "The first must be below the second, as in 0:10.")
        spans = dict.fromkeys(chosen, range(int(first), int(last)))
    return [World(kind, seed, hours_of(kind, hours)) for kind, of in spans.items() for seed in of]


def _check(folder: Path, hours: int) -> None:
    """One horizon a run: its worlds are counted together."""
    for each in read_results(folder):
        if each.world.hours != hours_of(each.world.kind, hours):
            raise Failure(
                f"the run {folder.name} was begun with another horizon.",
                "Give the same --hours, or another --run NAME.",
            )


def _run(folder: Path, wanted: list[World], workers: int) -> None:
    with steps() as begin:
        run_worlds(folder, wanted, workers, begin(f"{len(wanted)} worlds into {folder}"))


def _show(rows: list[KindSummary], hours: int) -> None:
    table = Table(
        "kind", "worlds", "active", "median h", "smaller in time", "before it died", "spent", "hours", "s an hour"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        median = "-" if row.median_h is None else f"{row.median_h:.0f}"
        dying = ("-", "-", "-")
        if row.kind == "dying":
            dying = (str(row.demoted), str(row.already), str(row.spent))
        figures = (str(row.worlds), str(row.promoted), median, *dying, f"{row.hours:,.0f}", f"{row.cost:.2f}")
        table.add_row(row.kind, *figures)
    Console().print(table)
    print(
        f"Horizon {hours} h. Asked for: of 200 nulls at most 2 active; of 50 edges at least 45; "
        "of 50 that die at least 45 made smaller before the budget is spent."
    )
