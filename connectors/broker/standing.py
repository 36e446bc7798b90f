"""What a partition has to remember that its batches do not tell: where it begins for readers, and which epochs its
leader had."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from connectors.broker.index import write_atomically

FILE: Final = "standing.json"


@dataclass(frozen=True)
class PartitionStanding:
    """``start``: readers see nothing before it. ``epochs``: each epoch with the offset it began at, the last one's is
    the leader's: it rises whenever the end of the log may have been lost, so that clients look where they stand."""

    start: int = 0
    epochs: tuple[tuple[int, int], ...] = ((0, 0),)

    @property
    def epoch(self) -> int:
        return self.epochs[-1][0]

    def starting_at(self, offset: int) -> Self:
        return replace(self, start=offset)

    def after_a_loss(self, end: int) -> Self:
        """What may be missing begins at ``end``: a new epoch does."""
        kept = tuple((epoch, begin) for epoch, begin in self.epochs if begin < end)
        return replace(self, start=min(self.start, end), epochs=(*kept, (self.epoch + 1, end)))

    def end_of(self, epoch: int, end: int) -> tuple[int, int]:
        """The greatest epoch that is no later than ``epoch``, and the offset where the next one began: ``end``, the
        log's, for the last. -1, -1 where there was none so early."""
        if epoch > self.epoch:
            return -1, -1
        found = -1
        for each, begin in self.epochs:
            if each > epoch:
                return (found, begin) if found >= 0 else (-1, -1)
            found = each
        return found, end

    def save(self, folder: Path) -> None:
        """Raises OSError."""
        write_atomically(folder / FILE, json.dumps({"start": self.start, "epochs": self.epochs}).encode() + b"\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was saved; the beginning of a log where nothing was."""
        try:
            found = json.loads((folder / FILE).read_bytes())
            return cls(int(found["start"]), tuple((int(epoch), int(begin)) for epoch, begin in found["epochs"]))
        except FileNotFoundError:
            return cls()
