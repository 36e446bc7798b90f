"""Reading the output topics, in a thread of its own, for as long as the server runs.

Failure policy: a cluster that is away, or a topic that retention has shortened, is said in ``state`` and tried again;
nothing that happens here ends the server, whose health answer is what tells people of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from connectors.kafka.admin import cluster_answers
from connectors.kafka.reader import Reader
from models.failures import Failure
from models.message import Stored
from models.settings import Kafka
from models.topics import DEAD_LETTER, DECISIONS, FILLS, ORDERS, OUTCOMES, QUALITY, SCANS, TELEMETRY

#: Topics, with how many of their last records are read on start. Telemetry: a minute or so of all modules.
BACKLOG: Final = {
    TELEMETRY: 2_000,
    DECISIONS: 500,
    ORDERS: 500,
    FILLS: 500,
    QUALITY: 500,
    OUTCOMES: 100,
    DEAD_LETTER: 100,
    SCANS: 200,
}
BATCH: Final = 500
POLL_MS: Final = 50
_WAIT_S: Final = 0.1
_RETRY_S: Final = 1.0
#: A cluster that has sent nothing for this long is asked whether it is there.
_PROBE_S: Final = 5.0
_JOIN_S: Final = 2.0
_CONNECTED: Final = "connected"

Batch = Sequence[tuple[Stored, bool]]


class Intake:
    """``deliver`` gets the records, each with whether it is older than the server, and returns when they are taken;
    ``state`` gets "connected", or what is wrong, whenever that changes. Both are called in the intake's thread."""

    def __init__(
        self, kafka: Kafka, bootstrap: str, deliver: Callable[[Batch], None], state: Callable[[str], None]
    ) -> None:
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._deliver = deliver
        self._state = state
        self._said = ""
        self._stop = threading.Event()
        self._next: dict[str, int] = {}
        self._before: dict[str, int] = {}  # topic -> first offset that is not backlog
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread; it has two seconds for it."""
        self._stop.set()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read()
            except Failure as failure:
                self._say(failure.cause)
                self._stop.wait(_RETRY_S)

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._state(text)

    def _read(self) -> None:
        reader = Reader(self._kafka, self._bootstrap, list(BACKLOG), POLL_MS)
        try:
            reader.start({topic: self._begin(reader, topic) for topic in BACKLOG})
            self._say(_CONNECTED)
            heard = time.monotonic()
            while not self._stop.is_set():
                records = reader.read(BATCH, _WAIT_S)
                if records:
                    heard = time.monotonic()
                    self._deliver([(each, each.offset < self._before[each.topic]) for each in records])
                    for each in records:
                        self._next[each.topic] = each.offset + 1
                    self._say(_CONNECTED)
                    if len(records) < BATCH:
                        self._stop.wait(_WAIT_S)
                elif time.monotonic() - heard > _PROBE_S:
                    answers = cluster_answers(self._kafka, self._bootstrap, timeout_s=2.0)
                    self._say(_CONNECTED if answers else f"the broker {self._bootstrap} does not answer")
                    heard = time.monotonic()
        finally:
            reader.close()

    def _begin(self, reader: Reader, topic: str) -> int:
        """Where to read on, or the beginning of the backlog, within what the cluster has."""
        low, high = reader.watermarks(topic)
        known = self._next.get(topic)
        # A topic that is shorter than before was created anew.
        if known is not None and low <= known <= high:
            return known
        self._before[topic] = high
        return max(low, high - BACKLOG[topic])
