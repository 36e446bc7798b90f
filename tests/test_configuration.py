"""profit.toml documents the configuration: every key, each with the default that the code has."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from models.section import Section
from models.settings import Settings, load
from models.strategies.instance import InstanceTable
from models.strategies.registry import STRATEGIES
from tests.conftest import ROOT


@pytest.fixture
def documented() -> dict[str, Any]:
    return tomllib.loads((ROOT / "profit.toml").read_text(encoding="utf-8"))


def defaults() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            found[name] = {key: _written(inner.default) for key, inner in kind.model_fields.items()}
        else:
            found[name] = str(field.default) if name == "data_dir" else field.default
    return found


def _written(default: Any) -> Any:
    """A default as it stands in a file."""
    return default.get_secret_value() if isinstance(default, SecretStr) else default


def test_every_key_and_default_is_documented(documented: dict[str, Any]) -> None:
    expected = defaults()
    assert expected.pop("instances") == (), "a table of its own: see the example in the file"
    assert expected.pop("run_name") == "", "given by who starts a flow, never by a file"
    assert documented == expected


def test_the_file_loads_as_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PROFIT_{name.upper()}", raising=False)
    assert load(ROOT / "profit.toml") == Settings.model_construct(
        **{n: f.default for n, f in Settings.model_fields.items()}
    )


def test_the_example_of_an_instance_is_one(tmp_path: Path) -> None:
    text = (ROOT / "profit.toml").read_text(encoding="utf-8")
    start = text.index("# [[instances]]")
    example = text[start : text.index("\n\n", start)]
    path = tmp_path / "profit.toml"
    path.write_text("\n".join(line.removeprefix("# ") for line in example.splitlines()), encoding="utf-8")
    (table,) = load(path).instances
    assert table.state == "shadow"
    assert set(table.model_dump()) == set(InstanceTable.model_fields)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_what_a_strategys_keys_mean_stands_in_its_file_alone(name: str) -> None:
    """The comments in profit.toml are the fields' descriptions, and the section's is its docstring."""
    strategy = STRATEGIES[name]
    assert Settings.model_fields[strategy.section].annotation is strategy.parameters
    text = (ROOT / "profit.toml").read_text(encoding="utf-8")
    section = text[text.index(f"[{strategy.section}]") :].split("\n\n")[0].splitlines()
    assert f"# {strategy.parameters.__doc__}\n[{strategy.section}]" in text
    for line in section[1:]:
        key, _, comment = line.partition(" = ")
        description = strategy.parameters.model_fields[key].description
        assert comment.partition("  # ")[2] == (description or "")


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
