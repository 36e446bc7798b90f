"""The two lines over an imported archive, without an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connectors.archive.reader import ArchiveReader
from connectors.ordering import merge_all
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.journal import decode_event
from models.message import Lost, Message, Stored
from models.settings import Checks
from models.topics import DEAD_LETTER, FEEDS, JOURNAL


def in_order(archive: Path) -> list[Stored | Lost]:
    """The archive's records as a replay takes them."""
    return list(merge_all([record for topic in FEEDS for record in ArchiveReader(archive).read(topic)]))


def _made(archive: Path, topic: str) -> list[Message]:
    line = MarketLine(bounds_of(Checks()), "main")
    out = [made for record in in_order(archive) for made in line.advance(record)]
    return [made for made in out if isinstance(made, Message) and made.topic == topic]


def journal(archive: Path) -> list[Any]:
    """The journal's events."""
    return [decode_event(message.value) for message in _made(archive, JOURNAL)]


def letters(archive: Path) -> list[bytes]:
    """The dead letters."""
    return [message.value for message in _made(archive, DEAD_LETTER)]
