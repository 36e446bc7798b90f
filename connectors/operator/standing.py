"""The kill that stands: a file beside the runs, written before the command goes out and removed by a release alone.

A run that starts while it stands is killed before it has heard anything else.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from models.failures import Failure

NAME = "operator.kill"


class StandingKill(msgspec.Struct, frozen=True):
    """Who killed trading, when (Unix ns), and in which run. ``command``: id of the command that says it as well."""

    by: str
    t: int
    run: str
    command: str = ""


def standing_kill(data_dir: Path) -> StandingKill | None:
    """The kill that stands over all runs of the folder. A file that cannot be read stands too: unknown is killed."""
    try:
        raw = (data_dir / NAME).read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return StandingKill("unknown", 0, "")
    try:
        return msgspec.json.decode(raw, type=StandingKill)
    except msgspec.MsgspecError:
        return StandingKill("unknown", 0, "")


def set_kill(data_dir: Path, kill: StandingKill) -> None:
    """Write the kill to disk, whole and for good. Raises Failure."""
    path = data_dir / NAME
    fresh = path.with_name(f"{NAME}.{os.getpid()}")
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(kill))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync(data_dir)
    except OSError as cause:
        raise Failure(
            f"{path}: the kill cannot be written: {cause.strerror}. It holds for the running flow alone.",
            "Make room or the folder writable, and give the command again.",
        ) from None


def lift_kill(data_dir: Path) -> None:
    """Remove the kill: the operator released it."""
    (data_dir / NAME).unlink(missing_ok=True)
    _sync(data_dir)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
