"""One process at a time: an exclusive lock on a file or a folder, which goes with the process however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

_BETWEEN_S: Final = 0.2
_LOOK_S: Final = 0.001


def acquire(path: Path) -> int | None:
    """Lock ``path``: a folder, or a file, which is made where there is none. Returns the descriptor, whose closing
    releases the lock; None where another process, or this one, has it. Raises OSError."""
    flags = os.O_RDONLY | os.O_DIRECTORY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        while not _locks(descriptor, fcntl.LOCK_EX):
            if not _locks(descriptor, fcntl.LOCK_SH):
                os.close(descriptor)
                return None
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # somebody only looks, for a moment
            time.sleep(_LOOK_S)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether a process has the lock on ``path`` at this moment; a file that does not exist is not locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _locks(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _locks(descriptor: int, how: int) -> bool:
    """Take the lock, exclusive or shared, where that needs no waiting."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def alone(path: Path, told: Callable[[], None]) -> Iterator[None]:
    """Hold the lock on ``path``, after whoever has it. ``told`` is called once where that must be waited for. Raises
    OSError."""
    lock = acquire(path)
    if lock is None:
        told()
    while lock is None:
        time.sleep(_BETWEEN_S)
        lock = acquire(path)
    try:
        yield
    finally:
        os.close(lock)
