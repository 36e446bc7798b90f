"""A run that goes on: what of its beginning stands in the way, and which settings stay as they were."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from api.cli.beginning import SETTINGS
from connectors.simulator.last_moment import last_moment, moment_file
from models.failures import Failure
from models.settings import Settings
from models.timestamps import SECOND, utc

#: What stays as the run began, and why.
_FIXED: Final = {
    "portfolio.capital": "capital is paid in once, with the first event",
    "checks.window_s": "its windows of counts are cut already",
}


def refuse_clock_ahead(folder: Path, feeds: str, addresses: str, wall_ns: int | None = None) -> None:
    """Raises Failure for a run whose simulated exchange ran ahead of ``wall_ns``, the computer's clock (Unix ns), and
    that is to go on with feeds that go by the latter: every frame would stand before the journal's last event and be
    refused. With ``--feeds sim`` it goes on at once, for the next exchange begins where the last one ended."""
    if feeds == "sim":
        return
    now = time.time_ns() if wall_ns is None else wall_ns
    reached = last_moment(moment_file(folder / addresses), now)
    if reached <= now:
        return
    until = f"{utc(reached + SECOND)} UTC"
    raise Failure(
        f"the run {folder.name} cannot go on with --feeds {feeds} before {until}: its simulated exchange ran "
        f"at a speed above 1, so its journal is {(reached - now) / (60 * SECOND):,.1f} minutes ahead of the clock.",
        "Go on with --feeds sim, which begins where the last one ended; or wait until then, or start another run "
        "(--run NAME).",
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
