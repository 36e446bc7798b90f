"""A flow for the crash tests, run as a program: feeds of an archive, merged and renumbered, into another archive.

Arguments: from, to, recovery store."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.testing import cluster_main

from connectors.archive.sink import output
from connectors.archive.source import ArchiveFeedSource
from models.message import Lost, Message, Stored


def number(count: int | None, item: Stored | Lost) -> tuple[int, Message]:
    ordinal = count or 0
    value = b"lost" if isinstance(item, Lost) else item.value
    at = 0 if isinstance(item, Lost) else item.t_ns
    return ordinal + 1, Message("journal", "main", value, at, "copy", ordinal)


def slowly(message: Message) -> Message:
    if message.ordinal % 100 == 0:
        time.sleep(0.01)  # so that the parent finds time to kill
    return message


def build(source: Path, target: Path) -> Dataflow:
    flow = Dataflow("copy")
    records = op.input("feeds", flow, ArchiveFeedSource(source, batch_size=50))
    keyed = op.key_on("one_key", records, lambda _: "main")
    numbered = op.stateful_map("number", keyed, number)
    messages = op.map("slowly", op.map("unkey", numbered, lambda pair: pair[1]), slowly)
    output("archive", messages, target)
    return flow


if __name__ == "__main__":
    cluster_main(
        build(Path(sys.argv[1]), Path(sys.argv[2])),
        [],
        0,
        epoch_interval=timedelta(milliseconds=50),
        recovery_config=RecoveryConfig(sys.argv[3]),
    )
