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
from models.topics import (
    ANSWERS,
    DEAD_LETTER,
    DECISIONS,
    FEATURES,
    FILLS,
    JOURNAL,
    LEDGER,
    ORDERS,
    OUTCOMES,
    PROMOTIONS,
    QUALITY,
    RISK,
    SCANS,
    TELEMETRY,
)

_ALL: Final = 1 << 40
#: Topics, with how many of their last records are read on start. Telemetry: a minute or so of all modules; journal: the
#: definitions and books of the windows that are open. What money is added up from is read whole.
BACKLOG: Final = {
    TELEMETRY: 3_000,
    DECISIONS: 2_000,
    ORDERS: 1_000,
    FILLS: _ALL,
    LEDGER: _ALL,
    OUTCOMES: _ALL,
    ANSWERS: 100,
    QUALITY: 2_000,
    RISK: 1_000,
    PROMOTIONS: 2_000,
    DEAD_LETTER: 100,
    FEATURES: 5_000,
    SCANS: 10_000,
    JOURNAL: 20_000,
}
BATCH: Final = 500
POLL_MS: Final = 50
_WAIT_S: Final = 0.1
_RETRY_S: Final = 1.0
#: A cluster that has sent nothing for this long is asked whether it is there.
_PROBE_S: Final = 5.0
#: So long without a record, and what is missing of the backlog is not to be had.
_SILENCE_S: Final = 5.0
_JOIN_S: Final = 2.0
_CONNECTED: Final = "connected"

Batch = Sequence[tuple[Stored, bool]]


class Intake:
    """``deliver`` gets the records, each with whether it is older than the server, and returns when they are taken;
    ``state`` gets "connected", or what is wrong, whenever that changes; ``caught_up`` is called once what was there at
    the beginning is delivered. All are called in the intake's thread."""

    def __init__(
        self,
        kafka: Kafka,
        bootstrap: str,
        deliver: Callable[[Batch], None],
        state: Callable[[str], None],
        caught_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._deliver = deliver
        self._state = state
        self._caught_up: Callable[[], None] | None = caught_up
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
                    self._look(idle=False)
                    if len(records) < BATCH:
                        self._stop.wait(_WAIT_S)
                    continue
                self._look(idle=time.monotonic() - heard > _SILENCE_S)
                if time.monotonic() - heard > _PROBE_S:
                    answers = cluster_answers(self._kafka, self._bootstrap, timeout_s=2.0)
                    self._say(_CONNECTED if answers else f"the broker {self._bootstrap} does not answer")
                    heard = time.monotonic()
        finally:
            reader.close()

    def _look(self, idle: bool) -> None:
        """Say once that the backlog is there: all of it is read, or for a long time nothing came. A moment without
        records says nothing: a busy machine or broker has such moments, and who resumes then is told things twice."""
        if self._caught_up is None:
            return
        if idle or all(self._next.get(topic, 0) >= end for topic, end in self._before.items()):
            self._caught_up()
            self._caught_up = None

    def _begin(self, reader: Reader, topic: str) -> int:
        """Where to read on, or the beginning of the backlog, within what the cluster has."""
        low, high = reader.watermarks(topic)
        known = self._next.get(topic)
        # A topic that is shorter than before was created anew.
        if known is not None and low <= known <= high:
            return known
        self._before[topic] = high
        self._next[topic] = max(low, high - BACKLOG[topic])
        return self._next[topic]
