"""The memory budget speaks once at 80% and once at 100%."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from connectors.broker.memory import MemoryBudget, watch
from tests.waiting import eventually


@dataclass
class FakeBroker:
    used: int = 0

    def memory_bytes(self) -> int:
        return self.used


@dataclass
class Heard:
    warnings: list[tuple[int, int]] = field(default_factory=list)
    ends: list[tuple[int, int]] = field(default_factory=list)

    def budget(self, broker: FakeBroker) -> MemoryBudget:
        return MemoryBudget(
            broker, 1_000, lambda *pair: self.warnings.append(pair), lambda *pair: self.ends.append(pair)
        )


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_thresholds(heard: Heard) -> None:
    broker = FakeBroker(799)
    budget = heard.budget(broker)
    budget.check()
    assert (heard.warnings, heard.ends, budget.state) == ([], [], "within")
    broker.used = 800
    budget.check()
    budget.check()
    assert (heard.warnings, heard.ends, budget.state) == ([(800, 1_000)], [], "warning")
    broker.used = 1_000
    budget.check()
    budget.check()
    assert (heard.warnings, heard.ends, budget.state) == ([(800, 1_000)], [(1_000, 1_000)], "exhausted")
    assert budget.gauges() == {"memory_bytes": 1_000, "memory_budget_bytes": 1_000}


def test_a_jump_over_both_thresholds_calls_both(heard: Heard) -> None:
    heard.budget(FakeBroker(2_000)).check()
    assert len(heard.warnings) == len(heard.ends) == 1


def test_watch_checks_until_told_to_stop(heard: Heard) -> None:
    stop = threading.Event()
    broker = FakeBroker(0)
    thread = watch(heard.budget(broker), stop, every_s=0.005)
    broker.used = 900
    eventually(lambda: heard.warnings, what="the warning")
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
