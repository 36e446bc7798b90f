"""The latest spot prices of all products, and the Spot events made of them."""

from __future__ import annotations

from collections import deque
from typing import Final

from flows.market_line.coinbase import Product
from flows.market_line.journal import Journal
from models.bounds import CheckBounds
from models.journal import Spot, Src
from models.reasons import Reason
from models.topics import FEED_COINBASE

MOST_PRODUCTS: Final = 64  # names that nobody asked for must not fill the memory


class Spots:
    """Spot prices by product. ``stale``: assets whose price is too old, until the next."""

    def __init__(self, journal: Journal, bounds: CheckBounds) -> None:
        self._journal = journal
        self._bounds = bounds
        self._lags: dict[str, deque[int]] = {}  # by asset
        self.products: dict[str, Product] = {}
        self.stale: set[str] = set()

    def product(self, name: str) -> Product:
        """A product's price, a new one when it was never heard of. Raises ValueError for one too many."""
        product = self.products.get(name)
        if product is None:
            if len(self.products) >= MOST_PRODUCTS:
                raise ValueError(f"{name[:40]!r} would be one product more than the {MOST_PRODUCTS} that are kept")
            product = self.products[name] = Product(name)
        return product

    def tell(
        self, src: Src, name: str, x: int, is_priced: bool, trades: list[tuple[int, int]], checks: tuple[str, ...]
    ) -> None:
        """The product's Spot event after a frame of exchange time ``x`` (Unix ns). ``is_priced``: the frame had a price
        of it, not only ``trades``."""
        journal = self._journal
        t = journal.t
        product = self.product(name)
        if is_priced:
            product.frozen = False
        lags = self._lags.get(product.asset)
        if lags is None:
            lags = self._lags[product.asset] = journal.health.lags(FEED_COINBASE, product.asset)
        lags.append(t - x)
        price, bids, asks, ok, found = product.judge(self._bounds, t, x)
        if found:
            journal.find_all(product.news(found), FEED_COINBASE, name)
        product.doubtful = not ok
        if ok and is_priced:
            product.prices += 1
            product.latest = t
            self.stale.discard(product.asset)
        event = Spot(
            journal.next(), t, src, product.asset, (*checks, *found), name, price, bids, asks, x, ok, tuple(trades)
        )
        journal.emit(event, FEED_COINBASE)

    def invalidate(self, src: Src, reason: Reason, conn: str | None) -> bool:
        """The prices of the connection (None: any) are unknown until its next snapshot. Whether anything was known."""
        known = False
        for name, product in self.products.items():
            if not product.invalid and (conn is None or product.conn == conn):
                product.invalidate(reason)
                known = True
                self._tell_nothing(src, name, product, reason)
        return known

    def freeze(self, src: Src, conn: str, asset: str) -> None:
        """No price of the connection's products (or of ``asset`` alone) is believed until its next one."""
        counted = False
        for name, product in self.products.items():
            if product.conn != conn or product.invalid or product.frozen or asset not in ("", product.asset):
                continue
            product.frozen = True
            if not counted:
                self._journal.find(FEED_COINBASE, name if asset else conn, Reason.FROZEN_FEED)
                counted = True
            self._tell_nothing(src, name, product, Reason.FROZEN_FEED)

    def _tell_nothing(self, src: Src, name: str, product: Product, reason: Reason) -> None:
        journal = self._journal
        event = Spot(journal.next(), journal.t, src, product.asset, (reason,), name, 0, (), (), 0, False)
        journal.emit(event, FEED_COINBASE)
