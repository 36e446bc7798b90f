"""One at a time: the second waits, says so once, and goes on when the first has ended."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event, Thread, Timer

from connectors.process_lock import acquire, alone, is_locked


def test_who_comes_second_waits_and_says_so_once(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    held = acquire(lock)
    assert held is not None
    said: list[str] = []
    release = Timer(0.5, os.close, (held,))
    release.start()
    with alone(lock, lambda: said.append("waits")):
        assert said == ["waits"] and is_locked(lock)
    release.join()
    with alone(lock, lambda: said.append("waits")):
        assert said == ["waits"]
    assert not is_locked(lock)


def test_who_only_looks_keeps_nobody_from_the_lock(tmp_path: Path) -> None:
    lock, ended = tmp_path / ".lock", Event()
    lock.touch()

    def look() -> None:
        while not ended.is_set():
            is_locked(lock)

    lookers = [Thread(target=look) for _ in range(3)]
    for each in lookers:
        each.start()
    try:
        for _ in range(300):
            held = acquire(lock)
            assert held is not None
            assert acquire(lock) is None, "one at a time"
            os.close(held)
    finally:
        ended.set()
        for each in lookers:
            each.join()
