"""Sorting more rows by time than memory holds."""

from __future__ import annotations

import heapq
import pickle
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, Self

_BUDGET: Final = 48 * 1024 * 1024
#: Open files of one merge: well below the usual limit of a process.
_MOST_RUNS: Final = 100
_ENTRY_BYTES: Final = 200  # what an entry takes in memory beside its row

_Entry = tuple[int, str, int, bytes]
_key = itemgetter(0, 1, 2)


class Sorter:
    """Rows by time, then by ``tie``, then as they were added. Beyond ``budget`` bytes they wait in files in ``folder``,
    which need no name and are gone when the process is. A context manager."""

    def __init__(self, folder: Path, budget: int = _BUDGET) -> None:
        self._folder = folder
        self._budget = budget
        self._entries: list[_Entry] = []
        self._bytes = 0
        self._runs: list[IO[bytes]] = []
        self.rows = 0

    def add(self, t_ns: int, row: Any, tie: str = "") -> None:
        """Take a row. Raises OSError when the disk is full."""
        packed = pickle.dumps(row, pickle.HIGHEST_PROTOCOL)
        self._entries.append((t_ns, tie, self.rows, packed))
        self.rows += 1
        self._bytes += len(packed) + _ENTRY_BYTES
        if self._bytes >= self._budget:
            self._spill()

    def _spill(self) -> None:
        self._entries.sort(key=_key)
        self._runs.append(self._written(iter(self._entries)))
        self._entries, self._bytes = [], 0
        if len(self._runs) >= _MOST_RUNS:
            runs, self._runs = self._runs, []
            self._runs.append(self._written(heapq.merge(*map(_read, runs), key=_key)))
            for run in runs:
                run.close()

    def _written(self, entries: Iterator[_Entry]) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        run: IO[bytes] = TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with the sorter
        for entry in entries:
            pickle.dump(entry, run, pickle.HIGHEST_PROTOCOL)
        return run

    def sorted(self) -> Iterator[tuple[int, str, Any]]:
        """(time, tie, row) of all rows, in order; once."""
        self._entries.sort(key=_key)
        for t_ns, tie, _, packed in heapq.merge(*map(_read, self._runs), iter(self._entries), key=_key):
            yield t_ns, tie, pickle.loads(packed)

    def close(self) -> None:
        for run in self._runs:
            run.close()
        self._runs, self._entries = [], []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read(run: IO[bytes]) -> Iterator[_Entry]:
    run.seek(0)
    while True:
        try:
            yield pickle.load(run)
        except EOFError:
            return
