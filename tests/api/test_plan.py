"""docs/plan.md names what there is: every path exists, and every module is one that telemetry knows."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from api.server.catalogue import room_of
from tests.conftest import ROOT

PLAN = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
_SHORT = re.compile(r"^[a-z_]+\.py$")


@cache
def rows() -> list[list[str]]:
    """The cells of the tables of phase 1."""
    first = PLAN.partition("## Phase 1")[2].partition("## Phase 2")[0]
    lines = [line for line in first.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_item_of_the_plan_is_there() -> None:
    items = " ".join(row[0] for row in rows())
    for name in ("P1.1", "P1.2", "P1.3", "P1.4", "P1.5", "P1.6", "P1.7", "release gates", "UI"):
        assert name in items
    assert all(len(row) == 6 and all(row) for row in rows())


def test_every_path_exists() -> None:
    for row in rows():
        for cell in (row[1], row[4]):
            folder = Path()
            for name in quoted(cell):
                if not re.search(r"\.py$|/$", name) or name.startswith("profit"):
                    continue
                if _SHORT.match(name):  # beside the one before
                    assert list(ROOT.glob(f"{folder}/**/{name}")), name
                    continue
                assert (ROOT / name).exists(), name
                folder = Path(name) if name.endswith("/") else Path(name).parent


def modules() -> set[str]:
    """All modules that the plan names."""
    return {name for row in rows() for name in quoted(row[2])}


def test_the_rooms_know_every_module() -> None:
    """None of them stands in the last room, which is that of processes and of what nobody knows."""
    for name in modules():
        assert room_of(name).id != "processes" or name.startswith(("process.", "supervisor", "broker")), name
