"""How the benchmarks are to be run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _silent(_: str) -> None:
    return


@dataclass(frozen=True)
class Options:
    """``quick``: seconds instead of minutes, to see that everything works; the figures mean little then. ``data``: the
    folder of real recordings. ``kafka``: HOST:PORT of an Apache Kafka without topics of ours; empty = start one where
    that is possible. ``say``: progress for people."""

    quick: bool = False
    data: Path = Path("../shared/data")
    kafka: str = ""
    say: Callable[[str], None] = _silent
