"""Settings: a wrong value is refused with its key, the value and what is allowed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.settings import ConfigurationError, Section, Settings, examine, load, overrides, recorded


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory without any variable of ours."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("PROFIT_") and "_TEST_" not in name]:
        monkeypatch.delenv(variable)
    return tmp_path


def refusal(text: str, folder: Path) -> str:
    path = folder / "profit.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert caught.value.cure
    return caught.value.cause


def test_without_file_and_environment_the_defaults_hold(folder: Path) -> None:
    assert load() == Settings()


def test_the_file_overrides_the_defaults_and_the_environment_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "profit.toml"
    path.write_text("[fair_value]\nmin_edge = 0.03\nmargin = 0.02\n")
    assert (load(path).fair_value.min_edge, load(path).fair_value.margin) == (0.03, 0.02)
    monkeypatch.setenv("PROFIT_FAIR_VALUE_MIN_EDGE", "0.05")
    monkeypatch.setenv("PROFIT_FEEDS_ASSETS", '["ETH"]')
    settings = load(path)
    assert (settings.fair_value.min_edge, settings.fair_value.margin) == (0.05, 0.02)
    assert settings.feeds.assets == ["ETH"]


def test_instances_come_from_tables_or_as_one_list_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "profit.toml"
    path.write_text(
        "[[instances]]\nid = 'eager'\nstrategy = 'updown_fair_value'\nstate = 'twin'\n"
        "parameters = {min_edge = 0.001, sample_s = 2}\n"
    )
    (table,) = load(path).instances
    assert (table.id, table.state, table.parameters) == ("eager", "twin", {"min_edge": 0.001, "sample_s": 2})
    monkeypatch.setenv("PROFIT_INSTANCES", '[{"id": "wide", "strategy": "parity", "state": "shadow"}]')
    assert [each.id for each in load(path).instances] == ["wide"]
    monkeypatch.setenv("PROFIT_INSTANCES", '[{"id": "parity", "strategy": "updown_fair_value"}]')
    with pytest.raises(ConfigurationError, match=r"instances\.0\.id.*is taken"):
        load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[fair_value]\nmin_edge = 2\n",
            ("fair_value.min_edge = 2", "less than or equal to 1", "PROFIT_FAIR_VALUE_MIN_EDGE"),
        ),
        ("[portfolio]\ncapital = 0\n", ("portfolio.capital = 0", "greater than 0", "PROFIT_PORTFOLIO_CAPITAL")),
        ("[execution]\norder_type = 'GTC'\n", ("execution.order_type = 'GTC'", "'FAK' or 'FOK'")),
        ("[feeds]\nassets = ['DOGGO']\n", ("feeds.assets.0 = 'DOGGO'", "'BTC'")),
        ("[checks]\nold_ms = 'soon'\n", ("checks.old_ms = 'soon'", "integer")),
        ("[checks]\nmaximum = 3\n", ("checks.maximum", "no such key", "profit.toml")),
        ("portfolio_name = 'Big Money'\n", ("portfolio_name = 'Big Money'", "PROFIT_PORTFOLIO_NAME")),
        ("[fair_value\n", ("not TOML", "profit.toml")),
        ("[fair_valu]\nmargin = 0\n", ("fair_valu: no such key", "Did you mean fair_value?")),
        ("[fair_value]\nmin_egde = 0\n", ("fair_value.min_egde", "Did you mean fair_value.min_edge?")),
        ("[[instances]]\nid = 'Eager'\nstrategy = 'parity'\n", ("instances.0.id = 'Eager'", "PROFIT_INSTANCES.")),
        ("[[instances]]\nid = 'eager'\n", ("instances.0.strategy is missing", "PROFIT_INSTANCES")),
        ("[[instances]]\nid = 'a'\nstrategi = 'parity'\n", ("instances.0.strategi", "mean instances.strategy?")),
        (
            "[[instances]]\nid = 'a'\nstrategy = 'parity'\nparameters = {min_egde = 0}\n",
            ("instances.0.parameters.min_egde", "Did you mean min_edge?"),
        ),
    ],
)
def test_a_wrong_value_names_key_value_and_what_is_allowed(text: str, words: tuple[str, ...], folder: Path) -> None:
    cause = refusal(text, folder)
    for word in words:
        assert word in cause


def test_all_wrong_values_are_reported_at_once(folder: Path) -> None:
    cause = refusal("[fair_value]\nmin_edge = 2\n[portfolio]\ncapital = -1\n", folder)
    assert len(cause.splitlines()) == 2


def test_a_wrong_variable_is_refused_and_the_near_one_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFIT_PORTFOLIO_CAPITOL", "5")
    with pytest.raises(ConfigurationError, match="Did you mean PROFIT_PORTFOLIO_CAPITAL"):
        load()


def test_a_key_that_was_renamed_is_named_by_its_name_of_today(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cause = refusal("[checks]\nfrozen_twin_changes = 3\n", folder)
    assert "It is called checks.frozen_complement_changes now." in cause
    monkeypatch.setenv("PROFIT_CHECKS_FROZEN_TWIN_CHANGES", "3")
    with pytest.raises(ConfigurationError, match="It is called PROFIT_CHECKS_FROZEN_COMPLEMENT_CHANGES now"):
        load()


def test_a_wrong_value_in_the_environment_names_the_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFIT_EXECUTION_DELAY_MS", "-5")
    with pytest.raises(ConfigurationError, match=r"execution\.delay_ms = '-5'.*PROFIT_EXECUTION_DELAY_MS"):
        load()


def test_a_list_that_is_no_json_is_explained(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFIT_FEEDS_ASSETS", "BTC,ETH")
    with pytest.raises(ConfigurationError, match="JSON"):
        load()


def test_a_file_that_is_named_and_absent_is_an_error(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load(folder / "absent.toml")


def test_loading_leaves_the_environment_as_it_was(folder: Path) -> None:
    before = dict(os.environ)
    load()
    assert dict(os.environ) == before


def test_a_password_is_not_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFIT_KAFKA_SASL_PASSWORD", "s3cret")
    assert "s3cret" not in repr(load())


@pytest.mark.parametrize(
    ("variable", "value", "proposed"),
    [
        ("PROFIT_FEEDS_ASSETS", "BTC", '["BTC"]'),
        ("PROFIT_FEEDS_ASSETS", "BTC, ETH", '["BTC", "ETH"]'),
        ("PROFIT_FEEDS_ASSETS", "['BTC']", '["BTC"]'),
        ("PROFIT_FEEDS_HORIZONS", "5m,15m", '["5m", "15m"]'),
    ],
)
def test_a_list_that_is_no_json_is_named_by_its_key_and_written_right(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, proposed: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load()
    section, key = variable.removeprefix("PROFIT_").lower().split("_")
    assert f"{section}.{key} = {value!r}" in caught.value.cause
    assert f"{variable}='{proposed}'" in caught.value.cause
    monkeypatch.setenv(variable, proposed)
    load()


def _all_keys() -> list[tuple[str, str]]:
    return [
        (section, key)
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        for key in field.annotation.model_fields
    ]


@pytest.mark.parametrize(("section", "key"), _all_keys(), ids=".".join)
def test_every_key_is_named_when_it_is_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch, section: str, key: str
) -> None:
    """In the file a table is wrong for every key; in the environment, for all that are no text, the word is."""
    assert f"{section}.{key} = " in refusal(f"[{section}.{key}]\nx = 1\n", folder)
    assert f"Did you mean {section}.{key}?" in refusal(f"[{section}]\n{key}x = 1\n", folder)
    (folder / "profit.toml").unlink()
    variable = f"PROFIT_{section}_{key}".upper()
    monkeypatch.setenv(variable, "no such thing")
    for finding in examine()[1]:  # none where any text will do
        assert finding.startswith(f"{section}.{key} = ") and variable in finding


def test_one_wrong_key_costs_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "profit.toml").write_text("portfolio_name = 'mine'\n[api]\nport = 7000\nprot = 1\n[feeds]\nping_s = -1\n")
    monkeypatch.setenv("PROFIT_DATA_DIR", "elsewhere")
    monkeypatch.setenv("PROFIT_API_PORT", "7001")
    monkeypatch.setenv("PROFIT_FEEDS_ASSETS", "BTC")
    settings, findings = examine()
    assert (settings.data_dir, settings.api.port, settings.portfolio_name) == (Path("elsewhere"), 7001, "mine")
    assert len(findings) == 3
    assert settings.feeds == Settings().feeds


@pytest.mark.parametrize("text", ["", "[", "\x00", "\ufeff[api]\nport = 1\n"])
def test_a_file_of_any_content_is_explained(folder: Path, text: str) -> None:
    (folder / "profit.toml").write_text(text, encoding="utf-8")
    _, findings = examine()
    assert len(findings) == (0 if text == "" or text.startswith("\ufeff") else 1)


@pytest.mark.parametrize("name", ["absent.toml", "folder"])
def test_a_file_that_the_environment_names_must_be_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (folder / "folder").mkdir()
    monkeypatch.setenv("PROFIT_CONFIG", name)
    with pytest.raises(ConfigurationError, match=f"{name}: .* file"):
        load()


@given(st.dictionaries(st.text(max_size=8), st.recursive(st.none() | st.integers() | st.text(), st.lists)))
def test_whatever_a_run_kept_is_settings_or_a_finding(stored: dict[str, object]) -> None:
    with TemporaryDirectory() as place:
        path = Path(place) / "settings.json"
        path.write_text(json.dumps(stored))
        try:
            recorded(path)
        except ConfigurationError as error:
            assert error.cause


def test_what_a_run_kept_goes_before_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "settings.json"
    path.write_text(Settings().model_dump_json())
    monkeypatch.setenv("PROFIT_PORTFOLIO_CAPITAL", "5")
    assert recorded(path).portfolio.capital == 10_000
    assert overrides() == ["PROFIT_PORTFOLIO_CAPITAL"]
