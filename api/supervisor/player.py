"""Plays an archive's feed topics into Kafka: the recorded frames, envelopes and operator inputs, in their order.

Ticks alone are not as recorded: they count the inputs that are there when they are played (``played_inputs``)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from api.supervisor.after_end import AfterEnd
from api.supervisor.played_inputs import PlayedInputs
from connectors.archive.reader import ArchiveReader
from connectors.kafka.reader import Reader
from connectors.kafka.sink import Writer
from connectors.ordering import FeedMerge
from models.failures import Failure
from models.message import Message, Stored
from models.settings import Kafka
from models.topics import FEED_CLOCK, FEEDS, INPUTS

BATCH = 1_000


def in_order(directory: Path) -> Iterator[Stored]:
    """The archive's feed and input records in their one order, with bounded memory. What the recording lost stays lost.

    Raises Failure when the archive has no feed records."""
    reader = ArchiveReader(directory)
    present = set(reader.topics())
    if not present.intersection(FEEDS):
        raise Failure(
            f"{directory} holds no feed records.",
            "Name the folder of an archive: `profit import` makes one, and each run has one in its folder `archive`.",
        )
    merge = FeedMerge()
    batches: dict[str, Iterator[list[Stored]]] = {
        name: reader.batches(name, 0, BATCH) for name in (*FEEDS, *INPUTS) if name in present
    }
    for name in (*FEEDS, *INPUTS):
        if name not in present:
            merge.exhaust(name)
    while not merge.done:
        for name in merge.wants():
            batch = next(batches[name], None)
            if batch is None:
                merge.exhaust(name)
                continue
            for stored in batch:
                merge.offer(stored)
        while items := merge.drain(BATCH):
            yield from (item for item in items if isinstance(item, Stored))


def play(
    directory: Path,
    kafka: Kafka,
    bootstrap: str,
    stopping: Callable[[], bool],
    speed: float = 1.0,
    over: Callable[[int], None] | None = None,
) -> int:
    """Publish the archive, ``speed`` recorded seconds a second (0 = as fast as Kafka takes them); the number of records
    sent. Operator commands and other inputs that come meanwhile get their place by the played clock. Where ``over`` is
    given, it is called with that number at the archive's end, and inputs are placed until ``stopping``. Raises Failure
    when the feed topics already hold records: a run that was played twice would be dropped as known."""
    _refuse_used(kafka, bootstrap)
    with contextlib.closing(PlayedInputs(kafka, bootstrap)) as inputs:
        writer = Writer(kafka, bootstrap)
        sent, last_ns = _play(directory, writer, inputs, stopping, speed)
        if over is not None and not stopping():
            over(sent)
            AfterEnd(writer, inputs, last_ns).run(stopping)
        return sent


def _play(
    directory: Path, writer: Writer, inputs: PlayedInputs, stopping: Callable[[], bool], speed: float
) -> tuple[int, int]:
    """How many records were sent, and the time of the last one."""
    sent, last_ns, unsettled = 0, 0, False
    first_ns: int | None = None
    started = time.monotonic()
    for stored in in_order(directory):
        if stopping():
            break
        if speed > 0:
            first_ns = stored.t_ns if first_ns is None else first_ns
            due = started + (stored.t_ns - first_ns) / 1e9 / speed
            if due - time.monotonic() > 0.002:
                writer.flush()
                while not stopping() and (wait := due - time.monotonic()) > 0:
                    time.sleep(min(wait, 0.05))
        value = stored.value
        if stored.topic in INPUTS:
            inputs.written(stored)
            unsettled = True
        elif stored.topic == FEED_CLOCK:
            if unsettled:
                writer.flush()
                unsettled = False
            value = inputs.tick(value)
        writer.write(
            Message(
                stored.topic,
                stored.key,
                value,
                stored.t_ns,
                stored.producer,
                stored.ordinal,
                stored.envelope,
            )
        )
        sent += 1
        last_ns = max(last_ns, stored.t_ns)
    writer.flush()
    return sent, last_ns


def _refuse_used(kafka: Kafka, bootstrap: str) -> None:
    reader = Reader(kafka, bootstrap, [*FEEDS])
    try:
        used = [name for name in FEEDS if reader.watermarks(name)[1] > 0]
    finally:
        reader.close()
    if used:
        raise Failure(
            f"{bootstrap} already holds records of {', '.join(used)}: a recording cannot be played into them.",
            "Leave --kafka away for a broker of its own, or delete the topics first.",
        )
