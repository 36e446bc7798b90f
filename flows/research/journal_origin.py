"""What a kept journal was made of: content of the feeds, settings of the market line, and the code that made it.

It stands beside the journal with the hash of the journal itself: one that was made of something else, was not completed
or is damaged is told from a good one before it is read.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from connectors.archive.fingerprint import fingerprint
from flows.sources import hash_of_sources
from models.settings import Checks, Settings
from models.topics import FEEDS, INPUTS, JOURNAL

FILE: Final = "made_of.json"
#: Sources that take part in making a journal. Strategies do not: who edits one keeps the journal.
_SOURCES: Final = ("connectors/**/*.py", "flows/*.py", "flows/market_line/**/*.py", "models/**/*.py")
_NO_PART: Final = "models/strategies/"


class Origin(msgspec.Struct, frozen=True):
    """``feeds``: fingerprint of the feed and input topics; ``checks``, ``portfolio`` and ``telemetry_ns``: the market
    line's settings; ``code``: SHA-256 over the sources."""

    feeds: str
    checks: Checks
    portfolio: str
    telemetry_ns: int
    code: str


class _Stamp(msgspec.Struct, frozen=True):
    origin: str
    journal: str


def origin_of(archive: Path, settings: Settings) -> Origin:
    """What a journal of ``archive`` under ``settings`` is made of now. All files of the feeds are read."""
    return Origin(
        feeds=fingerprint(archive, (*FEEDS, *INPUTS)),
        checks=settings.checks,
        portfolio=settings.portfolio_name,
        telemetry_ns=settings.replayed().telemetry.interval,
        code=hash_of_sources(*_SOURCES, without=_NO_PART),
    )


def stamp(journal: Path, origin: Origin) -> None:
    """State beside a journal that was completed what it was made of."""
    made = _Stamp(_hash(origin), fingerprint(journal, [JOURNAL]))
    (journal / FILE).write_bytes(msgspec.json.encode(made))


def is_of(journal: Path, origin: Origin) -> bool:
    """Whether the journal in the folder is whole, as it was made, and made of ``origin``."""
    try:
        made = msgspec.json.decode((journal / FILE).read_bytes(), type=_Stamp)
        return made.origin == _hash(origin) and made.journal == fingerprint(journal, [JOURNAL])
    except (OSError, msgspec.MsgspecError):
        return False


def _hash(origin: Origin) -> str:
    stated = (origin.feeds, origin.checks.model_dump(mode="json"), origin.portfolio, origin.telemetry_ns, origin.code)
    return hashlib.sha256(msgspec.json.encode(stated, order="deterministic")).hexdigest()
