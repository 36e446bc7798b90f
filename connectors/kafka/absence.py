"""When a cluster has been away too long.

The client library reconnects by itself and says once that all brokers are down; whoever waits for them asks here how
long that may go on. The clock runs on while a process stands still (a machine asleep, SIGSTOP), so an absence counts
only when the cluster does not answer then either.
"""

from __future__ import annotations

import time
from typing import Final

from confluent_kafka import KafkaError

from connectors.kafka.admin import cluster_answers
from models.failures import Failure
from models.settings import Kafka

#: How long all brokers may be away before a reader or a sink gives up loudly.
ABSENCE_S: Final = 30.0


class Absence:
    """Since when all brokers are away, by the monotonic clock. Holds no client: a callback that made a cycle with its
    client would let the garbage collector end it while its threads run, which crashes the interpreter."""

    def __init__(self, kafka: Kafka, bootstrap: str) -> None:
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._since: float | None = None

    def on_error(self, error: KafkaError) -> None:
        """A client's error, from its ``error_cb``."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self._since is None:
            self._since = time.monotonic()

    def answered(self) -> None:
        """Something came from the cluster."""
        self._since = None

    @property
    def lasts(self) -> bool:
        """Whether nothing has come since all brokers were said to be down."""
        return self._since is not None

    def refuse_long(self) -> None:
        """Raises Failure once the absence has lasted ``ABSENCE_S`` and the cluster still does not answer."""
        if self._since is None or time.monotonic() - self._since < ABSENCE_S:
            return
        if cluster_answers(self._kafka, self._bootstrap, timeout_s=2.0):
            self._since = None
            return
        raise Failure(
            f"the Kafka broker {self._bootstrap} has been away for {ABSENCE_S:g} s.",
            "Bring it back and start again: the flow goes on from its last snapshot, nothing is lost.",
        )
