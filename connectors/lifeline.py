"""A child process that ends when its parent does, also when the parent was killed with -9.

The parent keeps the write end of the child's standard input and never writes to it. However the parent ends, the
operating system closes that end, and the child reads end-of-file. It is asked to end then; nobody is left who would
kill it if it does not, so it also sees to that itself.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

#: How long a child may take for an orderly end after its parent's: longer than a supervisor would let it.
ENDING_S: Final = 20.0

_STDIN = 0


def watch_parent(stop: Callable[[], None]) -> None:
    """Call ``stop`` once, from a daemon thread, when standard input reaches its end. Returns at once.

    ``stop`` should only ask for the end (set an event or a flag): it runs outside the main thread. A process that is
    still there ``ENDING_S`` seconds later (it waits for a broker that ended with the parent, say) ends as if killed."""
    threading.Thread(target=_wait, args=(stop,), name="lifeline", daemon=True).start()


def _wait(stop: Callable[[], None]) -> None:
    # os.read and not sys.stdin: a daemon thread inside a buffered read aborts the interpreter at its shutdown.
    try:
        while os.read(_STDIN, 4096):
            pass
    except OSError as cause:
        print(f"lifeline: standard input cannot be read ({cause}); taken as the end of the parent", file=sys.stderr)
    stop()
    time.sleep(ENDING_S)
    os.write(2, f"lifeline: not ended {ENDING_S:g} s after the parent; gives up\n".encode())
    os._exit(1)
