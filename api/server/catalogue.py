"""The rooms of the line in the order of the journey, and the modules that a run of these settings must have.

A module that reports stands in a room by its name's beginning; one that is expected and never reported is missing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from models.settings import Settings
from models.strategies.instance import instances


class Room(NamedTuple):
    """A room: its id, its title, its group, and the beginnings of the names of the modules in it."""

    id: str
    title: str
    group: str
    prefixes: tuple[str, ...]


ROOMS: Final = (
    Room("feeds", "Feeds", "feeds", ("feed.",)),
    Room("connections", "Connections", "connections", ("connection.", "door.", "recorder", "simulator", "player")),
    Room("integrity", "Integrity", "integrity", ("integrity.", "journal")),
    Room("data_gates", "Data gates", "data gates", ("data_gate.",)),
    Room("features", "Features", "features and strategies", ("features", "feature.")),
    Room("strategies", "Strategies", "features and strategies", ("strategy.",)),
    Room("gates", "Entry gates", "gates and sizing", ("gate.",)),
    Room("sizing", "Sizing", "gates and sizing", ("sizing", "allocation", "concentration")),
    Room("execution", "Execution", "execution and settlement", ("execution",)),
    Room("exits", "Exits", "execution and settlement", ("exits",)),
    Room("settlement", "Settlement", "execution and settlement", ("settlement",)),
    Room("reconciliation", "Reconciliation", "execution and settlement", ("reconciliation", "markouts", "comparison")),
    Room("portfolio", "Portfolio", "execution and settlement", ("portfolio",)),
    Room("learning", "Learning", "learning", ("learning", "promotion")),
    Room("flows", "Flows", "flows and processes", ("flow.",)),
    Room("processes", "Processes", "flows and processes", ()),
)
GROUPS: Final = tuple(dict.fromkeys(room.group for room in ROOMS))
_GATES: Final = (
    "operator", "release", "state", "ledger", "breakers", "pace", "quality", "parity", "freshness", "spread", "expiry",
    "cooldown", "depth", "slippage", "duplicate",
)  # fmt: skip
_LINE: Final = (
    "features", "allocation", "concentration", "sizing", "execution", "exits", "settlement", "reconciliation",
    "markouts", "portfolio",
)  # fmt: skip
_FEEDS: Final = ("clock", "coinbase", "markets", "polymarket")
_BY_ASSET: Final = ("coinbase", "polymarket")


def room_of(module: str) -> Room:
    """The room of a module; processes have the last one, and so has what nobody knows."""
    return next((room for room in ROOMS if room.prefixes and module.startswith(room.prefixes)), ROOMS[-1])


def place_of(module: str) -> tuple[int, str]:
    """For sorting: rooms in order, modules by name."""
    return ROOMS.index(room_of(module)), module


def expected(settings: Settings, feeds: str, replay: bool = False) -> tuple[str, ...]:
    """Modules that have to report. ``feeds``: sim, live, or what is played; a recording has no connections. ``replay``:
    the line was run without the processes of the flows."""
    names = [f"feed.{feed}" for feed in _FEEDS]
    names += [f"feed.{feed}.{asset}" for feed in _BY_ASSET for asset in settings.feeds.assets]
    if feeds in ("sim", "live"):
        names += [*(f"connection.{feed}" for feed in _FEEDS), "recorder"]
    names += [*(f"integrity.{feed}" for feed in (*_FEEDS, "inputs")), "journal"]
    for instance in instances(settings):
        names += [instance.limits.module, instance.module]
    names += [*(f"gate.{gate}" for gate in _GATES), *_LINE]
    if not replay:
        names += ["flow.market", "flow.trading", "flow.audit"]
    if feeds in ("sim", "live") and settings.promotion.enabled:
        names += ["learning", "promotion", "flow.learning"]
    return tuple(names)
