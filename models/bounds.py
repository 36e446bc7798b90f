"""The bounds of the checks in the units of books and feeds: integers of nanoseconds and pips.

>>> bounds_of(Checks(stale_book_s=10)).stale_book
10000000000
"""

from __future__ import annotations

import msgspec

from models.money import PIP
from models.settings import Checks
from models.timestamps import MILLISECOND, SECOND


class CheckBounds(msgspec.Struct, frozen=True):
    """The section ``checks`` of the settings, counted: times in ns, prices in pips."""

    stale_feed: int
    stale_book: int
    old: int
    ahead: int
    backwards: int
    max_spread: int
    parity: int
    pair_skew: int
    window_s: int
    rest_grace: int
    resolution_late: int
    checks: Checks = Checks()  # what the evidence goes by


def bounds_of(checks: Checks) -> CheckBounds:
    """The bounds that the settings state."""
    return CheckBounds(
        stale_feed=int(checks.stale_feed_s * SECOND),
        stale_book=int(checks.stale_book_s * SECOND),
        old=checks.old_ms * MILLISECOND,
        ahead=checks.ahead_ms * MILLISECOND,
        backwards=checks.backwards_ms * MILLISECOND,
        max_spread=round(checks.max_spread * PIP),
        parity=round(checks.parity_tolerance * PIP),
        pair_skew=checks.pair_skew_ms * MILLISECOND,
        window_s=checks.window_s,
        rest_grace=checks.rest_grace_ms * MILLISECOND,
        resolution_late=int(checks.resolution_late_s * SECOND),
        checks=checks,
    )
