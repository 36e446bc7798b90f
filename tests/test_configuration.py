"""profit.toml documents the configuration: every key, each with the default that the code has."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from models.settings import Section, Settings, load
from tests.conftest import ROOT


@pytest.fixture
def documented() -> dict[str, Any]:
    return tomllib.loads((ROOT / "profit.toml").read_text(encoding="utf-8"))


def defaults() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            found[name] = {key: inner.default for key, inner in kind.model_fields.items()}
        else:
            found[name] = str(field.default) if name == "data_dir" else field.default
    return found


def test_every_key_and_default_is_documented(documented: dict[str, Any]) -> None:
    assert documented == defaults()


def test_the_file_loads_as_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PROFIT_{name.upper()}", raising=False)
    assert load(ROOT / "profit.toml") == Settings.model_construct(
        **{n: f.default for n, f in Settings.model_fields.items()}
    )


def test_every_key_says_what_it_is() -> None:
    lines = (ROOT / "profit.toml").read_text(encoding="utf-8").splitlines()
    obvious = {
        "host",
        "sasl_username",
        "polymarket_ws",
        "clob_rest",
        "gamma_rest",
        "coinbase_ws",
        "user_agent",
        "enabled",
    }
    bare = [line for line in lines if " = " in line and not line.startswith("#") and "#" not in line]
    assert {line.split(" = ")[0] for line in bare} <= obvious
