"""The clock of the doors: the system's, or a simulated exchange's that runs at another rate.

Durations given to a clock are seconds of *its* time. At real time both are the same thing; at 60 times a simulated
minute passes in one real second, and everything that waits or measures an age must agree on that.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

NS = 1_000_000_000


class Clock(Protocol):
    """Time as one feed knows it. ``speed``: its seconds per real second."""

    speed: float

    def now_ns(self) -> int:
        """Unix time in nanoseconds."""
        ...


class SystemClock:
    """The computer's own time."""

    speed = 1.0

    def now_ns(self) -> int:
        return time.time_ns()


class ScaledClock:
    """``sim_epoch_ns`` at the system's ``epoch_ns``, and ``speed`` times as fast from there."""

    def __init__(self, epoch_ns: int, sim_epoch_ns: int, speed: float) -> None:
        self.epoch_ns = epoch_ns
        self.sim_epoch_ns = sim_epoch_ns
        self.speed = speed

    def rebase(self, epoch_ns: int, sim_epoch_ns: int) -> None:
        """Count from another pair of moments: the simulated exchange had to let its time slip."""
        self.epoch_ns = epoch_ns
        self.sim_epoch_ns = sim_epoch_ns

    def now_ns(self) -> int:
        passed = time.time_ns() - self.epoch_ns
        return self.sim_epoch_ns + (passed if self.speed == 1 else int(passed * self.speed))


def real_seconds(clock: Clock, seconds: float) -> float:
    """How long ``seconds`` of the clock take in reality."""
    return seconds / clock.speed


def patience(clock: Clock, seconds: float, least_real: float = 2.0) -> float:
    """A time-out of ``seconds`` of the clock, as real seconds.

    A faster clock does not make sockets and schedulers faster: what is sped up stays at ``least_real`` seconds,
    or at the unscaled time-out where that is shorter."""
    return max(seconds / clock.speed, min(seconds, least_real))


async def sleep(clock: Clock, seconds: float) -> None:
    """Sleep for ``seconds`` of the clock."""
    await asyncio.sleep(max(0.0, seconds / clock.speed))
