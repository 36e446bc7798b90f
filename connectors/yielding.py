"""A process that takes what the others leave of the machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

#: Added to the process's niceness: a ninth of the others' weight.
NICENESS: Final = 10
_AUTOGROUP: Final = Path("/proc/self/autogroup")


def yield_to_others() -> None:
    """Lower this process's priority, for good.

    Where Linux groups processes by session (autogroup), niceness only counts within the session, and the session has
    one of its own: it is lowered too when this process leads it, and has it for itself and its children."""
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            _AUTOGROUP.write_text(str(NICENESS), encoding="ascii")
