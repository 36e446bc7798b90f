"""A flow's pulse: the counters of its modules, sent once a second of event time."""

from __future__ import annotations

from models.contracts import Telemetry
from models.message import Message
from models.timestamps import SECOND
from models.topics import TELEMETRY


class Pulse:
    """Counts by module, verdict and reason. Times are Unix ns of event time."""

    def __init__(self, producer: str, modules: tuple[str, ...]) -> None:
        self._producer = producer
        self._counts: dict[str, dict[tuple[str, str], int]] = {module: {} for module in modules}
        self._last: dict[str, str] = dict.fromkeys(modules, "")
        self._sent = 0
        self._ordinal = 0

    def count(self, module: str, verdict: str, reason: str) -> None:
        counts = self._counts.get(module)
        if counts is None:
            counts = self._counts[module] = {}
        key = (verdict, reason)
        counts[key] = counts.get(key, 0) + 1
        self._last[module] = reason

    def counts(self, module: str) -> dict[str, int]:
        """The module's counters by ``verdict:reason``, sorted."""
        return {f"{verdict}:{reason}": n for (verdict, reason), n in sorted(self._counts[module].items())}

    def beat(self, t: int, gauges: dict[str, int | float], always: bool = False) -> list[Message]:
        """One telemetry row a module when the second of event time has changed (or ``always``), else nothing."""
        second = t // SECOND
        if second == self._sent and not always:
            return []
        self._sent = second
        rows: list[Message] = []
        for module in self._counts:
            row = Telemetry(
                id=f"{self._producer}-{self._ordinal}",
                timestamp=t,
                module=module,
                status="running",
                heartbeat=t,
                counts=self.counts(module),
                last_reason=self._last.get(module, ""),
                gauges=dict(gauges),
            )
            rows.append(Message(TELEMETRY, module, row.canonical(), t, self._producer, self._ordinal))
            self._ordinal += 1
        return rows
