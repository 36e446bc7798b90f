"""What the machine itself must offer: a configuration that holds, a place to write, room on it, a free port."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from api.doctor.finding import Diagnosis, failed, ok, warning
from connectors.listening import listen_for_page
from models.failures import Failure
from models.settings import Settings, examine
from models.strategies.instance import instances
from models.strategies.rehearsal import require_rehearsed

GIB: Final = 1024**3
MIB: Final = 1024**2
DISK_LEAST: Final = GIB  # less than this and a run would end within hours
DISK_ENOUGH: Final = 10 * GIB  # some days of two assets


def configuration(config: Path | None) -> tuple[Diagnosis, Settings]:
    """The configuration. Where some keys do not hold, those have their defaults: one mistake does not hide the next."""
    path = config or Path(os.environ.get("PROFIT_CONFIG") or "profit.toml")
    variables = sorted(name for name in os.environ if name.startswith("PROFIT_") and not name.startswith("PROFIT_TEST"))
    source = f"{path}" if path.is_file() else f"defaults (there is no {path})"
    if variables:
        source += f", and {', '.join(variables)}"
    settings, findings = examine(config)
    if not findings:
        return ok("configuration", f"valid: {source}"), settings
    cure = "Correct it. The checks below used what holds, and defaults for these keys."
    return failed("configuration", "\n".join(findings), cure), settings


def strategies(settings: Settings) -> Diagnosis:
    """Whether every strategy that is switched on keeps to what it declares, on its own examples."""
    chosen = instances(settings)
    try:
        require_rehearsed(chosen)
    except Failure as failure:
        return failed("strategies", failure.cause, failure.cure)
    return ok("strategies", ", ".join(f"{each.id} ({each.state})" for each in chosen) or "none is switched on")


def disk(settings: Settings, embedded: bool = False) -> list[Diagnosis]:
    """Whether the data folder can be written, and what is free there; ``embedded``: for the embedded broker too."""
    folder = settings.data_dir.absolute()
    present = next(each for each in (folder, *folder.parents) if each.exists())
    if not present.is_dir():
        cure = "Choose a folder: PROFIT_DATA_DIR=…, or data_dir in profit.toml."
        return [failed("data folder", f"{folder} cannot be used: {present} is a file", cure)]
    try:
        with tempfile.TemporaryFile(dir=present):
            pass
    except OSError as cause:
        cure = "Grant the right to write there, or choose another folder: PROFIT_DATA_DIR=…"
        return [failed("data folder", f"{folder} cannot be written: {cause.strerror}", cure)]
    free = shutil.disk_usage(present).free
    seen = f"{free / GIB:.1f} GiB free at {folder}"
    spool = settings.recorder.spool_mib * MIB
    cure = "Free some room, or choose another folder: PROFIT_DATA_DIR=…"
    if free < DISK_LEAST:
        return [failed("disk", seen, cure)]
    if free < spool + DISK_LEAST:
        return [warning("disk", f"{seen}; the spool alone may take {spool / GIB:.1f} GiB", cure)]
    budget = settings.broker.disk_budget_mib * MIB
    if embedded and free < budget + DISK_LEAST:
        seen += f"; the embedded broker may take {budget / GIB:.1f} GiB"
        return [warning("disk", seen, f"{cure} Or lower broker.disk_budget_mib.")]
    if free < DISK_ENOUGH:
        return [warning("disk", seen, cure)]
    return [ok("disk", seen)]


def port(settings: Settings) -> Diagnosis:
    """Whether the page can be served where it is to be."""
    where = f"{settings.api.host}:{settings.api.port}"
    if settings.api.port == 0:
        return ok("page", "a free port will be chosen")
    try:
        listen_for_page(settings.api.host, settings.api.port).close()
    except Failure as failure:
        return warning("page", failure.cause, f"Fine if a run of yours is up. Else: {failure.cure}")
    return ok("page", f"{where} is free")
