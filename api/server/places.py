"""Where the evidence of a run lies: its own archive, and for a replay the archive that it read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from api.runs import PLAN, archive_in, damaged_plan
from api.server.lookup import Lookup
from models.failures import Failure

#: A replay of a replay of a replay: more than that is a circle.
_DEEPEST: Final = 8


class _Plan(BaseModel):
    """What matters here of ``flows.replay.plan.Plan``, also of plans that another version wrote."""

    model_config = ConfigDict(extra="ignore")
    archive: Path


class Places:
    """The archives of the run in ``folder``, its own first. Raises Failure where the folder holds no run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archives = _archives(folder)
        if not self.archives:
            raise Failure(
                f"{folder} is no run: there is no archive in it.", "Name one with --run NAME or --run-dir DIR."
            )

    @property
    def own(self) -> Lookup:
        return self.archives[0]

    def holding(self, topic: str) -> Lookup | None:
        """The nearest archive with records of ``topic``."""
        return next((archive for archive in self.archives if archive.holds(topic)), None)


def _archives(folder: Path) -> list[Lookup]:
    found: list[Lookup] = []
    seen: set[Path] = set()
    for _ in range(_DEEPEST):
        archive = archive_in(folder)
        if archive is None or archive.resolve() in seen:
            break
        seen.add(archive.resolve())
        found.append(Lookup(archive))
        read = _read_by(archive.parent)
        if read is None:
            break
        folder = read
    return found


def _read_by(run: Path) -> Path | None:
    """The archive that a replay read, None where the run is no replay."""
    path = run / PLAN
    if not path.is_file():
        return None
    try:
        return _Plan.model_validate_json(path.read_bytes()).archive
    except ValidationError:
        raise damaged_plan(path) from None
