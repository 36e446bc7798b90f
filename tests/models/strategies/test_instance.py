"""Instances: one a strategy by default, more by configuration, and a wrong table is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest

from models.settings import FairValue, Parity, Settings
from models.strategies.instance import InstanceTable, all_instances, instances, refusal
from models.strategies.registry import STRATEGIES

EAGER = InstanceTable(
    id="eager", strategy="updown_fair_value", state="shadow", parameters={"min_edge": 0.001, "warm_up_s": 7}
)


def test_by_default_there_is_one_instance_a_strategy_under_its_name_and_only_the_proven_are_active() -> None:
    found = instances(Settings())
    assert [(each.id, each.strategy.name, each.state, each.model) for each in found] == [
        (name, name, "active" if name in ("updown_fair_value", "parity") else "shadow", "none") for name in STRATEGIES
    ]
    assert [each.module for each in found] == [f"strategy.{name}" for name in STRATEGIES]


def test_what_is_switched_off_is_not_evaluated_and_its_limits_are_still_known() -> None:
    settings = Settings(fair_value=FairValue(enabled=False))
    assert [each.id for each in instances(settings)] == [name for name in STRATEGIES if name != "updown_fair_value"]
    assert set(all_instances(settings)) == set(STRATEGIES)


def test_a_table_overrides_its_strategys_section_and_nothing_of_the_others() -> None:
    settings = Settings(fair_value=FairValue(margin=0.03, enabled=False), instances=(EAGER,))
    found = all_instances(settings)
    assert list(found) == [*STRATEGIES, "eager"]
    eager, plain = found["eager"], found["updown_fair_value"]
    assert (eager.parameters.min_edge, eager.parameters.margin, eager.threshold) == (0.001, 0.03, 0.031)
    assert (eager.state, eager.enabled, plain.enabled) == ("shadow", True, False)
    assert (eager.limits.module, eager.limits.warm_up_s, plain.limits.warm_up_s) == ("data_gate.eager", 7, 60)
    off = InstanceTable(id="off", strategy="parity", parameters={"enabled": False})
    assert "off" not in [each.id for each in instances(Settings(instances=(off,)))]
    assert "off" in all_instances(Settings(instances=(off,)))


def test_a_table_under_a_strategys_name_is_of_its_default_instance() -> None:
    table = InstanceTable(id="parity", strategy="parity", state="shadow", parameters={"margin": 0.5})
    off = Settings(parity=Parity(enabled=False), instances=(table,))
    found = all_instances(off)
    assert list(found) == [*STRATEGIES]
    assert (found["parity"].state, found["parity"].parameters.margin) == ("shadow", 0.5)
    assert not found["parity"].enabled, "whether it is on, its section says"


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([EAGER, EAGER], ("instances.1.id", '"eager" is taken')),
        ([{"id": "parity", "strategy": "updown_fair_value"}], ("instances.0.id", "is taken")),
        ([{"id": "a", "strategy": "paritty"}], ("instances.0.strategy", "Did you mean parity?")),
        ([{"id": "a", "strategy": "x"}], ("There are: updown_fair_value, parity, lead_lag",)),
        (
            [{"id": "a", "strategy": "parity", "parameters": {"min_egde": 0.1}}],
            ("instances.0.parameters.min_egde", "Did you mean min_edge?"),
        ),
        (
            [{"id": "a", "strategy": "parity", "parameters": {"margin": 2}}],
            ("instances.0.parameters.margin = 2", "less than or equal to 1"),
        ),
    ],
)
def test_a_wrong_table_is_refused_by_its_place_and_key(tables: list[Any], words: tuple[str, ...]) -> None:
    reported = refusal([table if isinstance(table, InstanceTable) else InstanceTable(**table) for table in tables])
    for word in words:
        assert word in reported
