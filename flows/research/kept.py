"""Validations that are kept: what each strategy's walk came to, window by window, for pages and for a second look.

One a journal and way of walking, in the data folder's ``research/validations``; a later one takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from flows.research.validation import Validation
from flows.research.verdict import StrategyVerdict
from models.money import DOLLAR
from models.statistics.splits import WalkStep

FOLDER: Final = "validations"


class KeptStep(msgspec.Struct, frozen=True):
    """A step of a walk: its windows, the ``KEY=VALUE`` words that were chosen, how many trades that rests on, and what
    the test window came to: trades, and net dollars."""

    windows: WalkStep
    chosen: tuple[str, ...]
    trained_on: int
    validated_on: int
    trades: int
    net: float


class KeptWalk(msgspec.Struct, frozen=True):
    """A strategy's steps, and its verdicts on the joined test windows and on the holdout."""

    verdict: StrategyVerdict
    steps: list[KeptStep]
    holdout: StrategyVerdict | None = None


class KeptValidation(msgspec.Struct, frozen=True):
    """``source``: the archive; ``data``: id of its journal; ``at``: ISO 8601, UTC; ``anchored``: trained from the
    beginning on, not on a window that slides."""

    source: str
    data: str
    at: str
    anchored: bool
    walks: list[KeptWalk]


def keep_validation(
    research: Path, source: str, data: str, at: str, anchored: bool, found: Sequence[Validation]
) -> Path:
    """Write what was found below the folder ``research``; where it stands."""
    target = research / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    kept = KeptValidation(source, data, at, anchored, [_walk(each) for each in found])
    path = target / f"{data}-{'anchored' if anchored else 'sliding'}.json"
    making = path.with_name(f".{path.name}.making")
    making.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    making.replace(path)
    return path


def kept_validations(research: Path) -> list[KeptValidation]:
    """Those that stand below the folder ``research``, the newest first; what is of another version is passed over."""
    found = []
    for path in (research / FOLDER).glob("[!.]*.json"):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=KeptValidation))
        except (OSError, msgspec.MsgspecError):
            continue
    return sorted(found, key=lambda each: (each.at, each.data, each.anchored), reverse=True)


def _walk(found: Validation) -> KeptWalk:
    steps = []
    for step in found.steps:
        net = 0
        for trip in step.test:
            net += trip.net
        chosen = found.sets[step.chosen]
        steps.append(KeptStep(step.windows, chosen, step.trained_on, step.validated_on, len(step.test), net / DOLLAR))
    return KeptWalk(found.verdict, steps, found.holdout)
