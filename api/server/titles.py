"""What a market is called by people: ``BTC 15m, ends 22:15 UTC``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from models.timestamps import SECOND

_KEY: Final = re.compile(r"([a-z0-9]+)-updown-(\d{1,3})([mh])-(\d{9,11})")
_UNITS: Final = {"m": 60, "h": 3_600}


class MarketTimes(NamedTuple):
    """What a market is about. Times are Unix ns."""

    asset: str
    horizon: str
    start: int
    end: int


def window_of(key: str) -> MarketTimes | None:
    """The window that a market's key names; None for a key of another form."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    asset, count, unit, start = match.groups()
    began = int(start) * SECOND
    return MarketTimes(asset.upper(), f"{count}{unit}", began, began + int(count) * _UNITS[unit] * SECOND)


def title_of(key: str, window: MarketTimes | None = None) -> str:
    """The market in words; its key where nothing is known of it.

    ``window``: as the journal has it; else what the key itself says."""
    known = window or window_of(key)
    if known is None:
        return key
    end = datetime.fromtimestamp(known.end // SECOND, UTC)
    return f"{known.asset} {known.horizon}, ends {end:%H:%M} UTC"
