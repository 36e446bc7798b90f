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
    r"([a-z]+)-(\d{1,2})-(?:(\d{4})-)?(\d{1,2})(am|pm)-et(?:-([1-9]\d{8,9}))?$",
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
_FIRST, _LAST = 946_684_800, 7_289_654_400  # Unix seconds of the years 2000 to 2200

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


def window_of(slug: str, year: int | None = None, near_ns: int | None = None) -> Window | None:
    """The window a slug names, or None for a slug of another family.

    ``near_ns``: a moment of the window, as its start or a row's own time (Unix ns). It decides where the slug leaves
    more than one hour: an hourly slug without a year, also across New Year, and the hour that the end of daylight
    saving repeats. The hour that holds the moment is meant, else the nearest. Without it ``year`` is the year of an
    hourly slug that has none, and of a repeated hour the first is meant.

    >>> window_of("btc-updown-5m-1795000200").end_ns
    1795000500000000000
    >>> at = parse_iso("2026-01-01T04:30:00Z")
    >>> window_of("bitcoin-up-or-down-december-31-11pm-et", near_ns=at).start_ns == parse_iso("2026-01-01T04:00:00Z")
    True
    """
    rolling = _ROLLING.match(slug)
    if rolling:
        asset, horizon, start = rolling.groups()
        start_ns = int(start) * SECOND
        return Window(asset.upper(), horizon, start_ns, start_ns + _LENGTH[horizon] * SECOND)
    hourly = _HOURLY.match(slug)
    if hourly is None:
        return None
    name, month, day, slug_year, hour, half, second = hourly.groups()
    if month not in _MONTHS or not 1 <= int(hour) <= 12:
        return None
    hour_of_day = int(hour) % 12 + (12 if half == "pm" else 0)
    starts = [
        start
        for which in _years(slug_year, year, near_ns)
        for start in _starts(which, _MONTHS.index(month) + 1, int(day), hour_of_day)
    ]
    if second:  # the key of the second of two hours
        starts = [start for start in starts if start == int(second) * SECOND]
    if not starts:
        return None
    length = _LENGTH["1h"] * SECOND
    start_ns = starts[0]
    if near_ns is not None:
        start_ns = min(starts, key=lambda start: (not start <= near_ns < start + length, abs(start - near_ns)))
    return Window(_NAMES[name], "1h", start_ns, start_ns + length)


def market_key(slug: str, start_ns: int) -> str:
    """The name by which a market is known here: its slug, and of the second of two hours that share one, with the Unix
    second of its start. ``start_ns``: of its window (Unix ns). ``window_of`` reads both.

    >>> market_key("bitcoin-up-or-down-november-1-2026-1am-et", parse_iso("2026-11-01T05:00:00Z"))
    'bitcoin-up-or-down-november-1-2026-1am-et'
    >>> market_key("bitcoin-up-or-down-november-1-2026-1am-et", parse_iso("2026-11-01T06:00:00Z"))
    'bitcoin-up-or-down-november-1-2026-1am-et-1793512800'
    """
    hourly = _HOURLY.match(slug)
    if hourly is None or hourly[7] or hourly[2] not in _MONTHS or not 1 <= int(hourly[5]) <= 12:
        return slug
    hour = int(hourly[5]) % 12 + (12 if hourly[6] == "pm" else 0)
    month, day = _MONTHS.index(hourly[2]) + 1, int(hourly[3])
    twice = any(start_ns in _starts(year, month, day, hour)[1:] for year in _years(hourly[4], None, start_ns))
    return f"{slug}-{start_ns // SECOND}" if twice else slug


def _years(of_slug: str | None, given: int | None, near_ns: int | None) -> tuple[int, ...]:
    """The years an hourly slug may speak of."""
    if of_slug:
        return (int(of_slug),)
    if near_ns is not None:
        second = near_ns // SECOND
        if not _FIRST <= second <= _LAST:
            return ()
        around = datetime.fromtimestamp(second, UTC).year
        return (around - 1, around, around + 1)
    return () if given is None else (given,)


def _starts(year: int, month: int, day: int, hour: int) -> list[int]:
    """When that hour begins in New York, Unix ns: twice on the day on which the clocks go back."""
    if not 2000 <= year <= 2200:
        return []
    try:
        times = [datetime(year, month, day, hour, tzinfo=_NEW_YORK, fold=fold) for fold in (0, 1)]
    except ValueError:
        return []
    first, second = (int(time.astimezone(UTC).timestamp()) * SECOND for time in times)
    return [first, second] if second > first else [first]


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
