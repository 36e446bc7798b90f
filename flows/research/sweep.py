"""A sweep: one journal, many parameter sets, each with a trading line of its own, on as many processes as wanted.

A process takes a handful of sets at a time and decodes the journal once for all of them. What each set came to is a
line of ``results.jsonl`` as soon as its handful is done; a sweep that was killed goes on with the sets that have none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from flows.research.evaluation import LineResult, evaluate, journal_events
from flows.research.grid import settings_of
from flows.research.journal import content_of
from flows.research.workers import Progress, run_jobs
from models.failures import Failure
from models.settings import Settings

PLAN: Final = "sweep.json"
RESULTS: Final = "results.jsonl"
CONTENT: Final = "content.txt"
HANDFUL: Final = 8


class SweepPlan(msgspec.Struct, frozen=True):
    """What is swept: the archive, the sets, and the settings that they change."""

    archive: str
    sets: list[tuple[str, ...]]
    settings: dict[str, Any]


class SetDone(msgspec.Struct, frozen=True):
    """A line of the results: the set's number in the plan, and what it did."""

    number: int
    evaluation: LineResult


class _Handful(msgspec.Struct, frozen=True):
    journal: str
    settings: list[Settings]


class Sweep:
    """A sweep in its folder. ``done``: what is known by the set's number. Raises Failure when the folder holds another
    sweep, or something else."""

    def __init__(self, folder: Path, archive: Path, sets: Sequence[tuple[str, ...]], base: Settings) -> None:
        self.sets = list(sets)
        self._settings = settings_of(base, sets)
        self._results = folder / RESULTS
        self._again = f"The same command with --run {folder.name} goes on."
        plan = SweepPlan(str(archive), self.sets, base.model_dump(mode="json", exclude={"data_dir"}))
        _agree(folder, plan)
        self.done: dict[int, LineResult] = dict(_read(self._results))

    def run(self, journal: Path, workers: int, told: Callable[[float], None] = lambda share: None) -> None:
        """Evaluate what is left. ``told`` hears how far all of it is, 0 to 1. Raises Failure where others of its sets
        were evaluated on another journal."""
        _agree_on_content(self._results.with_name(CONTENT), content_of(journal), begun=bool(self.done))
        left = [number for number in range(len(self.sets)) if number not in self.done]
        size = max(1, min(HANDFUL, -(-len(left) // max(workers, 1))))
        handfuls = [left[at : at + size] for at in range(0, len(left), size)]
        jobs = [_Handful(str(journal), [self._settings[number] for number in each]) for each in handfuls]
        shares = [0.0] * len(jobs)

        def tell(number: int, share: float) -> None:
            shares[number] = share
            sets = float(len(self.done))
            for each, part in zip(handfuls, shares, strict=True):
                sets += len(each) * part if part < 1.0 else 0.0
            told(sets / len(self.sets))

        with self._results.open("ab") as file:
            for number, found in run_jobs("flows.research.sweep:work", jobs, workers, tell, self._again):
                for place, evaluation in zip(handfuls[number], found, strict=True):
                    self.done[place] = evaluation
                    file.write(msgspec.json.encode(SetDone(place, evaluation)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
                tell(number, 1.0)


def work(handful: _Handful, progress: Progress) -> list[LineResult]:
    """What the sets of a handful did: one pass over the journal."""
    return evaluate(journal_events(Path(handful.journal), progress), handful.settings)


def _agree(folder: Path, plan: SweepPlan) -> None:
    path = folder / PLAN
    if not path.is_file():
        if folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise Failure(f"{folder} is not empty and holds no sweep.", "Choose another --run NAME.")
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(".plan.making")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(plan)))
        draft.replace(path)
        return
    try:
        there = msgspec.json.decode(path.read_bytes(), type=SweepPlan)
    except msgspec.MsgspecError:
        raise Failure(f"{path} is damaged.", "Choose another --run NAME.") from None
    if json.loads(msgspec.json.encode(there)) != json.loads(msgspec.json.encode(plan)):
        raise Failure(
            f"the sweep {folder.name} was begun with another archive, other sets or other settings.",
            "Give the same ones to go on with it, or choose another --run NAME.",
        )


def _agree_on_content(path: Path, content: str, begun: bool) -> None:
    stated = path.read_text() if path.is_file() else content
    if begun and stated != content:
        raise Failure(
            f"the journal of the sweep {path.parent.name} is another than its first sets were evaluated on: "
            "the archive was replaced or has grown, or the code that makes a journal has changed.",
            "Choose another --run NAME.",
        )
    path.write_text(content)


def _read(path: Path) -> Iterator[tuple[int, LineResult]]:
    """What was kept; a last line that was cut off is cut away."""
    if not path.is_file():
        return
    whole = 0
    raw = path.read_bytes()
    for line in raw.splitlines(keepends=True):
        try:
            done = msgspec.json.decode(line, type=SetDone)
        except msgspec.MsgspecError:
            break
        if not line.endswith(b"\n"):
            break
        whole += len(line)
        yield done.number, done.evaluation
    if whole < len(raw):
        os.truncate(path, whole)
