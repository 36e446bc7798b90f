"""The place of operator commands, execution reports and promotions in the order while an archive is played.

A recorded tick says how many records of each input topic stand before it. On the cluster it is played into others may
stand between them: those that are given while it is played, and what was there before. So each tick says anew how many
there are when it goes out. Whoever records the played run can replay it: the ticks that it records are these.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

import msgspec

from connectors.kafka.reader import Reader
from models.failures import Failure
from models.markers import Tick, decode_own, encode_own
from models.message import Stored
from models.settings import Kafka
from models.topics import INPUTS

CATCH_UP_S: Final = 3.0
_POLL_MS: Final = 50
_ARRIVES_WITHIN_S: Final = 30.0
_BATCH: Final = 500


class PlayedInputs:
    """Reads the input topics of the cluster. ``written`` hears of each record that the player writes there; ``tick``
    places them and all others. Records of one topic keep the order in which the cluster took them."""

    def __init__(self, kafka: Kafka, bootstrap: str) -> None:
        """Raises Failure when the cluster is away or a topic absent."""
        self._bootstrap = bootstrap
        self._reader = Reader(kafka, bootstrap, [*INPUTS], _POLL_MS)
        self._counts: dict[str, int] = {}
        self._placed: dict[str, int] = {}  # as the last tick counted them
        self._on_the_way: Counter[tuple[str, bytes]] = Counter()  # written, and not read yet
        ends = {name: self._reader.watermarks(name) for name in INPUTS}
        self._reader.start({name: low for name, (low, _) in ends.items()})
        deadline = time.monotonic() + CATCH_UP_S
        while any(self._counts.get(name, 0) < high for name, (low, high) in ends.items() if high > low):
            if time.monotonic() > deadline:
                break
            self._read(0.05)

    def written(self, stored: Stored) -> None:
        """The player wrote this input record."""
        self._on_the_way[stored.topic, stored.value] += 1

    def tick(self, value: bytes) -> bytes:
        """The record ``value`` of ``feed.clock`` as it is to be played: a tick counts the inputs that are there.
        What the player wrote must have been taken by the cluster. Raises Failure when it does not come back."""
        own = decode_own(value)
        if not isinstance(own, Tick):
            return value
        self._read(0.0)
        deadline = time.monotonic() + _ARRIVES_WITHIN_S
        while self._on_the_way:
            if time.monotonic() > deadline:
                raise Failure(
                    f"the input topics at {self._bootstrap} do not show what was written to them.",
                    "Check the broker and start a new run.",
                )
            self._read(0.05)
        self._placed = dict(self._counts)
        if {name: count for name, count in own.inputs.items() if count} == self._counts:
            return value
        return encode_own(msgspec.structs.replace(own, inputs=dict(self._counts)))

    @property
    def counts(self) -> dict[str, int]:
        """How many records each input topic has."""
        return dict(self._counts)

    def arrived(self, timeout_s: float) -> bool:
        """Whether inputs have come that no tick has counted, after waiting up to ``timeout_s`` seconds; they count as
        placed from now on."""
        self._read(timeout_s)
        arrived, self._placed = self._counts != self._placed, dict(self._counts)
        return arrived

    def close(self) -> None:
        self._reader.close()

    def _read(self, timeout_s: float) -> None:
        for stored in self._reader.read(_BATCH, timeout_s):
            self._counts[stored.topic] = stored.offset + 1
            mine = (stored.topic, stored.value)
            if self._on_the_way[mine] > 1:
                self._on_the_way[mine] -= 1
            else:
                del self._on_the_way[mine]
