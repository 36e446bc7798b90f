"""Where the plain classes of the lines meet Bytewax: a stateful step, and running a flow to its end.

The lines know nothing of the engine; this file and the flow files are all that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Generic, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators import KeyedStream, StatefulBatchLogic
from bytewax.outputs import Sink
from bytewax.recovery import RecoveryConfig, init_db_dir

from flows.state import OwnedState, Schema
from models.failures import Failure
from models.message import Message
from models.settings import Settings

S = TypeVar("S")
V = TypeVar("V")
W = TypeVar("W")

_PARTITIONS = 1


class _Step(StatefulBatchLogic[V, W, bytes], Generic[S, V, W]):
    """Feeds a state's items to it one by one; its snapshot is that of the state, frozen at that moment."""

    def __init__(self, owned: OwnedState[S], advance: Callable[[OwnedState[S], V], Iterable[W]]) -> None:
        self._owned = owned
        self._advance = advance

    def on_batch(self, values: list[V]) -> tuple[list[W], bool]:
        owned, advance = self._owned, self._advance
        out: list[W] = []
        for value in values:
            out.extend(advance(owned, value))
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        return self._owned.snapshot()


def stateful(
    step_id: str,
    up: KeyedStream[V],
    schema: Schema[S],
    settings: Settings,
    advance: Callable[[OwnedState[S], V], Iterable[W]],
) -> KeyedStream[W]:
    """A step that owns one state of ``schema`` a key and emits what ``advance(owned state, item)`` returns, in order. A
    state begins under ``settings``; one that is resumed goes on under those it had.

    ``step_id`` names the state in the recovery store: renaming it forgets the state without a word."""

    def build(resume: bytes | None) -> _Step[S, V, W]:
        return _Step(schema.resume(resume, settings) if resume is not None else schema.begin(settings), advance)

    return op.stateful_batch(step_id, up, build)


def keyed(step_id: str, up: Stream[V], key: str) -> KeyedStream[list[V]]:
    """The whole stream under one key. Each batch travels as one item: the engine takes a microsecond or two for each
    item and step, more than many an item costs its line. For a step made with ``in_batches``."""
    return op.flat_map_batch(step_id, up, lambda items: [(key, items)])


def in_batches(
    advance: Callable[[OwnedState[S], V], Iterable[W]],
) -> Callable[[OwnedState[S], list[V]], Iterable[list[W]]]:
    """``advance`` for items that travel as lists; what a list makes travels as one list, too."""

    def advance_all(owned: OwnedState[S], items: list[V]) -> Iterable[list[W]]:
        out: list[W] = []
        for item in items:
            out.extend(advance(owned, item))
        return (out,) if out else ()

    return advance_all


def prepare_recovery(directory: Path) -> None:
    """Make the flow's recovery store in ``directory`` when it is not there: once, before any process of it starts."""
    if not directory.is_dir() or not any(directory.iterdir()):
        directory.mkdir(parents=True, exist_ok=True)
        init_db_dir(directory, _PARTITIONS)


def run(
    flow: Dataflow,
    recovery: Path | None = None,
    snapshot_s: float = 1.0,
    process: int | None = None,
    addresses: list[str] | None = None,
) -> None:
    """Run ``flow`` to the end of its input, in this process, or as process number ``process`` of a cluster.

    ``recovery``: a prepared recovery store. ``snapshot_s``: seconds between snapshots of the state.
    Raises the Failure that a step, source or sink raised."""
    from bytewax._bytewax import cli_main

    try:
        cli_main(
            flow,
            workers_per_process=1,
            process_id=process,
            addresses=addresses,
            epoch_interval=timedelta(seconds=snapshot_s),
            recovery_config=RecoveryConfig(str(recovery)) if recovery is not None else None,
        )
    except Exception as error:
        cause = _root(error)
        if isinstance(cause, Failure):
            raise cause from error
        raise


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def output_to(sink: Callable[[], Sink[Message]]) -> Callable[[str, Stream[Message]], None]:
    """An ``attach`` for the flow builders: each output step gets a sink of its own."""

    def attach(step_id: str, up: Stream[Message]) -> None:
        op.output(step_id, up, sink())

    return attach
