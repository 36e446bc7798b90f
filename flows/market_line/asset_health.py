"""What the books and spot prices say of their assets' health, once a tick."""

from __future__ import annotations

from collections.abc import Container

from connectors.polymarket.definitions import MarketDefinition
from connectors.polymarket.token import Token
from flows.market_line.coinbase import Product
from flows.market_line.feed_health import FeedHealth
from flows.market_line.health import HealthSignal
from models.reasons import BLOCKING, Reason
from models.topics import FEED_COINBASE, FEED_POLYMARKET

_STANDING = frozenset({Reason.FROZEN_BOOK, Reason.FROZEN_FEED})  # it is there, and not believed to be of now


class _Tally:
    """What one asset's books come to."""

    __slots__ = ("closed", "fault", "silent", "sound", "total")

    def __init__(self) -> None:
        self.total = self.closed = 0
        self.sound = False
        self.silent = self.fault = ""


class AssetHealth:
    """Signals for ``FEED.ASSET``, and for the feeds when something sound came. Times are Unix ns."""

    def __init__(self) -> None:
        self._changes: dict[str, int] = {}
        self._prices: dict[str, int] = {}

    def tick(
        self,
        health: FeedHealth,
        tokens: dict[str, Token],
        markets: dict[str, tuple[MarketDefinition, str]],
        products: dict[str, Product],
        stale: Container[str],
        t: int,
    ) -> None:
        """``stale``: tokens and assets whose book or spot price is stale at ``t``."""
        self._books(health, tokens, markets, stale, t)
        self._spots(health, products, stale, t)

    def forget(self, token: str) -> None:
        self._changes.pop(token, None)

    def _books(
        self,
        health: FeedHealth,
        tokens: dict[str, Token],
        markets: dict[str, tuple[MarketDefinition, str]],
        stale: Container[str],
        t: int,
    ) -> None:
        tallies: dict[str, _Tally] = {}
        known = self._changes
        for name, token in tokens.items():
            listed = markets.get(name)
            if listed is None:
                continue
            market = listed[0].market
            if t > market.end:
                continue
            tally = tallies.get(market.asset)
            if tally is None:
                tally = tallies[market.asset] = _Tally()
            tally.total += 1
            changed = token.changes != known.get(name, 0)
            if changed:
                known[name] = token.changes
            if token.invalid == Reason.DISCONNECTED:
                tally.closed += 1
            elif token.invalid in _STANDING:
                tally.silent = token.invalid
            elif name in stale:
                tally.silent = tally.silent or Reason.STALE_BOOK
            elif token.view.ok:
                tally.sound = tally.sound or changed
            elif token.invalid != Reason.NO_SNAPSHOT and market.start <= t:
                tally.fault = next((reason for reason in token.view.checks if reason in BLOCKING), token.invalid)
        for asset, tally in tallies.items():
            name = f"{FEED_POLYMARKET}.{asset}"
            if tally.closed == tally.total:
                health.signal(name, HealthSignal.CLOSED, t, Reason.DISCONNECTED)
            elif tally.silent:
                health.signal(name, HealthSignal.SILENT, t, tally.silent)
            else:
                if tally.sound:
                    health.signal(name, HealthSignal.SOUND, t)
                if tally.fault:
                    health.signal(name, HealthSignal.FAULT, t, tally.fault)
        if any(tally.sound for tally in tallies.values()):
            health.signal(FEED_POLYMARKET, HealthSignal.SOUND, t)

    def _spots(self, health: FeedHealth, products: dict[str, Product], stale: Container[str], t: int) -> None:
        sound = False
        for product in products.values():
            name = f"{FEED_COINBASE}.{product.asset}"
            new = product.prices != self._prices.get(product.product, 0)
            self._prices[product.product] = product.prices
            if product.invalid == Reason.DISCONNECTED:
                health.signal(name, HealthSignal.CLOSED, t, Reason.DISCONNECTED)
            elif product.frozen:
                health.signal(name, HealthSignal.SILENT, t, Reason.FROZEN_FEED)
            elif product.asset in stale:
                health.signal(name, HealthSignal.SILENT, t, Reason.STALE_SPOT)
            elif product.invalid and product.invalid != Reason.NO_SNAPSHOT:
                health.signal(name, HealthSignal.FAULT, t, product.invalid)
            elif new:
                health.signal(name, HealthSignal.SOUND, t)
                sound = True
        if sound:
            health.signal(FEED_COINBASE, HealthSignal.SOUND, t)
