"""The examples in the docstrings of ``models`` run, and give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

from tests.conftest import ROOT

FILES = sorted(path.relative_to(ROOT).with_suffix("") for path in (ROOT / "models").rglob("*.py"))
MODULES = [".".join(path.parts) for path in FILES if path.name != "__init__"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
