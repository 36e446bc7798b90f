"""docs/your-strategy.md: its strategy and its tests, run as they stand there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from models.settings import Settings
from models.strategies.needs import limits
from models.strategies.strategy import Strategy
from tests.conftest import ROOT

BLOCK = re.compile(r"```python file=(\S+)\n(.*?)```", re.DOTALL)
CODE = dict(BLOCK.findall((ROOT / "docs" / "your-strategy.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The names of both files together, as a test module beside the strategy has them."""
    names: dict[str, Any] = {"__name__": "late_favourite"}
    for file in CODE:
        exec(compile(CODE[file], file, "exec"), names)
    return names


def test_it_has_forty_lines() -> None:
    strategy = CODE["models/strategies/late_favourite.py"]
    assert len([line for line in strategy.splitlines() if line.strip()]) <= 40


def test_it_is_a_strategy_whose_needs_hold_together(written: dict[str, Any]) -> None:
    strategy = written["STRATEGY"]
    assert isinstance(strategy, Strategy)
    bounds = limits(strategy.name, strategy.needs, strategy.parameters(), Settings())
    assert bounds.module == "data_gate.late_favourite"


def test_its_own_tests_pass(written: dict[str, Any]) -> None:
    found = [each for name, each in written.items() if name.startswith("test_")]
    assert len(found) == 3
    for test in found:
        test()
