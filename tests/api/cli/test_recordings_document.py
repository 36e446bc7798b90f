"""The worked example of docs/recordings.md, run as it is written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.commands import profit
from tests.conftest import ROOT


def example() -> list[tuple[str, list[str]]]:
    """(command, what the document shows of its output) in order."""
    text = (ROOT / "docs" / "recordings.md").read_text(encoding="utf-8")
    section = text.partition("## An example, from file to report")[2].partition("\n## ")[0]
    steps: list[tuple[str, list[str]]] = []
    for line in section.splitlines():
        shown = line.removeprefix("    ")
        if shown.startswith("$ "):
            steps.append((shown[2:], []))
        elif steps and line.startswith("    "):
            steps[-1][1].append(shown.rstrip())
        elif steps and not line:
            steps[-1][1].append("")
        else:
            steps.append(("", []))  # words between two blocks
    return [step for step in steps if step[0]]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split("[│┃]", line) if cell.strip()]


@pytest.mark.takes(25)
def test_the_example_comes_out_as_it_is_written(recordings: Path, tmp_path: Path) -> None:
    shutil.copy(recordings / "polymarket_15m_monitor" / "btc.csv", tmp_path)
    steps = dict(example())
    assert len(steps) == 6
    for command, shown in steps.items():
        words, _, target = command.partition(" > ")
        verb, *arguments = words.split()
        expected = "\n".join(shown).strip()
        if verb == "profit":
            done = profit(tmp_path, *arguments)
            assert done.returncode == 0, done.stderr
            said = done.stdout
            if target:
                (tmp_path / target).write_text(said, encoding="utf-8")
        elif verb == "head":
            said = "".join((tmp_path / "btc.csv").read_text().splitlines(True)[:3])
            assert said.strip() == expected
        else:
            assert verb == "cat"
            assert (tmp_path / arguments[0]).read_text(encoding="utf-8").strip() == expected
        if arguments[:2] == ["import", "table"] and not target:
            rows = [cells(line) for line in shown if line.startswith("│")]
            assert len(rows) == 10 and all(row in [cells(line) for line in said.splitlines()] for row in rows)
        if arguments[:1] == ["report"]:  # what a strategy makes of it changes with the strategy; what was read does not
            rows = [cells(line) for line in shown if line.startswith("│")]
            found = {row[0]: row[1:] for row in map(cells, said.splitlines()) if row}
            assert {row[0] for row in rows} <= found.keys() | {"updown_fair_value"}
            for name in ("feed events", "journal events", "markets settled", "ledger imbalance, µ$"):
                assert found[name] == next(row[1:] for row in rows if row[0] == name)
