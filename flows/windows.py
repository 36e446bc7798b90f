"""Windows of event time that close alike live and in replay.

Bytewax's own EventClock runs on with the system clock, forgets its time when no window is open, and closes all at
the end of input. This clock's watermark is the greatest event time seen, nothing else moves it, and the windower never
calls itself empty; so a window closes exactly when an event at or after its end arrives, a clock tick at the latest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from bytewax.operators.windowing import (
    Clock,
    ClockLogic,
    TumblingWindower,
    _SlidingWindowerLogic,
    _SlidingWindowerState,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Timed(Protocol):
    """Anything with an event time: ``t`` in Unix ns."""

    @property
    def t(self) -> int: ...


def to_datetime(t_ns: int) -> datetime:
    """Unix ns as a datetime, cut to microseconds."""
    return EPOCH + timedelta(microseconds=t_ns // 1_000)


class _JournalClockLogic(ClockLogic[Any, datetime]):
    def __init__(self, watermark: datetime) -> None:
        self._watermark = watermark

    def before_batch(self) -> None:
        """The system clock plays no part."""

    def on_item(self, value: Timed) -> tuple[datetime, datetime]:
        at = to_datetime(value.t)
        if at > self._watermark:
            self._watermark = at
        return at, self._watermark

    def on_notify(self) -> datetime:
        return self._watermark

    def on_eof(self) -> datetime:
        return self._watermark

    def to_system_utc(self, timestamp: datetime) -> datetime | None:
        return None

    def snapshot(self) -> datetime:
        return self._watermark


@dataclass
class JournalClock(Clock[Any, datetime]):
    """Event time is ``item.t``; items must come in time order."""

    def build(self, resume_state: datetime | None) -> _JournalClockLogic:
        return _JournalClockLogic(resume_state if resume_state is not None else EPOCH)


class _LastingWindowerLogic(_SlidingWindowerLogic):
    def is_empty(self) -> bool:
        return False


@dataclass
class LastingWindower(TumblingWindower):
    """Tumbling windows whose key is never forgotten."""

    def build(self, resume_state: _SlidingWindowerState | None) -> _SlidingWindowerLogic:
        state = resume_state if resume_state is not None else _SlidingWindowerState()
        return _LastingWindowerLogic(self.length, self.length, self.align_to, state)
