"""Keeping below an exchange's limits: a token bucket, in real seconds, whatever clock the feed has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class RateLimiter:
    """At most ``burst`` at once and ``per_s`` a second in the long run: in any ``t`` seconds no more than
    ``burst + per_s * t``. Who comes first is served first."""

    def __init__(self, per_s: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._now = now
        self._tokens = float(burst)
        self._at = now()

    def reserve(self) -> float:
        """Take the next place; returns how many seconds it is away."""
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._per_s)

    async def wait(self) -> bool:
        """Returns when it is one's turn; whether that took any time."""
        pause = self.reserve()
        if pause > 0:
            await asyncio.sleep(pause)
        return pause > 0
