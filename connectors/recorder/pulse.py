"""A door's pulse: what it counts, how it is, and the telemetry record made of that."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from connectors.recorder.writer import Outlet
from models.contracts import Number, Telemetry
from models.message import Message
from models.topics import TELEMETRY

Status = Literal["starting", "running", "waiting", "warning", "stopped", "failed"]


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

    def note(self, status: Status, reason: str) -> None:
        self.status = status
        self.last_reason = reason


def _same(value: Number) -> Number:
    return value


class TelemetryWriter:
    """Writes pulses to the topic ``telemetry``, numbered for the run."""

    def __init__(self, run: str, outlet: Outlet) -> None:
        self._producer = f"recorder-{run}"
        self._outlet = outlet
        self._ordinal = 0

    def publish(self, pulse: ModulePulse, now_ns: int) -> None:
        gauges: dict[str, Number] = {name: gauge() for name, gauge in pulse.gauges.items()}
        if pulse.last_frame_ns:
            gauges["data_age_ms"] = (now_ns - pulse.last_frame_ns) // 1_000_000
        record = Telemetry(
            id=f"{self._producer}:{self._ordinal}",
            timestamp=now_ns,
            module=pulse.module,
            status=pulse.status,
            heartbeat=now_ns,
            counts=dict(pulse.counts),
            last_reason=pulse.last_reason,
            gauges=gauges,
        )
        self._outlet.put(
            Message(TELEMETRY, pulse.module, record.canonical(), now_ns, producer=self._producer, ordinal=self._ordinal)
        )
        self._ordinal += 1
