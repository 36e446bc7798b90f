"""The clock of the doors: the system's, or a simulated exchange's that runs at another rate.

Durations given to a clock are seconds of *its* time. At real time both are the same thing; at 60 times a simulated
minute passes in one real second, and everything that waits or measures an age must agree on that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

NS = 1_000_000_000


class FeedClock(Protocol):
    """Time as one feed knows it. ``speed``: its seconds per real second."""

    speed: float

    def now_ns(self) -> int:
        """Unix time in nanoseconds."""
        ...


class SystemClock:
    """The computer's own time, but it never stands still: when that is set back, this one runs at half its pace until
    they meet. Else the age of a book would stay what it is until then, however long it was silent."""

    speed = 1.0

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns) -> None:
        """``wall``: Unix ns, may jump; ``steady``: ns, never does."""
        self._wall = wall
        self._steady = steady
        self._last = wall()
        self._last_steady = steady()

    def now_ns(self) -> int:
        steady = self._steady()
        passed = steady - self._last_steady
        self._last = max(self._wall(), self._last + passed // 2)
        self._last_steady = steady
        return self._last


class ScaledClock:
    """``sim_epoch_ns`` at the system's ``epoch_ns``, and ``speed`` times as fast from there."""

    def __init__(self, epoch_ns: int, sim_epoch_ns: int, speed: float) -> None:
        self.epoch_ns = epoch_ns
        self.sim_epoch_ns = sim_epoch_ns
        self.speed = speed

    def rebase(self, epoch_ns: int, sim_epoch_ns: int, speed: float | None = None) -> None:
        """Count from another pair of moments: the simulated exchange had to let its time slip, or is another one."""
        self.epoch_ns = epoch_ns
        self.sim_epoch_ns = sim_epoch_ns
        self.speed = self.speed if speed is None else speed

    def now_ns(self) -> int:
        passed = time.time_ns() - self.epoch_ns
        return self.sim_epoch_ns + (passed if self.speed == 1 else int(passed * self.speed))


def real_seconds(clock: FeedClock, seconds: float) -> float:
    """How long ``seconds`` of the clock take in reality."""
    return seconds / clock.speed


def patience(clock: FeedClock, seconds: float, least_real: float = 2.0) -> float:
    """A time-out of ``seconds`` of the clock, as real seconds.

    A faster clock does not make sockets and schedulers faster: what is sped up stays at ``least_real`` seconds,
    or at the unscaled time-out where that is shorter."""
    return max(seconds / clock.speed, min(seconds, least_real))


async def sleep(clock: FeedClock, seconds: float) -> None:
    """Sleep for ``seconds`` of the clock."""
    await asyncio.sleep(max(0.0, seconds / clock.speed))
