"""Runs by name: which names there may be, which run is meant, and whether it is whole. The only place that says so."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from connectors.process_lock import acquire, is_locked
from models.failures import Failure

ARCHIVE: Final = "archive"
PLAN: Final = "plan.json"
SUMMARY: Final = "summary.json"
RESEARCH: Final = "research"  # what is kept of all research, in the data folder
LOCK: Final = ".lock"
BROKER: Final = "broker"  # the embedded broker's data, where the run has one
SETTINGS: Final = "settings.json"  # what the run began under, written once
DESCRIPTION: Final = "run.json"  # what is told of a run that was started: its name, feeds, cluster, page
LONGEST: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHOWN: Final = 10

Counts = Callable[[Path], object]


class UnknownRun(Failure):
    """No run has that name."""


def check_name(name: str) -> str:
    """``name``, if it may name a run. Raises Failure for what would be no plain folder within the runs."""
    if not _NAME.fullmatch(name):
        raise Failure(
            f"--run {name} is no name for a folder.",
            "Use letters, digits, dots, dashes and underscores; the first one a letter or a digit.",
        )
    if len(name) > LONGEST:
        raise Failure(f"--run has {len(name)} characters.", f"Use {LONGEST} at most.")
    return name


def folder_of(data_dir: Path, name: str) -> Path:
    """Where the run ``name`` is, or would be. Raises Failure for a name that is none."""
    return data_dir / "runs" / check_name(name)


def runs_in(data_dir: Path, counts: Counts | None = None) -> Sequence[Path]:
    """Folders of runs that recorded something, the one begun last first; the data folder itself where it is one.
    ``counts``: which folders are runs for the asker, instead of those with an archive."""
    is_run = counts or archive_in
    runs = data_dir / "runs"
    folders = [entry for entry in runs.iterdir() if entry.is_dir() and is_run(entry)] if runs.is_dir() else []
    if (data_dir / ARCHIVE).is_dir() and is_run(data_dir):
        folders.append(data_dir)
    folders.sort(key=_begun, reverse=True)
    return folders


def _begun(run: Path) -> tuple[int, str]:
    """When the run's archive got its topics: at the beginning."""
    archive = run / ARCHIVE
    return (archive if archive.is_dir() else run).stat().st_mtime_ns, run.name


def first_begun(folder: Path) -> datetime | None:
    """When ``profit up`` first began the run; None where nothing tells. A run that is gone on with keeps its settings,
    so that their file tells too."""
    known: list[datetime] = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        stated = json.loads((folder / DESCRIPTION).read_bytes())["started"]
        known.append(datetime.fromisoformat(stated).astimezone(UTC))
        known.append(datetime.fromtimestamp((folder / SETTINGS).stat().st_mtime, UTC))
    return min(known, default=None)


def describe(folder: Path, feeds: str, bootstrap: str, page: str) -> None:
    """Write ``DESCRIPTION``: what other commands and people need to know about a run that is started. ``feeds``: "sim",
    "live" or the archive that is played; ``page``: the address of its pages."""
    text = json.dumps(
        {
            "name": folder.resolve().name,
            "feeds": feeds,
            "kafka": bootstrap,
            "started": (first_begun(folder) or datetime.now(UTC)).isoformat(timespec="seconds"),
            "page": page,
        },
        indent=2,
    )
    fresh = folder / f".{DESCRIPTION}"
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(folder / DESCRIPTION)  # nobody reads half of it


def described(folder: Path) -> bool:
    """Whether somebody started the run, and not a replay made it, so that it may be commanded while it is up."""
    return (folder / DESCRIPTION).is_file()


def find_run(data_dir: Path, name: str = "", counts: Counts | None = None) -> Path:
    """The folder of the run ``name``; without a name the newest run. Raises Failure when there is no such run."""
    if not name:
        return newest_run(data_dir, counts)
    folder = folder_of(data_dir, name)
    if folder.is_dir():
        return folder
    known = [each.name for each in runs_in(data_dir)]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise UnknownRun(
        f"there is no run {name} in {folder.parent}.",
        f"{hint}The newest runs there: {', '.join(known[:_SHOWN]) or 'none'}.",
    )


def newest_run(data_dir: Path, counts: Counts | None = None) -> Path:
    """The run begun last. Raises Failure where there is none."""
    if data_dir.exists() and not data_dir.is_dir():
        raise Failure(
            f"{data_dir} is a file, not a folder of data.", "Name the data folder: PROFIT_DATA_DIR=…, or data_dir."
        )
    runs = runs_in(data_dir, counts)
    if not runs:
        raise Failure(
            f"{data_dir} holds no run.",
            "Start one with `profit up` or `profit replay`; PROFIT_DATA_DIR names another data folder.",
        )
    return runs[0]


def archive_in(folder: Path) -> Path | None:
    """The archive in a run's folder, or the folder itself where it is an archive; None where there is none."""
    for place in (folder / ARCHIVE, folder):
        if place.is_dir() and any(entry.name.startswith("topic=") for entry in place.iterdir()):
            return place
    return None


def archive_of(path: Path, data_dir: Path) -> Path:
    """The archive that a person means by ``path``: an archive, the folder of a run, or the name of one. A folder that
    holds an archive goes before a run of that name.

    Raises Failure when there is none, also for a folder whose topics are all empty."""
    from connectors.archive.reader import ArchiveReader

    found = archive_in(path) if path.is_dir() else None
    if found is None and _NAME.fullmatch(str(path)):
        found = archive_in(data_dir / "runs" / path)
    if found is not None and ArchiveReader(found).topics():
        return found.resolve()
    what = "there is no topic in it" if path.is_dir() else "it is a file" if path.exists() else "it does not exist"
    raise Failure(
        f"{path} is no archive: {what}.",
        "Name the folder that holds topic=… folders (`profit import` makes one), or a run, which has one in `archive`.",
    )


def is_running(folder: Path) -> bool:
    """Whether a process is making the run at this moment: its supervisor, its replay, or in
    containers its audit flow holds the lock."""
    return is_locked(folder / LOCK)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The run in ``folder`` is made by this process alone. Raises Failure when another one makes it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = acquire(folder / LOCK)
    if lock is None:
        raise Failure(
            f"the run {folder.name} is being made by another process.",
            "Wait for it or end it, or choose another --run NAME.",
        )
    try:
        yield
    except KeyboardInterrupt as end:
        end.add_note(f"the same command with --run {folder.name} goes on where it stands")
        raise
    finally:
        os.close(lock)


@contextlib.contextmanager
def lived_in(folder: Path) -> Iterator[None]:
    """The run in ``folder`` goes on as long as this process does. Where a supervisor says so already, nothing is done;
    in containers there is none."""
    lock = acquire(folder / LOCK)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def is_unfinished_replay(folder: Path) -> bool:
    """Whether the run is a replay that has not come to its end: it goes on when its command is given again."""
    return (folder / PLAN).is_file() and not (folder / SUMMARY).is_file()


def damaged_plan(plan: Path) -> Failure:
    return Failure(f"{plan} does not say what was replayed: it is damaged.", "Replay again with another --run name.")
