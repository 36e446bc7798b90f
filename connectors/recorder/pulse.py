"""A door's pulse: what it counts, how it is, and the telemetry record made of that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from connectors.recorder.writer import Outlet
from models.contracts import Number, Status
from models.telemetry import Changes, ModuleState
from models.timestamps import SECOND

SOURCE: Final = "recorder"
INTERVAL_NS: Final = SECOND


class ModulePulse:
    """Counters and state of one module of the recorder. Times are the feed clock's nanoseconds."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.status: Status = "starting"
        self.counts: dict[str, int] = {}
        self.last_reason = ""
        self.last_frame_ns = 0
        self.gauges: dict[str, Callable[[], Number]] = {}

    def count(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    def set_gauges(self, **values: Number) -> None:
        """Numbers of this moment, each under its name."""
        for name, value in values.items():
            self.gauges[name] = partial(_same, value)

    def frame(self, size: int, now_ns: int) -> None:
        """A frame of ``size`` bytes came."""
        counts = self.counts
        counts["frames"] = counts.get("frames", 0) + 1
        counts["bytes"] = counts.get("bytes", 0) + size
        self.last_frame_ns = now_ns
        self.status = "running"

    def state(self, now_ns: int) -> ModuleState:
        """The module at this moment."""
        gauges: dict[str, Number] = {name: gauge() for name, gauge in self.gauges.items()}
        if self.last_frame_ns:
            gauges["data_age_ms"] = (now_ns - self.last_frame_ns) // 1_000_000
        return ModuleState(self.module, self.status, self.counts, self.last_reason, gauges)

    def note(self, status: Status, reason: str) -> None:
        self.status = status
        self.last_reason = reason


def _same(value: Number) -> Number:
    return value


class TelemetryWriter:
    """Writes the recorder's record to the topic ``telemetry``, numbered for the run."""

    def __init__(self, run: str, outlet: Outlet) -> None:
        self._outlet = outlet
        self._changes = Changes(SOURCE, f"{SOURCE}-{run}")

    def publish(self, pulses: Iterable[ModulePulse], now_ns: int, whole: bool = False) -> None:
        """All pulses as they are now; ``whole``: for the last time."""
        states = [pulse.state(now_ns) for pulse in pulses]
        self._outlet.put(self._changes.message(now_ns, INTERVAL_NS, states, whole))
