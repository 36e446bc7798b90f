"""What the checks find, on its way to the windows of quality."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A violation: where (feed and market or connection) and why. ``t``: Unix ns of the event it was found on.
    ``count``: how many it stands for."""

    t: int
    feed: str
    market: str
    reason: str
    count: int = 1
