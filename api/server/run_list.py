"""The runs on disk."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from api.run_table import Kind, RunRow, kind_of, run_row, started_at
from api.runs import DESCRIPTION, PLAN, SUMMARY, is_running, runs_in
from api.server import audit
from api.server.views.evidence import RunSummaryView

_MOST: Final = 50
_WORDS: Final[dict[Kind, str]] = {"live": "live", "sim": "simulated", "recorded": "recorded", "replay": "replay"}
_MONEY: Final = (
    "SELECT (SELECT arg_max(equity_usd, utc) FROM v_equity), (SELECT arg_max(realised_usd, utc) FROM v_equity), "
    "(SELECT count(*) FROM fills)"
)

#: A run is looked at anew when one of these changed.
_MARKS: Final = (DESCRIPTION, PLAN, SUMMARY, audit.DATABASE, ".")


class EndedRuns:
    """``row``: what ``profit runs`` says of a run, read once while nothing changes there."""

    def __init__(self) -> None:
        self._rows: dict[Path, tuple[tuple[int, ...], RunRow]] = {}

    def row(self, folder: Path) -> RunRow | None:
        """None while the run is running. Reads files: not for the event loop."""
        if is_running(folder):
            self._rows.pop(folder, None)
            return None
        mark = marks(folder)
        known = self._rows.get(folder)
        if known is None or known[0] != mark:
            known = self._rows[folder] = (mark, run_row(folder))
        return known[1]


class RunList:
    """``read``: every run of the data folder, the newest first. Its state goes by the rule of ``profit runs``."""

    def __init__(self, rows: EndedRuns) -> None:
        self._rows = rows
        self._ended: dict[Path, tuple[RunRow, RunSummaryView]] = {}

    def read(self, data_dir: Path, current: Path) -> list[RunSummaryView]:
        """Reads files: not for the event loop."""
        if not data_dir.is_dir():
            return []
        folders = list(runs_in(data_dir))[:_MOST]
        self._ended = {folder: known for folder, known in self._ended.items() if folder in folders}
        found = []
        for folder in folders:
            here = folder.resolve() == current.resolve()
            found.append(self._one(folder).model_copy(update={"current": here}))
        return found

    def _one(self, folder: Path) -> RunSummaryView:
        row = self._rows.row(folder)
        if row is None:
            self._ended.pop(folder, None)
            return _summary(folder, None)
        known = self._ended.get(folder)
        if known is None or known[0] is not row:
            known = self._ended[folder] = (row, _summary(folder, row))
        return known[1]


def marks(folder: Path) -> tuple[int, ...]:
    """Changes when the run in ``folder`` goes on, or ends."""
    found = []
    for name in _MARKS:
        with contextlib.suppress(OSError):
            found.append((folder / name).stat().st_mtime_ns)
    return tuple(found)


def _summary(folder: Path, ended: RunRow | None) -> RunSummaryView:
    equity = realised = fills = None
    with contextlib.suppress(audit.NoAudit):
        if (folder / audit.DATABASE).is_file():
            equity, realised, fills = audit.ask(folder, _MONEY)[0]
    files = 0
    with contextlib.suppress(OSError):
        files = sum(1 for _ in (folder / "archive").rglob("*.parquet"))
    kind = kind_of(folder) if ended is None else ended.kind
    source = "" if ended is None or not ended.source else f" of {ended.source}"
    return RunSummaryView(
        name=folder.name,
        kind=kind,
        feeds=f"{_WORDS[kind]}{source}",
        started=started_at(folder),
        state="running" if ended is None else ended.state,
        why="" if ended is None else ended.why,
        current=False,
        files=files,
        equity_usd=equity,
        realised_usd=realised if ended is None or ended.state == "damaged" else round(ended.net, 6),
        fills=fills,
        open_with=f"profit serve {folder.name}",
    )
