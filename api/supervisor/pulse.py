"""Telemetry of the supervisor and of the embedded broker: what only the supervisor can know."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from connectors.kafka.sink import Writer
from models.contracts import Number, Telemetry
from models.failures import Failure
from models.message import Message
from models.settings import Kafka
from models.topics import TELEMETRY

EVERY_S: Final = 1.0


class Pulse:
    """Sends a row each second from a thread of its own, so that a slow broker does not keep the supervisor waiting.

    ``rows`` gives ``(module, status, counts, last_reason, gauges)`` for each row. Telemetry that cannot be sent is said
    once, and does not end the run: the flows end it if the broker is away."""

    def __init__(
        self,
        kafka: Kafka,
        bootstrap: str,
        rows: Callable[[], list[tuple[str, str, dict[str, int], str, dict[str, Number]]]],
        say: Callable[[str], None],
    ) -> None:
        self._writer = Writer(kafka, bootstrap)
        self._rows = rows
        self._say = say
        self._producer = f"supervisor-{time.time_ns()}"
        self._ordinal = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="supervisor-pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(1.0)

    def _loop(self) -> None:
        complained = False
        while not self._stop.wait(EVERY_S):
            try:
                self._send()
            except Failure as failure:
                if not complained:
                    self._say(f"telemetry of the supervisor: {failure.cause}")
                complained = True

    def _send(self) -> None:
        now = time.time_ns()
        for module, status, counts, reason, gauges in self._rows():
            row = Telemetry.model_validate(
                {
                    "id": f"{self._producer}-{self._ordinal}",
                    "timestamp": now,
                    "module": module,
                    "status": status,
                    "heartbeat": now,
                    "counts": counts,
                    "last_reason": reason,
                    "gauges": gauges,
                }
            )
            self._writer.write(Message(TELEMETRY, module, row.canonical(), now, self._producer, self._ordinal))
            self._ordinal += 1
        self._writer.flush()
