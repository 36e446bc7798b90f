"""How far the trading flow is, as it says itself, and the pipeline's lag that the recorder reads off it.

The trading flow reports the receive time of what it has just decided on, once its output is acknowledged (topic
``progress``). The recorder, whose clock gave that receive time, hears the report: the difference is the pipeline's
own lag, from the receipt of a frame to the decision on it. The clock ticks carry it into the journal, so that a replay
sees the same lags at the same events.

    >>> lag = PipelineLag()
    >>> lag.ms(SECOND)                      # no report yet
    -1
    >>> lag.reported(t=2 * SECOND, now=2 * SECOND + 40_000_000)
    >>> lag.ms(2 * SECOND + 50_000_000)
    40
    >>> lag.ms(20 * SECOND)                 # the next report, of second 3, is 17 seconds late
    17000
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from models.decoding import decoder_of
from models.timestamps import SECOND

#: A flow that follows its input reports at least once in so many nanoseconds of event time.
REPORTED_EVERY_NS: Final = SECOND
_MS: Final = 1_000_000
UNKNOWN: Final = -1


class Progress(msgspec.Struct, frozen=True):
    """``t``: receive time, Unix ns, of the oldest event among those that ``flow`` has just finished with."""

    flow: str
    t: int


_encoder = msgspec.json.Encoder()


def encode_progress(progress: Progress) -> bytes:
    return _encoder.encode(progress)


#: Reads them back; raises msgspec.DecodeError for bytes that are no report.
decode_progress: Callable[[bytes], Progress] = decoder_of(Progress)


class PipelineLag:
    """The lag from receipt to decision. Times are Unix ns of the recorder's clock, whatever its speed."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, int]] = deque()  # when it was heard, and the lag then
        self._last_t = 0

    def reported(self, t: int, now: int) -> None:
        """A report of the event time ``t`` was heard at ``now``."""
        self._last_t = max(self._last_t, t)
        self._recent.append((now, max(now - t, 0)))
        self._trim(now)

    def ms(self, now: int) -> int:
        """The worst lag of the last second, in milliseconds rounded up; -1 before the first report.

        A report that should have come and did not counts as long as it is overdue: a flow that stands still has a lag
        that grows."""
        if not self._recent:
            return UNKNOWN
        self._trim(now)
        worst = max(lag for _, lag in self._recent)
        overdue = now - self._last_t - REPORTED_EVERY_NS
        return -(-max(worst, overdue) // _MS)

    def _trim(self, now: int) -> None:
        """Keep the last report and those of the last second."""
        recent = self._recent
        while len(recent) > 1 and now - recent[0][0] > SECOND:
            recent.popleft()
