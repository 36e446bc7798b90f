"""How far each group says it has read: a file, written before a commit is acknowledged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from connectors.broker.disk import Disk, Task
from connectors.broker.index import write_atomically


class Offset(NamedTuple):
    """``next``: the offset that comes next."""

    next: int
    leader_epoch: int = -1
    metadata: str | None = None


class Offsets:
    """By group, topic and partition."""

    def __init__(self, path: Path, disk: Disk) -> None:
        """Reads what is there. Raises OSError, and ValueError for a damaged file."""
        self._path = path
        self._disk = disk
        self._groups: dict[str, dict[tuple[str, int], Offset]] = {}
        if path.exists():
            for group, topic, partition, *rest in json.loads(path.read_bytes()):
                self._groups.setdefault(group, {})[topic, partition] = Offset(*rest)

    def of(self, group: str) -> dict[tuple[str, int], Offset]:
        return self._groups.get(group, {})

    def groups(self) -> list[str]:
        return list(self._groups)

    def commit(
        self, group: str, offsets: dict[tuple[str, int], Offset], done: Callable[[OSError | None], None]
    ) -> None:
        self._groups.setdefault(group, {}).update(offsets)
        self._save(done)

    def forget(self, group: str, done: Callable[[OSError | None], None]) -> None:
        self._groups.pop(group, None)
        self._save(done)

    def forget_topic(self, topic: str) -> None:
        """A topic of that name that comes later is another one."""
        for group in self._groups.values():
            for key in [key for key in group if key[0] == topic]:
                del group[key]
        self._save(lambda failure: None)

    def _save(self, done: Callable[[OSError | None], None]) -> None:
        rows = [
            [group, topic, partition, *offset]
            for group, offsets in self._groups.items()
            for (topic, partition), offset in offsets.items()
        ]
        body = json.dumps(rows).encode() + b"\n"
        self._disk.put(Task(lambda: write_atomically(self._path, body), done))
