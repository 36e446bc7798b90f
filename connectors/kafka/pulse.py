"""Telemetry of a process, each real second: what its flow or its supervisor cannot say in event time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

from connectors.kafka.sink import Writer
from models.contracts import Status
from models.failures import Failure
from models.settings import Kafka
from models.telemetry import Changes, ModuleState
from models.timestamps import SECOND

EVERY_S: Final = 1.0
INTERVAL_NS: Final = SECOND


class ProcessPulse:
    """Sends a record each second from a thread of its own, so that a slow broker keeps nobody waiting.

    ``states`` gives its modules as they are. Telemetry that cannot be sent is said once an absence of the broker, and
    does not end the run: the flows do if they must. What goes out afterwards is numbered anew, under another name:
    records that were lost leave no gap that would look like a loss of what matters."""

    def __init__(
        self,
        name: str,
        kafka: Kafka,
        bootstrap: str,
        states: Callable[[], list[ModuleState]],
        say: Callable[[str], None],
    ) -> None:
        """``name``: of the process, for its producer's name."""
        self._name = name
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._states = states
        self._say = say
        self._writer: Writer | None = None
        self._open()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="pulse", daemon=True)

    def _open(self) -> Writer:
        self._writer = Writer(self._kafka, self._bootstrap)
        self._changes = Changes(self._name, f"{self._name}-{time.time_ns()}")
        return self._writer

    def start(self) -> None:
        self._thread.start()

    def close(self, status: Status | None = None) -> None:
        """End; with ``status`` a last record says it first."""
        self._stop.set()
        self._thread.join(1.0)
        if status is not None and self._writer is not None and not self._thread.is_alive():
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

    def _send(self, ended: Status | None = None) -> None:
        writer = self._writer or self._open()
        states = self._states()
        if ended is not None:
            states = [each._replace(status=ended) for each in states]
        writer.write(self._changes.message(time.time_ns(), INTERVAL_NS, states, whole=ended is not None))
        writer.flush()
