"""Keys given one by one: typed as the settings say, and a wrong one names the nearest."""

from __future__ import annotations

import pytest

from models.failures import Failure
from models.overriding import overridden
from models.settings import Settings
from models.strategies.instance import InstanceTable

EAGER = Settings(instances=(InstanceTable(id="eager", strategy="parity"),))


def test_values_have_the_type_of_their_key() -> None:
    words = ["fair_value.enabled=false", "portfolio.capital=500", 'feeds.horizons=["5m"]', "portfolio_name=other"]
    changed = overridden(Settings(), words)
    assert changed.fair_value.enabled is False and changed.portfolio.capital == 500.0
    assert changed.feeds.horizons == ["5m"] and changed.portfolio_name == "other"
    assert overridden(Settings(), ["portfolio.capital=1", "portfolio.capital=2"]).portfolio.capital == 2


def test_an_instance_takes_state_and_parameters() -> None:
    changed = overridden(EAGER, ["instances.eager.state=shadow", "instances.eager.parameters.min_edge=0.5"])
    assert changed.instances[0].state == "shadow" and changed.instances[0].parameters == {"min_edge": 0.5}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("fair_value.min_egde=1", "Did you mean fair_value.min_edge?"),
        ("simulator.lag=1", "Did you mean simulator.lag_s?"),
        ("portfolio.capital=much", "portfolio.capital=much is not allowed: it must be a valid number"),
        ("portfolio.capital=-1", "greater than 0"),
        ("feeds.assets=BTC,EHT", "feeds.assets=BTC,EHT is not allowed"),
        ("portfolio.capital", "is no KEY=VALUE"),
        ("instances.eagre.state=shadow", "Did you mean eager?"),
        ("instances.eager.parameters.min_egde=1", "Did you mean min_edge?"),
        ("instances.eager.wakes=1", "no such key of an instance"),
        ("instances=1", "there is no such key"),
    ],
    ids=["near", "near-name", "type", "bound", "list", "no-sign", "instance", "parameter", "instance-key", "table"],
)
def test_what_is_wrong_is_said(word: str, said: str) -> None:
    with pytest.raises(Failure) as refused:
        overridden(EAGER, [word])
    assert said in str(refused.value) or said in refused.value.cause
