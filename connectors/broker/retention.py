"""What is deleted when: by age and bytes of each topic, and the oldest of all when the disk budget is used up.

The archive goes first: what a group that retention is held back for has not got yet stays, also beyond the budget;
``warning`` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from connectors.broker.log import PartitionLog
from connectors.broker.segment import LogSegment
from connectors.broker.topics import Topics

#: A segment takes so much of the age that retention allows, or retention could not follow.
_AGE_PARTS: Final = 8
#: Of the budget, what may be written between two sweeps.
_RESERVE_SEGMENTS: Final = 2

#: The next offset a group wants of a topic's partition; None where it never said.
Committed = Callable[[str, int], int | None]


class Retention:
    """``sweep`` now and then. ``used``: bytes of all logs; ``deleted``: segments since the start; ``warning``: why more
    is kept than retention allows, empty where it is not."""

    def __init__(
        self, topics: Topics, budget_bytes: int, segment_bytes: int, held_for: str, committed: Committed
    ) -> None:
        self._topics = topics
        self._budget = budget_bytes
        self._most = max(budget_bytes - _RESERVE_SEGMENTS * segment_bytes, budget_bytes // 2)
        self._held_for = held_for
        self._committed = committed
        self.used = 0
        self.deleted = 0
        self.warning = ""

    def sweep(self, now_ms: int) -> None:
        held: dict[str, int] = {}  # topic to how far behind
        for log in self._topics.logs():
            self._by_topic(log, now_ms, held)
        self.used = sum(log.size for log in self._topics.logs())
        if self.used > self._most:
            self._by_budget(now_ms, held)
        self.warning = self._warning(held)

    def _by_topic(self, log: PartitionLog, now_ms: int, held: dict[str, int]) -> None:
        configs = log.configs
        if configs.retention_ms >= 0:
            log.roll_if_old(now_ms, min(max(configs.retention_ms // _AGE_PARTS, 1), configs.segment_ms))
        doomed: list[LogSegment] = []
        left = log.size
        for segment in log.segments[:-1]:
            too_large = 0 <= configs.retention_bytes <= left - segment.size
            if not too_large and not self._is_too_old(log, segment, now_ms):
                break
            if self._is_held(log, segment, held):
                break
            doomed.append(segment)
            left -= segment.size
        self._drop(log, doomed)

    def _is_too_old(self, log: PartitionLog, segment: LogSegment, now_ms: int) -> bool:
        most = log.configs.retention_ms
        return 0 <= most < self._topics.running_ms(segment.index.max_time, now_ms)

    def _is_held(self, log: PartitionLog, segment: LogSegment, held: dict[str, int]) -> bool:
        wanted = self._committed(log.topic, log.number)
        if wanted is None or segment.end <= wanted:
            return False
        held[log.topic] = log.end - wanted
        return True

    def _by_budget(self, now_ms: int, held: dict[str, int]) -> None:
        """The oldest segments of all, until the budget is kept."""
        for log, segment in self._oldest_first():
            if self.used <= self._most:
                return
            if log.segments[0] is segment and not self._is_held(log, segment, held):
                self._drop(log, [segment])
                self.used -= segment.size
        if self.used > self._most:  # what is being written has to go next time
            for log in self._topics.logs():
                if not log.configs.is_for_good:
                    log.roll_if_old(now_ms, -1)

    def _oldest_first(self) -> Iterator[tuple[PartitionLog, LogSegment]]:
        found = [
            (segment.index.max_time, log.topic, segment.base, log, segment)
            for log in self._topics.logs()
            if not log.configs.is_for_good
            for segment in log.segments[:-1]
        ]
        for _, _, _, log, segment in sorted(found, key=lambda each: each[:3]):
            yield log, segment

    def _drop(self, log: PartitionLog, doomed: list[LogSegment]) -> None:
        log.drop(doomed)
        self.deleted += len(doomed)

    def _warning(self, held: dict[str, int]) -> str:
        if held:
            topic = max(held, key=lambda name: held[name])
            return (
                f"{self._held_for} is {held[topic]:,} records of {topic} behind, more than retention allows: they are "
                "kept for it"
            )
        if self.used > self._budget:
            return "more is kept than the disk budget allows: what is left is kept for good or was just written"
        return ""
