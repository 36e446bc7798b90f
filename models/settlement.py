"""Settlement rules of up/down markets, versioned by date.

Sources: Polymarket's changelog and market descriptions. Chainlink spot until 2026-08-06; from 2026-08-07 a Chainlink
TWAP of 30 s for 5-minute and 60 s for longer windows; from 2026-08-14 60 s for all. Hourly markets settle on Binance's
one-hour candle (close >= open). A tie is Up. A market's own configuration, where Gamma states it, goes before the date.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from models.timestamps import SECOND, parse_iso

TWAP_30: Final = parse_iso("2026-08-07T00:00:00Z")
TWAP_60: Final = parse_iso("2026-08-14T00:00:00Z")

_ROLLING = re.compile(r"^([a-z]+)-updown-(5m|15m|4h)-([1-9]\d{8,9})$", re.ASCII)
_HOURLY = re.compile(
    r"^(bitcoin|ethereum|solana|xrp|dogecoin|bnb|hyperliquid|zcash)-up-or-down-"
    r"([a-z]+)-(\d{1,2})-(?:(\d{4})-)?(\d{1,2})(am|pm)-et$",
    re.ASCII,
)
_NAMES = {
    "bitcoin": "BTC",
    "ethereum": "ETH",
    "solana": "SOL",
    "xrp": "XRP",
    "dogecoin": "DOGE",
    "bnb": "BNB",
    "hyperliquid": "HYPE",
    "zcash": "ZEC",
}
_MONTHS = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)
_LENGTH = {"5m": 300, "15m": 900, "4h": 14_400, "1h": 3_600}
_NEW_YORK = ZoneInfo("America/New_York")

Horizon = Literal["5m", "15m", "1h", "4h"]


class Rule(msgspec.Struct, frozen=True, gc=False):
    """How a market's strike and end value come about. ``lookback_s`` is 0 unless ``kind`` is ``twap``."""

    kind: Literal["spot", "twap", "candle"]
    lookback_s: int

    @property
    def name(self) -> str:
        return f"{self.kind}{self.lookback_s}" if self.kind == "twap" else self.kind


class Window(msgspec.Struct, frozen=True, gc=False):
    """What a slug says: asset, horizon, and the window's start and end in Unix nanoseconds."""

    asset: str
    horizon: str
    start_ns: int
    end_ns: int


def window_of(slug: str, year: int | None = None) -> Window | None:
    """The window a slug names, or None for a slug of another family. ``year`` for hourly slugs without one."""
    rolling = _ROLLING.match(slug)
    if rolling:
        asset, horizon, start = rolling.groups()
        start_ns = int(start) * SECOND
        return Window(asset.upper(), horizon, start_ns, start_ns + _LENGTH[horizon] * SECOND)
    hourly = _HOURLY.match(slug)
    if hourly is None:
        return None
    name, month, day, slug_year, hour, half = hourly.groups()
    which = int(slug_year) if slug_year else year
    if which is None or month not in _MONTHS:
        return None
    if not (1 <= int(hour) <= 12 and 2000 <= which <= 2200):
        return None
    hour_of_day = int(hour) % 12 + (12 if half == "pm" else 0)
    try:
        start_time = datetime(which, _MONTHS.index(month) + 1, int(day), hour_of_day, tzinfo=_NEW_YORK)
    except ValueError:
        return None
    start_ns = int(start_time.astimezone(UTC).timestamp()) * SECOND
    return Window(_NAMES[name], "1h", start_ns, start_ns + _LENGTH["1h"] * SECOND)


def rule_for(horizon: str, start_ns: int, lookback_s: int | None = None) -> Rule | None:
    """The rule of a market of this horizon whose window starts at ``start_ns``; None where none is known.

    ``lookback_s``: the market's own statement (0 = no TWAP), which goes before the date."""
    if horizon == "1h":
        return Rule("candle", 0)
    if horizon not in _LENGTH:
        return None
    if lookback_s is not None:
        return Rule("twap", lookback_s) if lookback_s > 0 else Rule("spot", 0)
    if start_ns >= TWAP_60:
        return Rule("twap", 60)
    if start_ns >= TWAP_30:
        return Rule("twap", 30 if horizon == "5m" else 60)
    return Rule("spot", 0)
