"""How far a long command is: bars on a terminal; elsewhere, as in a log file, a line of standard error now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY_S: Final = 10.0  # seconds between two lines
_LEAST: Final = 0.01  # and how much more has to be done: what takes days fills no disk

Begin = Callable[[str], Callable[[float], None]]


@contextmanager
def steps() -> Iterator[Begin]:
    """For commands of one step after the other. What it gives begins a step by its name, and returns what is told how
    far that is, 0 to 1; at 1 it is done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:

        def begin(name: str) -> Callable[[float], None]:
            task = bar.add_task(name, total=1.0)
            return lambda share: bar.update(task, completed=share, visible=share < 1.0)

        yield begin


def when_told(begin: Begin, name: str) -> Callable[[float], None]:
    """Begins the step when it is first told how far that is: for one that may have nothing to do."""
    telling: list[Callable[[float], None]] = []

    def told(share: float) -> None:
        if not telling:
            telling.append(begin(name))
        telling[0](share)

    return told


class _Lines:
    """A step told in lines: at its beginning, now and then, and once at its end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = self._last = time.monotonic()
        self._told = 0.0
        self._say("begun")

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        if share >= 1.0 > self._told:
            self._told = 1.0
            self._say(f"done in {now - self._begun:.0f} s")
        elif now - self._last >= EVERY_S and share >= self._told + _LEAST:
            self._last, self._told = now, share
            self._say(f"{share:.0%}")

    def _say(self, what: str) -> None:
        print(f"{self._name}: {what}", file=sys.stderr, flush=True)
