"""A run that goes on: what of its beginning stands in the way, and which settings stay as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from api.cli.beginning import SETTINGS
from models.failures import Failure
from models.settings import Settings

#: What stays as the run began, and why.
_FIXED: Final = {
    "portfolio.capital": "capital is paid in once, with the first event",
    "checks.window_s": "its windows of counts are cut already",
}


def refuse_fast_clock(folder: Path, feeds: str) -> None:
    """Raises Failure for a run on the simulated exchange whose clock ran ahead of real time: the next one would begin
    before the journal's last event, and every frame of it would be refused."""
    speed = _stated(_begun(folder), "simulator.speed")
    if feeds == "sim" and isinstance(speed, int | float) and speed > 1:
        raise Failure(
            f"the run {folder.name} cannot go on: its simulated exchange ran at speed {speed:g}, ahead of the real "
            "time that the next one would begin at.",
            "Start another run (--run NAME); `profit replay` and `profit report` show what this one did.",
        )


def unchanged(folder: Path, settings: Settings) -> list[str]:
    """What ``settings`` ask for and does not come into force, because it stays as the run began: a sentence each."""
    begun, wanted = _begun(folder), settings.model_dump(mode="json")
    found: list[str] = []
    for name, why in _FIXED.items():
        was, now = _stated(begun, name), _stated(wanted, name)
        if was is not None and was != now:
            found.append(f"{name} stays {was:g} and does not become {now:g}: {why}. Start another run for that")
    return found


def _begun(folder: Path) -> dict[str, Any]:
    """The settings of the run's beginning; empty for a new run. A damaged file is refused by the flows."""
    try:
        begun = json.loads((folder / SETTINGS).read_bytes())
    except (OSError, ValueError):
        return {}
    return begun if isinstance(begun, dict) else {}


def _stated(settings: dict[str, Any], name: str) -> Any:
    section, _, key = name.partition(".")
    found = settings.get(section)
    return found.get(key) if isinstance(found, dict) else None
