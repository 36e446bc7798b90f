"""What the checks find, and which findings make a book or a spot price unusable."""

from __future__ import annotations

import msgspec

from models.reasons import Reason


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A violation: where (feed and market or connection) and why. ``t``: Unix ns of the event it was found on.
    ``count``: how many it stands for."""

    t: int
    feed: str
    market: str
    reason: str
    count: int = 1


class Beat(msgspec.Struct, frozen=True, gc=False):
    """A clock tick on its way to the windows: closes those that ended before ``t`` (Unix ns)."""

    t: int


#: With one of these a book or spot price is not to be traded on.
BLOCKING = frozenset(
    {
        Reason.SEQUENCE_GAP,
        Reason.CONNECTION_GAP,
        Reason.RECORDER_GAP,
        Reason.DISCONNECTED,
        Reason.DECODE_ERROR,
        Reason.NO_SNAPSHOT,
        Reason.HASH_MISMATCH,
        Reason.BEST_MISMATCH,
        Reason.OUT_OF_ORDER,
        Reason.FROZEN_BOOK,
        Reason.FROZEN_FEED,
        Reason.REST_MISMATCH,
        Reason.TIMESTAMP_OLD,
        Reason.TIMESTAMP_AHEAD,
        Reason.TIMESTAMP_BACKWARDS,
        Reason.CLOCK_BACKWARDS,
        Reason.EMPTY_BOOK,
        Reason.ONE_SIDED_BOOK,
        Reason.CROSSED_BOOK,
        Reason.LOCKED_BOOK,
        Reason.PRICE_OUT_OF_RANGE,
        Reason.OFF_TICK,
        Reason.SPREAD_TOO_WIDE,
    }
)
