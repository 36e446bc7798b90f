"""What one process reads from Kafka and writes to it, how far behind it is, and how late its output is.

Offsets live in snapshots and no consumer group exists, so the usual tools see no lag: each process tells its own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from models.contracts import Number, Status
from models.message import Message
from models.topics import DECISIONS, JOURNAL, SCANS

#: A lag in records from which a process is called behind.
BEHIND: Final = 5_000
#: Event times further from the system clock than this are no live feed: a replay, or a clock that runs faster.
LIVE_NS: Final = 600 * 1_000_000_000
TIMED: Final = frozenset({JOURNAL, SCANS, DECISIONS})
_MOST_SAMPLES: Final = 4_096
_MS: Final = 1_000_000


class Watched(Protocol):
    """A reader that knows how many records of each topic it has not read yet."""

    @property
    def lag(self) -> Mapping[str, int]: ...


class Meter:
    """Written by the flow's thread, read by the one that reports. ``now``: Unix ns."""

    def __init__(self, now: Callable[[], int] = time.time_ns) -> None:
        self._now = now
        self._readers: list[Watched] = []
        self._read: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._late: dict[str, deque[int]] = {topic: deque(maxlen=_MOST_SAMPLES) for topic in sorted(TIMED)}

    def watch(self, reader: Watched) -> None:
        self._readers.append(reader)

    def read(self, topic: str, records: int) -> None:
        self._read[topic] = self._read.get(topic, 0) + records

    def wrote(self, messages: Iterable[Message]) -> None:
        """``messages`` were acknowledged just now. Their lateness is from receipt of the frame behind them."""
        now = self._now()
        written = self._written
        for message in messages:
            topic = message.topic
            written[topic] = written.get(topic, 0) + 1
            if topic in TIMED and 0 <= now - message.t_ns < LIVE_NS:
                self._late[topic].append(now - message.t_ns)

    def lag(self) -> dict[str, int]:
        """Records not read yet by topic, where there are any."""
        return {topic: behind for reader in self._readers for topic, behind in reader.lag.items() if behind > 0}

    def counts(self) -> dict[str, int]:
        """Records by topic since the start of the process."""
        counts = {f"read:{topic}": n for topic, n in sorted(self._read.copy().items())}
        counts |= {f"written:{topic}": n for topic, n in sorted(self._written.copy().items())}
        return counts

    def gauges(self) -> dict[str, Number]:
        """The lag, and p50 and p99 in milliseconds of the output's lateness since the last
        call (None: no output)."""
        lag = self.lag()
        gauges: dict[str, Number] = {"lag_records": sum(lag.values())}
        gauges.update({f"lag_{topic}": behind for topic, behind in sorted(lag.items())})
        for topic, samples in self._late.items():
            if topic not in self._written:
                continue
            late: list[int] = []
            while samples:
                late.append(samples.popleft())
            late.sort()
            for share in (50, 99):
                value = round(late[min(len(late) * share // 100, len(late) - 1)] / _MS, 1) if late else None
                gauges[f"receipt_to_{topic}_p{share}_ms"] = value
        return gauges

    def verdict(self) -> tuple[Status, str]:
        """Status and last reason for telemetry."""
        lag = self.lag()
        behind = max(lag, key=lambda topic: lag[topic], default="")
        if behind and lag[behind] > BEHIND:
            return "warning", f"behind by {lag[behind]:,} records of {behind}"
        return "running", "ok"
