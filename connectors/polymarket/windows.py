"""The rolling up/down windows: which ones exist around a moment, and the slugs Polymarket gives them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from models.settlement import market_key

SECONDS: Final = {"5m": 300, "15m": 900, "1h": 3600}
NAMES: Final = {
    "BTC": "bitcoin",
    "ETH": "ethereum",
    "SOL": "solana",
    "XRP": "xrp",
    "DOGE": "dogecoin",
    "BNB": "bnb",
    "HYPE": "hyperliquid",
    "ZEC": "zcash",
}
NEW_YORK: Final = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class MarketWindow:
    """One market's window. ``start`` and ``end`` are Unix seconds."""

    asset: str
    horizon: str
    start: int
    end: int
    slug: str

    @property
    def key(self) -> str:
        """Its name of its own, also in the hour that daylight saving repeats."""
        return market_key(self.slug, self.start * 1_000_000_000)


def slug(asset: str, horizon: str, start: int) -> str:
    """The market's slug. Hourly ones speak of New York time, in words; in the hour that daylight saving repeats, two
    windows share one slug."""
    if horizon != "1h":
        return f"{asset.lower()}-updown-{horizon}-{start}"
    local = datetime.fromtimestamp(start, UTC).astimezone(NEW_YORK)
    hour = local.hour % 12 or 12
    half = "am" if local.hour < 12 else "pm"
    month = local.strftime("%B").lower()
    return f"{NAMES[asset]}-up-or-down-{month}-{local.day}-{local.year}-{hour}{half}-et"


def window(asset: str, horizon: str, start: int) -> MarketWindow:
    return MarketWindow(asset, horizon, start, start + SECONDS[horizon], slug(asset, horizon, start))


def around(asset: str, horizon: str, now_s: float, following: int = 1) -> list[MarketWindow]:
    """The window that is open at ``now_s`` and the ``following`` ones."""
    length = SECONDS[horizon]
    first = int(now_s) // length * length
    return [window(asset, horizon, first + index * length) for index in range(following + 1)]
