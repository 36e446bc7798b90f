"""SPA and StepM: worthless ones pass as rarely as stated, and without the package there is a cure."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from models.failures import Failure
from models.statistics.superior import superior


def noise(seed: int) -> dict[str, np.ndarray]:
    values = np.random.default_rng(seed).normal(size=(5, 120))
    return {f"s{place}": row for place, row in enumerate(values)}


def test_worthless_ones_rarely_pass() -> None:
    """At 10%, 40 looks: 4 expected, more than 10 has a probability below 0.2%."""
    assert sum(superior(noise(seed), seed=seed, paths=200).p_value < 0.1 for seed in range(40)) <= 10


def test_gains_are_better_and_losses_are_not() -> None:
    table = noise(7)
    table["s1"] = table["s1"] + 0.6
    table["s2"] = table["s2"] - 0.6
    found = superior(table, seed=1, paths=300)
    assert found.p_value < 0.01 and found.better == ["s1"]


def test_without_the_package_there_is_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arch.bootstrap", None)
    with pytest.raises(Failure, match="arch"):
        superior({"a": [0.1, 0.2]})
