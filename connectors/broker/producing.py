"""Produce: each partition's batch is taken or refused, and acknowledged when it is on disk."""

from __future__ import annotations

import errno
from typing import Final

from connectors.broker import errors
from connectors.broker.batches import Refused
from connectors.broker.connection import Slot
from connectors.broker.log import PartitionLog
from connectors.broker.produce_codec import Appended, Part, ProduceRequest, encode_produce
from connectors.broker.topics import Topics

#: Of the time that a client waits for its answer, so much may pass before it is told why there is none yet.
_SHARE: Final = 0.8
_LONGEST_MS: Final = 60_000


class Produce:
    """One produce request. ``slot`` None: the client wants no answer."""

    def __init__(self, slot: Slot | None, request: ProduceRequest, now: float) -> None:
        """``now``: seconds of a monotonic clock."""
        self._slot = slot
        self._parts = request.parts
        self._answers: dict[int, Appended] = {}
        self.answered = slot is None
        self.tell_at = now + _SHARE * min(max(request.timeout_ms, 0), _LONGEST_MS) / 1000

    def begin(self, topics: Topics, now_ms: int, acks: int) -> None:
        for number, part in enumerate(self._parts):
            log = topics.find(part.topic, part.partition)
            if acks not in (-1, 0, 1):
                self._take(number, Appended(part.topic, part.partition, errors.INVALID_REQUIRED_ACKS))
            elif log is None:
                self._take(number, Appended(part.topic, part.partition, errors.UNKNOWN_TOPIC_OR_PARTITION))
            else:
                self._append(number, part, log, now_ms)
        if not self._parts:
            self._answer()

    def _append(self, number: int, part: Part, log: PartitionLog, now_ms: int) -> None:
        def heard(base: int, failure: OSError | None) -> None:
            if failure is None:
                time = now_ms if log.configs.has_append_time else -1
                answer = Appended(part.topic, part.partition, errors.NONE, base, time, log.start)
            else:
                gone = failure.errno == errno.ENOENT or isinstance(failure, FileNotFoundError)
                error = errors.UNKNOWN_TOPIC_OR_PARTITION if gone else errors.STORAGE_ERROR
                answer = Appended(part.topic, part.partition, error, message=str(failure))
            self._take(number, answer)

        try:
            log.append(part.records or b"", now_ms, heard)
        except Refused as refused:
            self._take(number, Appended(part.topic, part.partition, refused.error, message=refused.why))

    def _take(self, number: int, answer: Appended) -> None:
        self._answers[number] = answer
        if len(self._answers) == len(self._parts):
            self._answer()

    def tell(self, why: str) -> None:
        """The client has waited long: tell it why; it sends again, and is acknowledged then."""
        for number, part in enumerate(self._parts):
            if number not in self._answers:
                self._answers[number] = Appended(part.topic, part.partition, errors.REQUEST_TIMED_OUT, message=why)
        self._answer()

    def _answer(self) -> None:
        if self.answered or self._slot is None:
            self.answered = True
            return
        self.answered = True
        encoder = self._slot.encoder()
        encode_produce(self._slot.version, [self._answers[number] for number in range(len(self._parts))], encoder)
        self._slot.finish(encoder)

    def hurry(self) -> None:
        """Its answer comes when the disk has it, whatever else the client asks."""

    def cancel(self) -> None:
        self.answered = True
