"""Fetch: what is there at once, or as soon as something comes, or nothing after a while."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from connectors.broker import errors
from connectors.broker.connection import Slot
from connectors.broker.fetch_codec import Fetched, FetchRequest, Wanted, encode_fetch
from connectors.broker.log import PartitionLog, Place, read_place
from connectors.broker.members import Later, Timer
from connectors.broker.topics import Topics

#: The most that one answer has, whatever the client would take.
_MOST_BYTES: Final = 64 * 1024 * 1024
_LONGEST_WAIT_S: Final = 60.0


@dataclass(frozen=True)
class Surroundings:
    """What a fetch works with. ``readers`` may wait for the disk."""

    topics: Topics
    readers: Executor
    later: Later
    in_loop: Callable[[Callable[[], None]], None]


class Fetch:
    """One fetch. Answers its slot once."""

    __slots__ = ("_around", "_done", "_logs", "_missing", "_request", "_slot", "_timer")

    def __init__(self, slot: Slot, request: FetchRequest, around: Surroundings) -> None:
        self._slot = slot
        self._request = request
        self._around = around
        self._logs: list[PartitionLog] = []
        self._timer: Timer | None = None
        self._missing = 0
        self._done = False

    def begin(self) -> None:
        request = self._request
        missing, at_once = max(request.min_bytes, 0), request.max_wait_ms <= 0
        for wanted in request.wanted:
            log = self._around.topics.find(wanted.topic, wanted.partition)
            if log is None or refusal(log, wanted):
                at_once = True
                break
            self._logs.append(log)
            if missing > 0 and wanted.offset < log.end:
                missing -= log.available(wanted.offset, missing)
        if at_once or missing <= 0:
            self.answer()
            return
        self._missing = missing
        self._slot.work = self
        for log in self._logs:
            log.waiters.add(self)
        self._timer = self._around.later(min(request.max_wait_ms / 1000, _LONGEST_WAIT_S), self.answer)

    def arrived(self, size: int) -> None:
        """A partition that is waited for has ``size`` bytes more."""
        self._missing -= size
        if self._missing <= 0:
            self.answer()

    def hurry(self) -> None:
        if not self._done:
            self.answer()

    def cancel(self) -> None:
        self._done = True
        if self._timer is not None:
            self._timer.cancel()
            for log in self._logs:
                log.waiters.discard(self)

    def answer(self) -> None:
        if self._done:
            return
        self.cancel()
        topics = self._around.topics
        answers: list[Fetched] = []
        places: dict[int, tuple[Place, int]] = {}  # number of the answer, place and limit
        left = min(self._request.max_bytes, _MOST_BYTES)
        taken = False
        for wanted in self._request.wanted:
            log = topics.find(wanted.topic, wanted.partition)
            error = errors.UNKNOWN_TOPIC_OR_PARTITION if log is None else refusal(log, wanted)
            if log is None or error:
                answers.append(Fetched(wanted.topic, wanted.partition, error))
                continue
            limit = max(min(wanted.max_bytes, left), 0)
            found = log.read(wanted.offset, limit, whole=not taken) if limit or not taken else b""
            if isinstance(found, Place):
                places[len(answers)] = found, limit
                left -= limit
                taken = True
                found = b""
            elif found:
                left -= len(found)
                taken = True
            answers.append(Fetched(wanted.topic, wanted.partition, errors.NONE, log.end, log.start, found))
        if places:
            self._around.readers.submit(self._read, answers, places)
        else:
            self._finish(answers)

    def _read(self, answers: list[Fetched], places: dict[int, tuple[Place, int]]) -> None:
        for turn, (number, (place, limit)) in enumerate(places.items()):
            try:
                records = read_place(place, limit, whole=not turn)
            except OSError:
                answers[number] = answers[number]._replace(error=errors.STORAGE_ERROR)
            else:
                answers[number] = answers[number]._replace(records=records)
        self._around.in_loop(lambda: self._finish(answers))

    def _finish(self, answers: list[Fetched]) -> None:
        encoder = self._slot.encoder()
        encode_fetch(self._slot.version, answers, encoder)
        self._slot.finish(encoder)


def refusal(log: PartitionLog, wanted: Wanted) -> int:
    """The error for a place that cannot be read."""
    return log.refuse_epoch(wanted.leader_epoch) or log.refuse_offset(wanted.offset)
