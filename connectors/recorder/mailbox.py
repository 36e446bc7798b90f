"""What one thread hands to another, which waits for it for a moment at a time."""

from __future__ import annotations

import contextlib
import math
import os
import select
import weakref
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """First in, first out, without a bound. Any thread may ``put``; one takes.

    The wait is for a pipe, not for a lock: ``SimpleQueue.get`` with a short timeout has been seen not to come back
    (CPython 3.11)."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._listens = False
        self._listening, self._ringing = os.pipe()
        os.set_blocking(self._listening, False)
        os.set_blocking(self._ringing, False)
        self._bell = select.poll()
        self._bell.register(self._listening, select.POLLIN)
        weakref.finalize(self, _close, self._listening, self._ringing)

    def put(self, item: T) -> None:
        self._items.append(item)
        if self._listens:
            with contextlib.suppress(BlockingIOError):  # full: it has been rung often
                os.write(self._ringing, b"!")

    @property
    def is_empty(self) -> bool:
        return not self._items

    def take(self) -> T:
        """The first item. Raises IndexError when there is none."""
        return self._items.popleft()

    def wait(self, timeout_s: float) -> None:
        """Returns when there is an item, or after ``timeout_s`` seconds."""
        self._listens = True
        if not self._items:
            self._bell.poll(math.ceil(timeout_s * 1_000))
        self._listens = False
        with contextlib.suppress(BlockingIOError):
            os.read(self._listening, 4_096)


def _close(*descriptors: int) -> None:
    for each in descriptors:
        os.close(each)
