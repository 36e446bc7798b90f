"""The simulated exchange as a module on telemetry: it has no way to Kafka itself, so the supervisor asks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import httpx

from connectors.simulator.child import read_urls
from models.failures import Failure
from models.telemetry import ModuleState

TIMEOUT_S: Final = 0.5
MODULE: Final = "simulator"


class ExchangeWatch:
    """Asks the exchange whose addresses stand in the file ``addresses``, once a call."""

    def __init__(self, addresses: Path) -> None:
        self._addresses = addresses
        self._client = httpx.Client(timeout=TIMEOUT_S)

    def row(self) -> ModuleState:
        """The exchange's telemetry: frames and connections served, faults injected and under way, lost time."""
        try:
            clock = read_urls(self._addresses).clock
            base = clock.removesuffix("/clock")
            bodies = [
                self._client.get(f"{base}/{name}").raise_for_status().json() for name in ("clock", "truth", "faults")
            ]
            return _row(*bodies)
        except (Failure, httpx.HTTPError, ValueError, KeyError) as cause:
            return ModuleState(MODULE, "waiting", {}, f"does not answer: {type(cause).__name__}", {})

    def close(self) -> None:
        self._client.close()


def _row(clock: dict[str, Any], truth: dict[str, Any], faults: dict[str, Any]) -> ModuleState:
    counts = {f"frames:{venue}": int(sent) for venue, sent in truth["frames"].items()}
    counts |= {f"fault:{kind}": int(number) for kind, number in truth["injected"].items()}
    counts["connections"] = int(truth["connections"])
    running = sorted({str(fault["kind"]) for fault in faults["running"]})
    gauges = {
        "speed": clock["speed"],
        "behind_s": round(clock["behind_s"], 3),
        "slipped_s": round(clock["slipped_s"], 3),
        "open_connections": truth["open"],
        "tasks": clock["tasks"],
        "faults_running": len(running),
        "faults_to_come": faults["coming"],
    }
    return ModuleState(MODULE, "warning" if running else "running", counts, ", ".join(running) or "ok", gauges)
