"""A clean end of a running flow.

Bytewax dies at once on SIGTERM, and on SIGINT it ends without a snapshot. So the launcher installs ``on_signals`` and
every source asks ``stop.requested``: a source that raises StopIteration lets the flow drain, snapshot and exit with 0.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import weakref
from collections.abc import Iterator
from types import FrameType


class Stop:
    """A flag that is raised once, from a signal handler or any thread."""

    def __init__(self) -> None:
        self.requested = False
        self.hurried = False  # nobody waits for it any more
        # A pipe, and neither an Event nor a queue. A handler that interrupts an Event's wait() waits for its lock,
        # which is its own thread's, for ever. SimpleQueue.get() with a short timeout never came back in most of
        # several runs of this module's test side by side (CPython 3.11).
        self._listening, self._ringing = os.pipe()
        os.set_blocking(self._ringing, False)
        weakref.finalize(self, _close, self._listening, self._ringing)

    def request(self, hurried: bool = False) -> None:
        self.hurried = self.hurried or hurried
        self.requested = True
        with contextlib.suppress(BlockingIOError):  # full: it has been rung often
            os.write(self._ringing, b"!")

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether the end was requested, after waiting up to ``timeout_s`` seconds for it."""
        if not self.requested:
            bell = select.poll()  # of its own: threads cannot share one. What rang stays, for all who wait
            bell.register(self._listening, select.POLLIN)
            bell.poll(None if timeout_s is None else math.ceil(timeout_s * 1_000))
        return self.requested


def _close(*descriptors: int) -> None:
    for each in descriptors:
        os.close(each)


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """A process that is started in here does not hear SIGTERM before it calls ``hear_again``: asked to end while it
    still starts, it would end at once, with nothing done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def hear_again() -> None:
    """Hear SIGTERM from now on, one that came meanwhile too."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def on_signals(stop: Stop) -> None:
    """Make SIGTERM and SIGINT request the end. To be called in the main thread, *after* Bytewax was imported and as
    late as possible before the flow runs."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        stop.request()

    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGINT, handler)
    hear_again()
