"""Memory budget of the embedded broker, which never gives memory back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol

MIB: Final = 1024 * 1024
WARN_AT: Final = 0.8


class Measured(Protocol):
    def memory_bytes(self) -> int: ...


class MemoryBudget:
    """Compares the broker's memory with its budget (bytes) at each ``check``.

    ``on_warning(used, budget)`` is called once, at 80%; ``on_exhausted(used, budget)`` once, at 100%."""

    def __init__(
        self,
        broker: Measured,
        budget: int,
        on_warning: Callable[[int, int], None],
        on_exhausted: Callable[[int, int], None],
    ) -> None:
        self._broker = broker
        self._budget = budget
        self._on_warning = on_warning
        self._on_exhausted = on_exhausted
        self._warned = False
        self._exhausted = False
        self.used = 0

    def check(self) -> None:
        self.used = self._broker.memory_bytes()
        if self.used >= self._budget * WARN_AT and not self._warned:
            self._warned = True
            self._on_warning(self.used, self._budget)
        if self.used >= self._budget and not self._exhausted:
            self._exhausted = True
            self._on_exhausted(self.used, self._budget)

    def gauges(self) -> dict[str, int]:
        """For telemetry: bytes in use and the budget."""
        return {"memory_bytes": self.used, "memory_budget_bytes": self._budget}

    @property
    def state(self) -> str:
        return "exhausted" if self._exhausted else "warning" if self._warned else "within"


def watch(budget: MemoryBudget, stop: threading.Event, every_s: float = 1.0) -> threading.Thread:
    """Check the budget every ``every_s`` seconds from a daemon thread until ``stop`` is set."""

    def loop() -> None:
        while not stop.wait(every_s):
            budget.check()

    thread = threading.Thread(target=loop, name="broker-memory", daemon=True)
    thread.start()
    return thread
