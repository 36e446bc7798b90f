"""Every run of a data folder in a line: when, of what, how long, what it came to, and whether it is whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from api.runs import ARCHIVE, PLAN, SUMMARY, first_begun, is_running, is_unfinished_replay, runs_in
from connectors.archive.layout import ArchiveError
from connectors.archive.reader import ArchiveReader
from connectors.failures import explained
from flows.replay.shortfalls import shortfalls
from models.contracts import Posting
from models.failures import Failure
from models.money import DOLLAR
from models.timestamps import SECOND
from models.topics import FEEDS, JOURNAL, LEDGER

Kind = Literal["live", "sim", "recorded", "replay"]
State = Literal["running", "finished", "unfinished", "damaged"]


class RunRow(msgspec.Struct, frozen=True):
    """``started``: ISO 8601, UTC; of one that was gone on with, its first beginning. ``kind``: live feeds, the
    simulated exchange, a recording played into a run, or a replay; ``source``: what was played or replayed.
    ``seconds``: event time that its journal spans. ``events``: of the journal that it made or read. ``net``: dollars
    realised less all fees. ``why``: what is wrong where it is unfinished or damaged."""

    name: str
    started: str
    kind: Kind
    source: str
    seconds: float
    events: int
    net: float
    state: State
    why: str = ""


def run_rows(data_dir: Path, most: int) -> list[RunRow]:
    """The newest ``most`` runs, the newest first."""
    return [run_row(folder) for folder in list(runs_in(data_dir))[:most]]


def kind_of(folder: Path) -> Kind:
    """Of what feeds the run is."""
    return _kind(folder, _said(folder)[0])


def _kind(folder: Path, about: dict[str, Any]) -> Kind:
    feeds = str(about.get("feeds", ""))
    if feeds == "live":
        return "live"
    if feeds == "sim":
        return "sim"
    return "replay" if (folder / PLAN).is_file() else "recorded"


def run_row(folder: Path) -> RunRow:
    """The run in ``folder``. Reads its ledger and the end of its archive: from milliseconds to a second."""
    about, plan, wrong = _said(folder)
    kind = _kind(folder, about)
    sources: dict[str, Any] = {"replay": plan.get("archive", ""), "recorded": about.get("feeds", "")}
    source = str(sources.get(kind, ""))
    seconds, events, net = 0.0, 0, 0.0
    lacking: list[str] = []
    try:
        seconds, events = _span(folder, plan)
        net = _net(folder / ARCHIVE)
        if kind != "replay":
            lacking = shortfalls(folder / ARCHIVE)
    except (ArchiveError, OSError, msgspec.MsgspecError, ValueError, AssertionError) as cause:
        wrong = wrong or _sentence(cause)
    except BaseException as cause:  # a panic of the Parquet reader is no Exception
        found = explained(cause)
        if found is None:
            raise
        wrong = wrong or found.cause
    state: State = "finished"
    if is_running(folder):
        state, wrong, lacking = "running", "", []
    elif wrong:
        state = "damaged"
    elif is_unfinished_replay(folder):
        state, wrong = "unfinished", "the replay was ended before its end: its command goes on with it"
    elif lacking:
        state, wrong = "unfinished", lacking[0]
    return RunRow(folder.name, started_at(folder), kind, source, seconds, events, net, state, wrong)


def _said(folder: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What ``run.json`` and the plan say, and what is wrong with one of them."""
    found: list[dict[str, Any]] = []
    wrong = ""
    for name in ("run.json", PLAN, SUMMARY):
        said: dict[str, Any] = {}
        path = folder / name
        if path.is_file():
            try:
                said = dict(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                wrong = f"{name} cannot be read"
        found.append(said)
    return found[0], found[1], wrong


def started_at(folder: Path) -> str:
    """When the run in ``folder`` first began, ISO 8601, UTC."""
    begun = first_begun(folder)
    if begun is None:
        place = folder / ARCHIVE if (folder / ARCHIVE).is_dir() else folder
        begun = datetime.fromtimestamp(place.stat().st_mtime, UTC)
    return begun.isoformat(timespec="seconds")


def _span(folder: Path, plan: dict[str, Any]) -> tuple[float, int]:
    """Seconds and events of the journal that the run made or read; of the feeds where there is none."""
    reader = ArchiveReader(folder / ARCHIVE)
    if JOURNAL not in reader.topics() and plan.get("start") == "journal":
        reader = ArchiveReader(Path(str(plan["archive"])))
    topics = set(reader.topics())
    spans = [reader.contents(topic) for topic in ([JOURNAL] if JOURNAL in topics else FEEDS) if topic in topics]
    spans = [each for each in spans if each.records]
    if not spans:
        return 0.0, 0
    first, last = min(each.first_ns for each in spans), max(each.last_ns for each in spans)
    events = 0
    for each in spans:
        events += each.records
    return (last - first) / SECOND, events


def _net(archive: Path) -> float:
    reader = ArchiveReader(archive)
    net = 0
    if LEDGER in reader.topics():
        for record in reader.read(LEDGER):
            posting = Posting.read(record.value)
            if posting.account.startswith(("pnl:", "fees:")):
                net -= posting.amount
    return net / DOLLAR


def _sentence(cause: BaseException) -> str:
    said = cause.cause if isinstance(cause, Failure) else f"{type(cause).__name__}: {cause}"
    return " ".join(said.split())[:300]
