"""A strategy that shows what it does not declare fails before anything starts, with the field's name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.detail import Annotated, Detail, Meta
from models.strategies.instance import instances
from models.strategies.registry import STRATEGIES
from models.strategies.rehearsal import RehearsalFailed, fault_of, require_rehearsed
from models.strategies.signal import Signal
from models.strategies.strategy import Strategy


class Shown(Detail, frozen=True):
    edge: Annotated[float, Meta(description="dollars a share")]


class Bare(Detail, frozen=True):
    edge: float


class Folder(Detail, frozen=True):
    edges: Annotated[list[float], Meta(description="dollars a share")]


class Other(Detail, frozen=True):
    depth: Annotated[float, Meta(description="shares")]


def showing(make: Any, detail: Any = Shown) -> Strategy:
    def evaluate(view: Any, parameters: Any, outcomes: Any) -> Signal:
        return Signal(Verdict.PASS, Reason.EDGE, 1.0, detail=make())

    return msgspec.structs.replace(STRATEGIES["parity"], evaluate=evaluate, detail=detail)


def test_every_strategy_there_is_keeps_to_what_it_declares() -> None:
    assert {name: fault_of(each) for name, each in STRATEGIES.items()} == dict.fromkeys(STRATEGIES, "")
    require_rehearsed(instances(Settings()))


@pytest.mark.parametrize(
    ("strategy", "named"),
    [
        pytest.param(showing(lambda: Shown(edge=1.0, depth=2)), "depth", id="undeclared field"),  # type: ignore[call-arg]
        pytest.param(showing(lambda: Shown(edge="much")), "edge", id="wrong kind"),  # type: ignore[arg-type]
        pytest.param(showing(lambda: Shown()), "edge", id="left out"),  # type: ignore[call-arg]
        pytest.param(showing(lambda: Other(depth=1.0)), "depth", id="another class"),
        pytest.param(showing(lambda: Other(depth=1.0), None), "depth", id="nothing declared"),
        pytest.param(showing(lambda: Bare(edge=1.0), Bare), "edge", id="no meaning"),
        pytest.param(showing(lambda: Folder(edges=[1.0]), Folder), "edges", id="no number"),
        pytest.param(showing(lambda: None), "Shown", id="never shown"),
    ],
)
def test_a_fault_names_strategy_and_field(strategy: Strategy, named: str) -> None:
    (instance, *_) = instances(Settings())
    with pytest.raises(RehearsalFailed) as failure:
        require_rehearsed([msgspec.structs.replace(instance, strategy=strategy)])
    assert "strategy parity" in failure.value.cause and named in failure.value.cause
