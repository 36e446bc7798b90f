"""The thread that writes: a disk that stalls or is full keeps producers waiting, and nobody else.

Failure policy: whatever cannot be written is tried again until it can. Nothing is acknowledged before, nothing is
dropped, and ``trouble`` says why it takes so long.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

AGAIN_S: Final = 0.25
#: A write that has not come back after so long is a stall.
STALL_S: Final = 2.0


class Operation(Protocol):
    """Something to be done in the writing thread. ``join``: whether ``following`` may be done in the same go, with
    ``run`` of the first. ``run`` raises OSError and may be called again then. ``done`` is called in the event loop."""

    def join(self, following: Operation) -> bool: ...

    def run(self, others: Sequence[Operation]) -> None: ...

    def done(self, failure: OSError | None) -> None: ...

    @property
    def patient(self) -> bool:
        """Whether it is tried until it succeeds; else ``done`` hears of the first failure."""
        ...


class Task:
    """A function to be called in the writing thread, once."""

    patient = False

    def __init__(
        self, run: Callable[[], object], done: Callable[[OSError | None], None] = lambda failure: None
    ) -> None:
        self._run = run
        self.done = done

    def join(self, following: Operation) -> bool:
        return False

    def run(self, others: Sequence[Operation]) -> None:
        self._run()


class Disk:
    """Does operations in their order. ``put`` is for the event loop's thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        say: Callable[[str], None],
        most_bytes: int,
        relieved: Callable[[], None],
    ) -> None:
        """``relieved`` is called when ``pending_bytes`` comes below ``most_bytes`` again."""
        self.pending_bytes = 0
        self._most_bytes = most_bytes
        self._relieved = relieved
        self._loop = loop
        self._say = say
        self._waiting: deque[Operation] = deque()
        self._bell = threading.Condition(threading.Lock())
        self._ending = False
        self._busy_since = 0.0
        self._failing = ""
        self.failures = 0
        self._thread = threading.Thread(target=self._work, name="disk", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why producers wait; empty when they do not."""
        if self._failing:
            return self._failing
        busy = self._busy_since
        if busy and time.monotonic() - busy > STALL_S:
            return f"the disk has not answered for {time.monotonic() - busy:.0f} s"
        return ""

    def put(self, operation: Operation) -> None:
        self._waiting.append(operation)
        with self._bell:
            self._bell.notify()

    def weigh(self, size: int) -> None:
        """``size`` bytes more wait (less, where negative). For the event loop's thread."""
        before = self.pending_bytes
        self.pending_bytes = before + size
        if before > self._most_bytes >= self.pending_bytes:
            self._relieved()

    def close(self, timeout_s: float) -> bool:
        """Do what is waiting, and end. False where that took longer."""
        self._ending = True
        with self._bell:
            self._bell.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while True:
            with self._bell:
                while not self._waiting and not self._ending:
                    self._bell.wait()
            done: list[tuple[Operation, OSError | None]] = []
            while self._waiting:
                first = self._waiting.popleft()
                group = [first]
                while self._waiting and first.join(self._waiting[0]):
                    group.append(self._waiting.popleft())
                failure = self._attempt(first, group, done)
                done.extend((each, failure) for each in group)
            self._tell(done)
            if self._ending and not self._waiting:
                return

    def _attempt(
        self, first: Operation, group: Sequence[Operation], done: list[tuple[Operation, OSError | None]]
    ) -> OSError | None:
        while True:
            self._busy_since = time.monotonic()
            try:
                first.run(group)
            except OSError as failure:
                self.failures += 1
                if not first.patient or self._ending:
                    return failure
                self._complain(failure)
                self._tell(done)  # what was written before has not to wait for this
            else:
                self._recover()
                return None
            finally:
                self._busy_since = 0.0
            time.sleep(AGAIN_S)

    def _complain(self, failure: OSError) -> None:
        why = os.strerror(failure.errno) if failure.errno else str(failure)
        cure = "make room" if failure.errno in (errno.ENOSPC, errno.EDQUOT) else "look after the disk"
        text = f"producers wait: {why} ({cure}; nothing is lost meanwhile)"
        if text != self._failing:
            self._failing = text
            self._say(text)

    def _recover(self) -> None:
        if self._failing:
            self._failing = ""
            self._say("the disk takes records again: producers go on")

    def _tell(self, done: list[tuple[Operation, OSError | None]]) -> None:
        if done:
            self._loop.call_soon_threadsafe(_each, tuple(done))
            done.clear()


def _each(done: Sequence[tuple[Operation, OSError | None]]) -> None:
    for operation, failure in done:
        operation.done(failure)
