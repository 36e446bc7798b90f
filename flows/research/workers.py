"""Jobs in processes of their own: results as they come, progress, and no process that outlives its parent.

A job is a plain value; the function that does it is named by module and attribute, since each process is a fresh
interpreter. Results come in the order in which they are done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final

from connectors.archive.threads import ONE_THREAD
from models.failures import Failure

Progress = Callable[[float], None]
Told = Callable[[int, float], None]  # number of a job, and how far it is: 0 to 1
TELL_S: Final = 0.3
_LOOK_S: Final = 0.2


def run_jobs(
    function: str,
    jobs: Sequence[Any],
    workers: int,
    told: Told = lambda number, share: None,
    again: str = "The same command goes on.",
) -> Iterator[tuple[int, Any]]:
    """(number of the job, its result) as each is done. ``function``: ``module:name``; it is called with a job and a
    ``Progress``. ``told`` is called as the jobs go on; ``again`` tells people what becomes of the work when a process
    dies. Raises Failure for the first job that fails; however this ends, no process is left."""
    context = get_context("spawn")
    waiting = list(enumerate(jobs))[::-1]
    under_way: dict[Connection, tuple[SpawnProcess, int]] = {}
    environment = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        for _ in range(min(workers, len(jobs))):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, function), daemon=True)
            process.start()
            theirs.close()
            under_way[ours] = (process, _give(ours, waiting))
        while under_way:
            for ready in wait(list(under_way), _LOOK_S):
                assert isinstance(ready, Connection)
                process, number = under_way[ready]
                try:
                    kind, value = ready.recv()
                except EOFError:
                    process.join()
                    raise _died(process.exitcode or 0, again) from None
                if kind == "progress":
                    told(number, value)
                elif kind == "failed":
                    raise Failure(*value)
                else:
                    if waiting:
                        under_way[ready] = (process, _give(ready, waiting))
                    else:
                        del under_way[ready]
                        ready.close()
                        process.join()
                    yield number, value
    finally:
        for connection, (process, _) in under_way.items():
            process.kill()
            connection.close()
            process.join()
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _give(connection: Connection, waiting: list[tuple[int, Any]]) -> int:
    number, job = waiting.pop()
    connection.send(job)
    return number


def _died(code: int, again: str) -> Failure:
    how = f"signal {-code}" if code < 0 else f"code {code}"
    cure = "Where memory ran out, `dmesg` says so: use fewer --workers."
    return Failure(f"a process of the research ended with {how}.", f"{cure} {again}")


def serve(connection: Connection, function: str) -> None:
    """A process of ``run_jobs``: does jobs until its parent has none, or is none any more."""
    import signal

    from connectors.failures import explained, unforeseen

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: the parent sees to the end
    module, _, name = function.partition(":")
    work = getattr(import_module(module), name)
    last = 0.0

    def progress(share: float) -> None:
        nonlocal last
        now = time.monotonic()  # deterministic: when to tell of progress
        if now - last >= TELL_S:
            last = now
            connection.send(("progress", share))

    try:
        while True:
            job = connection.recv()
            last = 0.0
            try:
                answer = ("result", work(job, progress))
            except (BrokenPipeError, EOFError):
                return
            except Exception as error:
                if os.environ.get("PROFIT_TEST_TRACEBACK"):
                    raise
                failure = explained(error) or unforeseen(error)
                answer = ("failed", (failure.cause, failure.cure))
            connection.send(answer)
    except (EOFError, OSError):  # the parent ended
        return
