"""The memory of a process that runs for days: what is freed goes back to the operating system, and what stays is not
searched for garbage again and again.

glibc gives each thread an arena of its own, up to eight a core, and a Kafka client has five threads and more. What one
thread allocates and another frees stays in its arena, and each arena keeps the most that it ever held: a flow that was
behind once kept fifty MiB for good, of which six were in use. So there are two arenas, large blocks are mapped by
themselves and unmapped when they are freed (by default the bound for that grows with what was freed, up to 32 MiB),
and every ten seconds all free pages are given back, which takes some milliseconds. Python's own small objects are not
concerned: they have an allocator of their own.

Python's garbage collector looks through all objects for cycles, the more often the more of them come and go. Modules,
classes and settings are most of them and stay: after the start they are set apart for good. Nothing that is in no cycle
waits for the collector, so it may come less often.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from typing import Final

ARENAS: Final = 2
LARGE_BYTES: Final = 128 * 1024
TRIM_EVERY_S: Final = 10.0
#: New objects between two looks at the youngest of them (Python's default is 700), and how many such looks until the
#: older ones have their turn.
YOUNG: Final = 10_000
TURNS: Final = 10

# <malloc.h>
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def bound_heap(trim_every_s: float = TRIM_EVERY_S) -> bool:
    """Bound this process's heap from now on; to be called before it has threads. False where the C library is not
    glibc, whose bounds these are: only the garbage collector is changed then."""
    gc.set_threshold(YOUNG, TURNS, TURNS)
    library = _glibc()
    if library is None:
        return False
    library.mallopt(_M_ARENA_MAX, ARENAS)
    library.mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
    library.mallopt(_M_TRIM_THRESHOLD, LARGE_BYTES)
    threading.Thread(target=_trim, args=(library, trim_every_s), name="heap-trim", daemon=True).start()
    return True


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - is it there?
        library.mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
        library.malloc_trim.argtypes = [ctypes.c_size_t]
    except (AttributeError, OSError, TypeError):
        return None
    return library


def _trim(library: ctypes.CDLL, every_s: float) -> None:
    time.sleep(every_s)
    gc.collect()
    gc.freeze()  # the start is over
    while True:
        time.sleep(every_s)
        library.malloc_trim(0)
