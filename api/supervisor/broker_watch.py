"""Looks after the embedded broker of a run: starts it again when it ended, says why producers wait, tells telemetry how
full it is, and tells the broker what the archive has, so that retention does not overtake the audit flow."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.archive.layout import high_water_marks
from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.client import consumer_config
from models.contracts import Number, Status
from models.failures import Failure
from models.settings import Kafka
from models.telemetry import ModuleState

#: The consumer group that retention is held back for. It is never joined: its offsets are what the archive has.
ARCHIVE_GROUP: Final = "audit"
EVERY_S: Final = 1.0
#: Between two looks at the archive.
MARKS_S: Final = 30.0
#: So often in a minute the broker may end before the run does too.
MOST_RESTARTS: Final = 5
_MINUTE_S: Final = 60.0


class BrokerWatch:
    """``look`` once a round, in the supervisor's thread. ``failure``: why the run cannot go on, empty while it can."""

    def __init__(self, broker: EmbeddedBroker, kafka: Kafka, archive: Path, say: Callable[[str], None]) -> None:
        self._broker = broker
        self._kafka = kafka
        self._archive = archive
        self._say = say
        self._next_look = 0.0
        self._restarts: list[float] = []
        self._restarted = 0
        self._told = ""
        self.failure = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tell_marks, name="archived", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2.0)

    def look(self) -> None:
        now = time.monotonic()
        if now < self._next_look or self.failure:
            return
        self._next_look = now + EVERY_S
        if not self._broker.alive():
            self._start_again(now)
            return
        status = self._broker.status
        told = str(status.get("trouble") or status.get("warning") or "")
        kind = told.split(":")[0]  # numbers in it change all the time
        if kind != self._told:
            self._say(f"the embedded broker: {told or 'all is well again'}")
            self._told = kind

    def _start_again(self, now: float) -> None:
        self._restarts = [*(at for at in self._restarts if now - at < _MINUTE_S), now]
        if len(self._restarts) > MOST_RESTARTS:
            self.failure = f"the embedded broker ended {MOST_RESTARTS} times in a minute"
            return
        self._restarted += 1
        self._say("the embedded broker has ended and is started again, on its data")
        try:
            self._broker.restart()
        except Failure as failure:
            self._say(f"{failure.cause} {failure.cure}")

    def row(self) -> ModuleState:
        """For telemetry."""
        status = self._broker.status
        trouble, warning = str(status.get("trouble", "")), str(status.get("warning", ""))
        gauges: dict[str, Number] = {"pid": self._broker.pid, "memory_bytes": self._broker.memory_bytes()}
        for name in ("used_bytes", "budget_bytes", "pending_bytes"):
            if name in status:
                gauges[f"disk_{name}"] = int(status[name])
        counts = {"restart": self._restarted} if self._restarted else {}
        state: Status = "running" if self._broker.alive() and not (trouble or warning) else "warning"
        reason = trouble or warning or ("ok" if self._broker.alive() else "it has ended")
        return ModuleState("broker", state, counts, reason, gauges)

    def _tell_marks(self) -> None:
        """Commit what the archive had at the look before: a flow that starts at its snapshot may go back a little."""
        config = consumer_config(self._kafka, self._broker.bootstrap) | {"group.id": ARCHIVE_GROUP}
        consumer = Consumer(config)
        before: dict[str, int] | None = None
        try:
            while True:
                with contextlib.suppress(OSError, Failure):
                    marks = high_water_marks(self._archive)
                    if before:
                        places = [TopicPartition(topic, 0, last + 1) for topic, last in before.items()]
                        with contextlib.suppress(KafkaException):  # away: it is told at the next look
                            consumer.commit(offsets=places, asynchronous=False)
                    before = marks
                if self._stop.wait(MARKS_S):
                    return
        finally:
            consumer.close()
