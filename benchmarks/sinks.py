"""A Bytewax sink that counts and throws away: what is left is the flow's own time."""

from __future__ import annotations

from typing import Any

from bytewax.outputs import DynamicSink, StatelessSinkPartition


class Discard(DynamicSink[Any]):
    """``count``: items that arrived, over all its partitions, since it was made."""

    def __init__(self) -> None:
        self.count = 0

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _DiscardPartition:
        return _DiscardPartition(self)


class _DiscardPartition(StatelessSinkPartition[Any]):
    def __init__(self, sink: Discard) -> None:
        self._sink = sink

    def write_batch(self, items: list[Any]) -> None:
        self._sink.count += len(items)
