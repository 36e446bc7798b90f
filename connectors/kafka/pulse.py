"""Telemetry rows of a process, each real second: what its flow or its supervisor cannot say in event time."""

from __future__ import annotations

import contextlib
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

#: Module, status, counts, last reason, gauges.
Row = tuple[str, str, dict[str, int], str, dict[str, Number]]


class ProcessPulse:
    """Sends rows each second from a thread of its own, so that a slow broker keeps nobody waiting.

    ``rows`` gives those of this moment. Telemetry that cannot be sent is said once an absence of the broker, and does
    not end the run: the flows do if they must. What goes out afterwards is numbered anew, under another name:
    rows that were lost leave no gap that would look like a loss of what matters."""

    def __init__(
        self,
        name: str,
        kafka: Kafka,
        bootstrap: str,
        rows: Callable[[], list[Row]],
        say: Callable[[str], None],
    ) -> None:
        """``name``: of the process, for its producer's name."""
        self._name = name
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._rows = rows
        self._say = say
        self._writer: Writer | None = None
        self._open()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="pulse", daemon=True)

    def _open(self) -> Writer:
        self._writer = Writer(self._kafka, self._bootstrap)
        self._producer = f"{self._name}-{time.time_ns()}"
        self._ordinal = 0
        return self._writer

    def start(self) -> None:
        self._thread.start()

    def close(self, status: str = "") -> None:
        """End; with ``status`` rows that say it go out first."""
        self._stop.set()
        self._thread.join(1.0)
        if status and self._writer is not None and not self._thread.is_alive():
            with contextlib.suppress(Failure):
                self._send(status)

    def _loop(self) -> None:
        complained = False
        while not self._stop.wait(EVERY_S):
            try:
                self._send()
                complained = False
            except Failure as failure:
                if not complained:
                    self._say(f"telemetry of {self._name}: {failure.cause}")
                complained = True
                self._writer = None  # a writer that failed once sends nothing any more

    def _send(self, ended: str = "") -> None:
        writer = self._writer or self._open()
        now = time.time_ns()
        for module, status, counts, reason, gauges in self._rows():
            row = Telemetry.model_validate(
                {
                    "id": f"{self._producer}-{self._ordinal}",
                    "timestamp": now,
                    "module": module,
                    "status": ended or status,
                    "heartbeat": now,
                    "counts": counts,
                    "last_reason": reason,
                    "gauges": gauges,
                }
            )
            writer.write(Message(TELEMETRY, module, row.canonical(), now, self._producer, self._ordinal))
            self._ordinal += 1
        writer.flush()
