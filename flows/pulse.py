"""A flow's pulse: the counters of its modules, once a second of event time.

A module whose counters moved sends a row each second; one that rests sends a heartbeat every ten.
"""

from __future__ import annotations

from collections.abc import Iterable

from models.contracts import Number, Telemetry
from models.message import Message
from models.reasons import Reason, Verdict
from models.timestamps import SECOND
from models.topics import TELEMETRY

_REST_S = 10
_OK = Reason.OK
_PASSED = (Verdict.PASS, Reason.OK)


class _Module:
    __slots__ = ("_names", "counts", "last", "passed", "sent", "touched")

    def __init__(self) -> None:
        self._names: list[tuple[str, tuple[str, str]]] = []  # of ``counts``, sorted
        self.counts: dict[tuple[str, str], int] = {}
        self.last = ""
        self.passed = 0  # not yet in ``counts``
        self.sent = -_REST_S
        self.touched = True

    def named_counts(self) -> dict[str, int]:
        """``counts`` by the names they have on telemetry, sorted."""
        counts = self.counts
        if len(self._names) != len(counts):
            self._names = [(f"{verdict}:{reason}", (verdict, reason)) for verdict, reason in sorted(counts)]
        return {name: counts[key] for name, key in self._names}


class FlowPulse:
    """Counts by module, verdict and reason. Times are Unix ns of event time. ``chief`` is the module that carries the
    gauges of the whole flow, and is sent every second."""

    def __init__(self, producer: str, modules: tuple[str, ...], chief: str) -> None:
        self._producer = producer
        self._chief = chief
        self._modules = {module: _Module() for module in (*modules, chief)}
        self._second = 0
        self._ordinal = 0

    def add(self, modules: Iterable[str]) -> None:
        """Count these modules too; those it knows keep their counts."""
        for module in modules:
            self._modules.setdefault(module, _Module())

    def count(self, module: str, verdict: str, reason: str, by: int = 1) -> None:
        entry = self._modules[module]
        key = (verdict, reason)
        entry.counts[key] = entry.counts.get(key, 0) + by
        entry.last = reason
        entry.touched = True

    def passed(self, module: str) -> None:
        """``count`` of what passed with nothing to say: by far the most, so that it is had cheaper."""
        entry = self._modules[module]
        entry.passed += 1
        entry.last = _OK
        entry.touched = True

    def is_due(self, t: int) -> bool:
        """Whether the second of event time has changed since the last beat."""
        return t // SECOND != self._second

    def beat(self, t: int, gauges: dict[str, Number], whole: bool = False) -> list[Message]:
        """The rows that are due at ``t``; with ``whole`` those of every module."""
        second = self._second = t // SECOND
        rows: list[Message] = []
        for name, module in self._modules.items():
            chief = name == self._chief
            if not (module.touched or chief or whole or second - module.sent >= _REST_S):
                continue
            module.touched = False
            if module.passed:
                module.counts[_PASSED] = module.counts.get(_PASSED, 0) + module.passed
                module.passed = 0
            module.sent = second
            row = Telemetry(
                id=f"{self._producer}-{self._ordinal}",
                timestamp=t,
                module=name,
                status="running",
                heartbeat=t,
                counts=module.named_counts(),
                last_reason=module.last,
                gauges=gauges if chief else {},
            )
            rows.append(Message(TELEMETRY, name, row.canonical(), t, self._producer, self._ordinal))
            self._ordinal += 1
        return rows
