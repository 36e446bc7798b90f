"""The runs on disk."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Final

from api.run_table import started_at
from api.runs import SUMMARY, is_running, is_unfinished_replay, runs_in
from api.server import audit, views

_MOST: Final = 50


def runs_of(data_dir: Path, current: Path) -> list[views.RunSummaryView]:
    """The newest first. Reads files: not for the event loop."""
    if not data_dir.is_dir():
        return []
    return [_summary(folder, current) for folder in list(runs_in(data_dir))[:_MOST]]


def _summary(folder: Path, current: Path) -> views.RunSummaryView:
    about: dict[str, Any] = {}
    for name in ("run.json", SUMMARY):
        with contextlib.suppress(OSError, ValueError):
            about = {**json.loads((folder / name).read_text(encoding="utf-8")), **about}
    equity = realised = None
    fills = None
    running = is_running(folder)
    with contextlib.suppress(audit.NoAudit):
        if (folder / audit.DATABASE).is_file():
            rows = audit.ask(
                folder,
                "SELECT (SELECT arg_max(equity_usd, utc) FROM v_equity), "
                "(SELECT arg_max(realised_usd, utc) FROM v_equity), (SELECT count(*) FROM fills)",
            )
            equity, realised, fills = rows[0]
    files = 0
    with contextlib.suppress(OSError):
        files = sum(1 for _ in (folder / "archive").rglob("*.parquet"))
    return views.RunSummaryView(
        name=folder.name,
        feeds=str(about.get("feeds", about.get("source", "a recording"))),
        started=started_at(folder),
        state="running" if running else "unfinished" if is_unfinished_replay(folder) else "finished",
        current=folder.resolve() == current.resolve(),
        files=files,
        equity_usd=equity,
        realised_usd=realised,
        fills=fills,
        open_with=f"profit serve {folder.name}",
    )
