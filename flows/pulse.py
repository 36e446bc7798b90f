"""A flow's pulse: the counters of its modules, one record an interval of event time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.contracts import Number
from models.message import Message
from models.reasons import Reason, Verdict
from models.telemetry import Changes, ModuleState

_OK = Reason.OK
_PASSED = (Verdict.PASS, Reason.OK)


class _Module:
    __slots__ = ("_names", "counts", "last", "passed")

    def __init__(self) -> None:
        self._names: list[tuple[str, tuple[str, str]]] = []  # of ``counts``, sorted
        self.counts: dict[tuple[str, str], int] = {}
        self.last = ""
        self.passed = 0  # not yet in ``counts``

    def named_counts(self) -> dict[str, int]:
        """``counts`` by the names they have on telemetry, sorted."""
        counts = self.counts
        if self.passed:
            counts[_PASSED] = counts.get(_PASSED, 0) + self.passed
            self.passed = 0
        if len(self._names) != len(counts):
            self._names = [(f"{verdict}:{reason}", (verdict, reason)) for verdict, reason in sorted(counts)]
        return {name: counts[key] for name, key in self._names}


class FlowPulse:
    """Counts by module, verdict and reason. Times are Unix ns of event time. ``chief`` is the module that carries the
    gauges of the whole flow; ``interval``: ns between two records."""

    def __init__(self, producer: str, modules: tuple[str, ...], chief: str, interval: int) -> None:
        self._chief = chief
        self._interval = interval
        self._modules = {module: _Module() for module in (*modules, chief)}
        self._changes = Changes(producer, producer)
        self._turn = 0

    def add(self, modules: Iterable[str]) -> None:
        """Count these modules too; those it knows keep their counts."""
        for module in modules:
            self._modules.setdefault(module, _Module())

    def count(self, module: str, verdict: str, reason: str, by: int = 1) -> None:
        entry = self._modules[module]
        key = (verdict, reason)
        entry.counts[key] = entry.counts.get(key, 0) + by
        entry.last = reason

    def passed(self, module: str) -> None:
        """``count`` of what passed with nothing to say: by far the most, so that it is had cheaper."""
        entry = self._modules[module]
        entry.passed += 1
        entry.last = _OK

    def is_due(self, t: int) -> bool:
        """Whether an interval of event time has begun since the last record."""
        return t // self._interval != self._turn

    def beat(
        self,
        t: int,
        gauges: dict[str, Number],
        further: Iterable[ModuleState] = (),
        whole: bool = False,
        own: Mapping[str, dict[str, Number]] | None = None,
    ) -> Message:
        """The record of ``t``; ``gauges``: the whole flow's, ``own``: of single modules; ``further`` modules, counted
        elsewhere, stand in it too. ``whole``: the last one."""
        by_module = {**(own or {}), self._chief: gauges}
        self._turn = t // self._interval
        states = [
            ModuleState(name, "running", each.named_counts(), each.last, by_module.get(name, {}))
            for name, each in self._modules.items()
        ]
        return self.tell(t, [*states, *further], whole)

    def tell(self, t: int, states: Iterable[ModuleState], whole: bool = False) -> Message:
        """A record of these modules alone, which cannot wait for the next beat."""
        return self._changes.message(t, self._interval, states, whole)
