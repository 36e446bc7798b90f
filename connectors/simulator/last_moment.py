"""How far a simulated exchange came, in a file beside its addresses: its successor begins no earlier, and goes on from
where it stood.

An exchange at a speed above 1 runs ahead of the computer's clock. One that began at the computer's time again would
speak of a past that the journal has seen, and every frame of it would be refused.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import msgspec

from connectors.clock import NS, FeedClock
from connectors.simulator.standing import ExchangeStanding

#: Real seconds between two notes, and how long an exchange may have gone on after its last one.
EVERY_S: Final = 1.0
_UNNOTED_S: Final = 5.0


def moment_file(addresses: Path) -> Path:
    """Where the exchange that writes its addresses to ``addresses`` notes how far it came."""
    return addresses.with_suffix(".moment")


def note_moment(path: Path, clock: FeedClock, standing: ExchangeStanding | None = None) -> None:
    """Write how far the clock is, how quickly it goes, and where the exchange stands. Raises OSError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_bytes(msgspec.json.encode(_Note(clock.now_ns(), time.time_ns(), clock.speed, standing)))
    fresh.replace(path)


def last_moment(path: Path, wall_ns: int) -> int:
    """The latest moment that the journal may hold of the exchange which wrote ``path``, Unix ns; 0 where none did.
    ``wall_ns``: the computer's time, Unix ns; the exchange may have gone on for some seconds after its last note."""
    note = _read(path)
    if note is None:
        return 0
    unnoted = min(max(wall_ns - note.wall_ns, 0), round(_UNNOTED_S * NS))
    return note.reached_ns + round(unnoted * note.speed)


def first_second(path: Path, wall_ns: int) -> int | None:
    """The Unix second at which a successor begins: None where it may begin at the computer's time, ``wall_ns``."""
    reached = last_moment(path, wall_ns)
    return None if reached <= wall_ns else -(-reached // NS)


def last_standing(path: Path) -> ExchangeStanding | None:
    """Where the exchange stood that wrote ``path``; None where none said so."""
    note = _read(path)
    return None if note is None else note.standing


def _read(path: Path) -> _Note | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Note)
    except (OSError, msgspec.MsgspecError):
        return None


class _Note(msgspec.Struct, frozen=True):
    reached_ns: int
    wall_ns: int
    speed: float
    standing: ExchangeStanding | None = None
