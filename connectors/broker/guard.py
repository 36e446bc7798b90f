"""Runs a program and ends it when the parent is gone. Started as a script, standard library alone.

    python guard.py PROGRAM ARGUMENT...

The guard's standard input is a pipe whose other end only the parent holds. End-of-file there means the parent ended,
in whatever way: the guard then ends the program. The program ends: the guard ends too, with its exit code. It writes
the program's process id on one line of standard output.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

#: How long the program may take to end on SIGTERM before it is killed.
GRACE_S = 2.0


def main(command: list[str]) -> int:
    # The terminal's Ctrl-C is the parent's to handle; the broker has to outlive what still writes to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, close_fds=True)
    signal.signal(signal.SIGTERM, lambda *_: _end(program))
    print(program.pid, flush=True)
    threading.Thread(target=_end_with_parent, args=(program,), daemon=True).start()
    return program.wait()


def _end_with_parent(program: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    _end(program)
    try:
        program.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        program.kill()


def _end(program: subprocess.Popen[bytes]) -> None:
    if program.poll() is None:
        program.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
