"""Settings: a wrong value is refused with its key, the value and what is allowed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.settings import ConfigurationError, Settings, load


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
    monkeypatch.setenv("PROFIT_INSTANCES", '[{"id": "parity", "strategy": "parity"}]')
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


def test_all_wrong_values_are_told_at_once(folder: Path) -> None:
    cause = refusal("[fair_value]\nmin_edge = 2\n[portfolio]\ncapital = -1\n", folder)
    assert len(cause.splitlines()) == 2


def test_a_wrong_variable_is_refused_and_the_near_one_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFIT_PORTFOLIO_CAPITOL", "5")
    with pytest.raises(ConfigurationError, match="Did you mean PROFIT_PORTFOLIO_CAPITAL"):
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
