"""The embedded broker as a process: ``python -m connectors.broker --folder FOLDER``.

Its first line on standard output is ``ready HOST:PORT``, or ``refused`` and why. Then comes, each second, how it is: a
line of JSON, for the program that started it; lines that nobody takes are dropped. What people should know goes to
standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import fcntl
import gc
import json
import os
import resource
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from connectors.broker.requests import Address
from connectors.broker.server import Server, ServerOptions, Status
from connectors.heap import bound_heap

#: A folder that another broker is just leaving is waited for.
LOCK_S: Final = 10.0
#: The disk's thread may have the interpreter after so long, not only after the 5 ms of the default.
SWITCH_S: Final = 0.0005
_MIB: Final = 1024 * 1024
_MOST_FILES: Final = 16_384


def main(words: list[str]) -> int:
    options, lifeline = _parsed(words)
    sys.setswitchinterval(SWITCH_S)
    options = dataclasses.replace(options, most=min(options.most, _files() // 4))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C: who writes here has to end first
    os.set_blocking(1, False)
    bound_heap()  # it runs for days
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        lock = _locked(options.folder)
    except OSError as cause:
        _tell(f"refused {options.folder}: {cause.strerror}")
        return 1
    if lock is None:
        _tell(f"refused {options.folder} is in use by another broker")
        return 1
    return asyncio.run(_serve(options, lifeline))


async def _serve(options: ServerOptions, lifeline: bool) -> int:
    begun = time.monotonic()
    try:
        server = Server(options, _say)
        address = await server.open()
    except OSError as cause:
        where = cause.filename or f"{options.host}:{options.port}"
        _tell(f"refused {where}: {cause.strerror}")
        return 1
    except ValueError as cause:
        _tell(f"refused {cause}")
        return 1
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    if lifeline:
        loop.add_reader(0, _look_for_parent, server, loop)
    gc.freeze()
    count = len(server.topics.by_name)
    _say(f"serves {count} topics in {options.folder} at {address.host}:{address.port}, ready in {_since(begun)}")
    _tell(f"ready {address.host}:{address.port}")
    await server.run(_report)
    whole = await server.close()
    _say(
        "ended, everything is on disk"
        if whole
        else "ended; the disk did not take everything: what is missing was not acknowledged"
    )
    sys.stderr.flush()
    os._exit(0 if whole else 1)  # threads may hang in a disk that does not answer


def _look_for_parent(server: Server, loop: asyncio.AbstractEventLoop) -> None:
    with contextlib.suppress(OSError):
        if os.read(0, 4096):
            return
    loop.remove_reader(0)
    server.stop()


def _files() -> int:
    """How many files may be open: as many as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def _locked(folder: Path) -> int | None:
    """A lock that goes with the process; None where another one has it."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
        else:
            return lock


def _parsed(words: list[str]) -> tuple[ServerOptions, bool]:
    parser = argparse.ArgumentParser(prog="python -m connectors.broker", description="the embedded broker")
    parser.add_argument("--folder", type=Path, required=True, help="where it keeps everything")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 = a free one")
    parser.add_argument("--advertise", default="", help="HOST:PORT that clients are sent to, if another")
    parser.add_argument("--budget-mib", type=float, default=4096, help="of disk, for all topics")
    parser.add_argument("--segment-bytes", type=int, default=0, help="0 = by the budget")
    parser.add_argument("--held-for", default="audit", help="the consumer group that retention waits for")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input does")
    given = parser.parse_args(words)
    host, _, port = given.advertise.rpartition(":")
    options = ServerOptions(
        given.folder.resolve(),
        given.host,
        given.port,
        Address(host, int(port)) if given.advertise else None,
        int(given.budget_mib * _MIB),
        given.segment_bytes,
        given.held_for,
    )
    return options, given.lifeline


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(1, line.encode() + b"\n")


def _report(status: Status) -> None:
    _tell(json.dumps(dataclasses.asdict(status)))


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the log is on the same disk perhaps
        os.write(2, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}\n".encode())


def _since(begun: float) -> str:
    return f"{(time.monotonic() - begun) * 1000:.0f} ms"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
