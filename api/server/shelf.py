"""A finished run, read from its archive as if its records came now: the pages are the same without a Kafka."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from api.server.intake import BACKLOG, BATCH, Batch
from api.server.places import Places
from models.failures import Failure
from models.message import Stored

_JOIN_S: Final = 2.0


class Shelf:
    """``deliver``, ``state`` and ``caught_up`` as for the intake; ``state`` gets "archive" when all is read."""

    def __init__(
        self,
        run_dir: Path,
        deliver: Callable[[Batch], None],
        state: Callable[[str], None],
        caught_up: Callable[[], None],
    ) -> None:
        self._run_dir = run_dir
        self._deliver = deliver
        self._state = state
        self._caught_up = caught_up
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shelf", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread; it has two seconds for it."""
        self._stop.set()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            batch: list[tuple[Stored, bool]] = []
            for stored in records_of(self._run_dir):
                if self._stop.is_set():
                    return
                batch.append((stored, True))
                if len(batch) == BATCH:
                    self._deliver(batch)
                    batch = []
            self._deliver(batch)
            self._state("archive")
        except Failure as failure:
            self._state(failure.cause)
        finally:
            self._caught_up()


def records_of(run_dir: Path) -> Iterator[Stored]:
    """The records that a server starts with, of all topics by time. Raises Failure for a folder that is no run."""
    places = Places(run_dir)
    kept = []
    for topic, count in BACKLOG.items():
        archive = places.own if places.own.holds(topic) else None
        if archive is not None:
            kept.append(archive.last(topic, count))
    return heapq.merge(*kept, key=lambda stored: stored.t_ns)
