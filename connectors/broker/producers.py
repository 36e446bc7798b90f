"""What each idempotent producer has written to a partition, so that what it sends again is not kept twice."""

from __future__ import annotations

import json
from collections import deque
from typing import Final, Self

from connectors.broker.batches import MAX_SEQUENCE, Batch, Refused
from connectors.broker.errors import INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE

#: A client has at most so many batches under way, and may send each of them again.
KEPT: Final = 5
#: A producer that was not heard of for so long is forgotten, as Kafka does.
FORGET_MS: Final = 24 * 3_600_000


class _Producer:
    __slots__ = ("batches", "epoch", "time")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.time = 0
        self.batches: deque[tuple[int, int, int]] = deque(maxlen=KEPT)  # first and last sequence, base offset


class Producers:
    """Of one partition, by producer id."""

    def __init__(self) -> None:
        self._known: dict[int, _Producer] = {}

    def __len__(self) -> int:
        return len(self._known)

    def duplicate_of(self, batch: Batch) -> int | None:
        """The base offset under which this batch is kept already, None for a new one. Raises Refused for one that does
        not follow."""
        if batch.producer < 0:
            return None
        known = self._known.get(batch.producer)
        if known is None:
            return None
        if batch.producer_epoch < known.epoch:
            raise Refused(INVALID_PRODUCER_EPOCH, f"producer {batch.producer} goes on with an epoch that is over")
        if batch.producer_epoch > known.epoch:
            if batch.sequence != 0:
                raise Refused(OUT_OF_ORDER_SEQUENCE, f"a new epoch begins with sequence {batch.sequence}, not 0")
            return None
        for first, last, base in known.batches:
            if (first, last) == (batch.sequence, batch.last_sequence):
                return base
        expected = (known.batches[-1][1] + 1) & MAX_SEQUENCE
        if batch.sequence != expected:
            raise Refused(
                OUT_OF_ORDER_SEQUENCE,
                f"producer {batch.producer} sent sequence {batch.sequence}, expected was {expected}",
            )
        return None

    def record(self, batch: Batch) -> None:
        """``batch``, with its offsets and time, is kept."""
        if batch.producer < 0:
            return
        known = self._known.get(batch.producer)
        if known is None or known.epoch != batch.producer_epoch:
            known = self._known[batch.producer] = _Producer(batch.producer_epoch)
        known.batches.append((batch.sequence, batch.last_sequence, batch.base))
        known.time = max(known.time, batch.max_time)

    def forget(self, now_ms: int) -> None:
        """Those that have not been heard of for a day."""
        for producer in [key for key, each in self._known.items() if now_ms - each.time > FORGET_MS]:
            del self._known[producer]

    def encode(self) -> bytes:
        return json.dumps(
            {producer: [each.epoch, each.time, list(each.batches)] for producer, each in self._known.items()}
        ).encode()

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Raises ValueError for what ``encode`` did not write."""
        found = cls()
        for producer, (epoch, time, batches) in json.loads(raw).items():
            each = found._known[int(producer)] = _Producer(epoch)
            each.time = time
            each.batches.extend((first, last, base) for first, last, base in batches)
        return found
