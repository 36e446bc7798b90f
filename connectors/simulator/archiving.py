"""An archive of the simulated exchange's feeds at full speed: whole, or not there at all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from connectors.archive.writer import ArchiveWriter
from connectors.process_lock import acquire
from connectors.simulator.direct import DirectRecording, Watch
from connectors.simulator.exchange import ExchangeParameters
from models.failures import Failure
from models.message import Message
from models.settings import Checks, Feeds
from models.topics import FEEDS

#: Where a simulated archive begins unless said otherwise (2026-11-18 11:00 UTC): the same seed gives the same bytes.
START: Final = 1_794_999_600
_LOCK: Final = ".simulating"


class FeedArchive:
    """An outlet that writes the feed topics of an archive."""

    def __init__(self, writer: ArchiveWriter) -> None:
        self._writer = writer
        self.counts: Counter[str] = Counter()

    def put(self, message: Message) -> None:
        self._writer.append_message(message)
        self.counts[message.topic] += 1


def simulate_archive(
    directory: Path,
    given: ExchangeParameters,
    feeds: Feeds,
    checks: Checks,
    seconds: int,
    start: int = START,
    each_second: Callable[[int], None] = lambda second: None,
    watch: Watch | None = None,
) -> Counter[str]:
    """Write the four feeds of ``seconds`` simulated seconds from Unix second ``start`` on into a new archive; returns
    the records by topic. The same parameters give the same bytes. Raises Failure where ``directory`` holds something,
    or another process is writing it.

    The archive is made beside its place and moved there when it is whole: one that was interrupted leaves nothing."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Failure(f"{directory} exists and is not empty.", "Name a new folder, or remove that one.")
    directory.parent.mkdir(parents=True, exist_ok=True)
    making = directory.with_name(f".{directory.name}.making")
    with _alone(making):
        with ArchiveWriter(making, FEEDS) as writer:
            outlet = FeedArchive(writer)
            recording = DirectRecording(given, start, feeds, outlet, f"sim{given.seed}", checks, watch=watch)
            asyncio.run(recording.run(start + seconds, each_second))
        (making / _LOCK).unlink()
        making.replace(directory)
    return outlet.counts


@contextlib.contextmanager
def _alone(making: Path) -> Iterator[None]:
    """``making`` is empty and this process's; whatever goes wrong, it is gone after that."""
    making.mkdir(exist_ok=True)
    lock = acquire(making / _LOCK)
    if lock is None:
        raise Failure(f"another process is simulating into {making}.", "Wait for it, or name another folder.")
    try:
        for left in making.iterdir():  # of a run that was killed
            if left.name != _LOCK:
                shutil.rmtree(left)
        yield
    finally:
        os.close(lock)
        shutil.rmtree(making, ignore_errors=True)
