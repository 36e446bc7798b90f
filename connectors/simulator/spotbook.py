"""One simulated Coinbase product: a level2 book around the latent price, its trades and its ticker. Pure and seeded."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from random import Random
from typing import Final, Literal

from connectors.simulator.emission import Emission
from connectors.simulator.latent import LatentPrice
from connectors.simulator.times import go_time, micro_time

DECIMALS: Final = {"BTC": 2, "ETH": 2, "SOL": 2, "XRP": 4, "DOGE": 5, "BNB": 2, "HYPE": 3, "ZEC": 2}
LEAST: Final = 150  # levels a side
MOST: Final = 400
GAP: Final = 2e-6  # typical relative distance of neighbouring levels
SPREAD: Final = 1e-6  # typical relative spread
TRADES: Final = 0.15  # trades a level2 update
BATCH_NS: Final = 250_000_000
PAST_TRADES: Final = 20


class SpotBook:
    """Prices are whole units of the product's last decimal, sizes of 1e-8."""

    def __init__(
        self, seed: str, asset: str, latent: LatentPrice, updates_per_s: float, step_s: float, ticker_s: int = 1
    ) -> None:
        self.rng = Random(f"{seed}/spot/{asset}")
        self.product = f"{asset}-USD"
        self._latent = latent
        self._places = DECIMALS[asset]
        self._unit = 10.0**-self._places
        self._per_step = updates_per_s * step_s
        self._ticker_ns = ticker_s * 1_000_000_000
        self._owed = 0.0
        self._notional = 20_000.0  # dollars a level, median
        self._bids: list[int] = []  # ascending: the best is last
        self._asks: list[int] = []  # descending: the best is last
        self._sizes: dict[tuple[bool, int], int] = {}
        self._trade_id = 700_000_000
        self._batch: list[str] = []
        self._batch_due = 0
        self.past: deque[str] = deque(maxlen=PAST_TRADES)
        self._last_trade = 0
        self._volume = 0.0
        self._follow()

    # -- the book -----------------------------------------------------------------------------------------------------

    def _follow(self) -> list[tuple[bool, int, int]]:
        """Bring the book around the latent price; returns (is bid, price, new size)."""
        rng, unit = self.rng, self._unit
        price = self._latent.price
        half = price * SPREAD * (0.5 + rng.random()) / 2
        bid = math.floor((price - half) / unit)
        ask = max(math.ceil((price + half) / unit), bid + 1)
        changes: list[tuple[bool, int, int]] = []
        bids, asks = self._bids, self._asks
        while bids and bids[-1] > bid:
            changes.append(self._drop(True, bids.pop()))
        while asks and asks[-1] < ask:
            changes.append(self._drop(False, asks.pop()))
        if not bids or bids[-1] != bid:
            bids.append(bid)
            changes.append(self._put(True, bid))
        if not asks or asks[-1] != ask:
            asks.append(ask)
            changes.append(self._put(False, ask))
        for is_bid, side, sign in ((True, bids, -1), (False, asks, 1)):
            far = side[0]
            fresh: list[int] = []
            while len(side) + len(fresh) < LEAST:
                far += sign * max(1, round(rng.expovariate(1.0) * price * GAP / unit))
                if far <= 0:
                    break
                fresh.append(far)
                changes.append(self._put(is_bid, far))
            if fresh:
                side[:0] = reversed(fresh)
            if len(side) > MOST:
                for gone in side[: len(side) - MOST]:
                    changes.append(self._drop(is_bid, gone))
                del side[: len(side) - MOST]
        return changes

    def _put(self, is_bid: bool, price: int) -> tuple[bool, int, int]:
        shares = self._notional * self.rng.lognormvariate(0.0, 1.0) / (price * self._unit)
        size = self._sizes[is_bid, price] = max(1, round(shares * 1e8))
        return is_bid, price, size

    def _drop(self, is_bid: bool, price: int) -> tuple[bool, int, int]:
        self._sizes.pop((is_bid, price), None)
        return is_bid, price, 0

    def _resize(self) -> tuple[bool, int, int]:
        """One level near the top gets another size; now and then a level is born between its neighbours."""
        rng = self.rng
        is_bid = rng.random() < 0.5
        side = self._bids if is_bid else self._asks
        depth = min(int(rng.expovariate(0.1)) + 1, len(side))
        price = side[-depth]
        if depth > 1 and rng.random() < 0.3:
            between = (price + side[-depth + 1]) // 2
            if between not in (price, side[-depth + 1]):
                ordered = bisect_left(side, between) if is_bid else len(side) - depth + 1
                side.insert(ordered, between)
                price = between
        return self._put(is_bid, price)

    @property
    def best(self) -> tuple[int, int]:
        return self._bids[-1], self._asks[-1]

    # -- frames -------------------------------------------------------------------------------------------------------

    def step(self, t_ns: int) -> list[Emission]:
        """The step that ends at ``t_ns``: level2 updates, trades, and each so many seconds ticker."""
        out: list[Emission] = []
        rng = self.rng
        self._owed += self._per_step
        count = int(self._owed)
        self._owed -= count
        for index in range(count):
            changes = self._follow() if index == 0 else []
            if not changes:
                changes = [self._resize()]
            at = t_ns + index * 7_919
            if rng.random() < TRADES:
                changes.append(self._trade(at))
            out.append(self._level2("update", changes, at))
        if self._batch and t_ns >= self._batch_due:
            events = f'[{{"type":"update","trades":[{",".join(reversed(self._batch))}]}}]'
            self._batch.clear()
            out.append(Emission(t_ns, "coinbase", "market_trades", (self.product,), events.encode()))
        if t_ns % self._ticker_ns == 0:
            out.append(Emission(t_ns, "coinbase", "ticker", (self.product,), self.ticker("update")))
        return out

    def _trade(self, t_ns: int) -> tuple[bool, int, int]:
        """A taker takes part of the best level; returns the change of that level."""
        rng = self.rng
        if not self._batch:
            self._batch_due = t_ns + BATCH_NS
        hits_bid = rng.random() < 0.5
        price = (self._bids if hits_bid else self._asks)[-1]
        resting = self._sizes[hits_bid, price]
        size = max(1, round(resting * min(0.9, 0.2 * rng.lognormvariate(0.0, 1.0))))
        self._sizes[hits_bid, price] = resting - size if resting > size else 1
        self._trade_id += 1
        self._last_trade = price
        self._volume += size / 1e8
        maker: Literal["BUY", "SELL"] = "BUY" if hits_bid else "SELL"
        trade = (
            f'{{"trade_id":"{self._trade_id}","product_id":"{self.product}","price":"{self.price_text(price)}",'
            f'"size":"{size / 1e8:.8f}","side":"{maker}","time":"{micro_time(t_ns)}"}}'
        )
        self._batch.append(trade)
        self.past.append(trade)
        return hits_bid, price, self._sizes[hits_bid, price]

    def price_text(self, price: int) -> str:
        return f"{price * self._unit:.{self._places}f}"

    def _updates(self, changes: list[tuple[bool, int, int]], t_ns: int) -> str:
        moment = micro_time(t_ns)
        return ",".join(
            f'{{"side":"{"bid" if is_bid else "offer"}","event_time":"{moment}",'
            f'"price_level":"{self.price_text(price)}","new_quantity":"{size / 1e8:.8f}"}}'
            if size
            else f'{{"side":"{"bid" if is_bid else "offer"}","event_time":"{moment}",'
            f'"price_level":"{self.price_text(price)}","new_quantity":"0"}}'
            for is_bid, price, size in changes
        )

    def _level2(self, kind: str, changes: list[tuple[bool, int, int]], t_ns: int) -> Emission:
        events = f'[{{"type":"{kind}","product_id":"{self.product}","updates":[{self._updates(changes, t_ns)}]}}]'
        return Emission(t_ns, "coinbase", "l2_data", (self.product,), events.encode())

    def snapshot(self, t_ns: int) -> bytes:
        """The ``events`` of a level2 snapshot: every level, the best first."""
        levels = [(True, price, self._sizes[True, price]) for price in reversed(self._bids)]
        levels += [(False, price, self._sizes[False, price]) for price in reversed(self._asks)]
        return self._level2("snapshot", levels, t_ns).frame

    def past_trades(self) -> bytes:
        """The ``events`` of the first market_trades message: the last trades, the newest first."""
        return f'[{{"type":"snapshot","trades":[{",".join(reversed(self.past))}]}}]'.encode()

    def ticker(self, kind: str) -> bytes:
        bid, ask = self.best
        price = self.price_text(self._last_trade or bid)
        return (
            f'[{{"type":"{kind}","tickers":[{{"type":"ticker","product_id":"{self.product}","price":"{price}",'
            f'"volume_24_h":"{self._volume:.8f}","low_24_h":"{price}","high_24_h":"{price}","low_52_w":"{price}",'
            f'"high_52_w":"{price}","price_percent_chg_24_h":"0","best_bid":"{self.price_text(bid)}",'
            f'"best_bid_quantity":"{self._sizes[True, bid] / 1e8:.8f}","best_ask":"{self.price_text(ask)}",'
            f'"best_ask_quantity":"{self._sizes[False, ask] / 1e8:.8f}"}}]}}]'
        ).encode()


def heartbeat(t_ns: int, counter: int) -> bytes:
    """The ``events`` of a heartbeat, its time in the form the exchange's own language prints."""
    return f'[{{"current_time":"{go_time(t_ns)}","heartbeat_counter":{counter}}}]'.encode()
