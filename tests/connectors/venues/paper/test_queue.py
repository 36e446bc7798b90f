"""The queue model against exact queues: our order really stands in the queue of a small exchange, and the paper venue
sees only the displays and trades of the same exchange without it."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from models.money import SIZE_STEP
from models.timestamps import SECOND
from tests.connectors.venues.paper.exchange import MS, NOW, Floor, parameters
from tests.connectors.venues.paper.order_book import OTHER, Crowd, Order, OrderBook, Print, Side, apply

OURS = -1
STEP = 20 * MS
WARM_UP = 400  # acts before our first order
LIFE = 150  # acts that an order lives
END = NOW + 10**6 * SECOND


class Tally(msgspec.Struct):
    """Shares filled in truth and by the model, over all orders; ``apart``: absolute differences of single orders."""

    orders: int = 0
    truth: int = 0
    model: int = 0
    apart: int = 0
    by: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return self.model / self.truth


class Comparison:
    """One crowd, and our orders one after the other."""

    def __init__(self, seed: int, acts_per_display: int) -> None:
        self._rng = Random(f"{seed}/ours")
        self._crowd = Crowd(seed)
        self._batch = acts_per_display
        self._book = OrderBook()
        self._floor = Floor(parameters(replenish=SECOND), is_pickled=False, end=END)
        self._acts = 0
        self._displays = True
        for _ in range(WARM_UP):
            self._act(None)

    def _act(self, ours: OrderBook | None) -> None:
        """The crowd acts once, in the world we see and in the one where our order stands."""
        what, order = self._crowd.act(self._book)
        prints = apply(self._book, what, order)
        if ours is not None:
            apply(ours, what, order)
        self._acts += 1
        shows = self._acts % self._batch == 0
        after = STEP
        x = self._floor.now + STEP
        first = self._rng.random() < 0.5  # the trade is told before the display that it changed
        if shows and not first:
            self._show(after, x)
            after = 0
        for each in prints:
            self._tell(each, after, x)
            after = 0
        if shows and first:
            self._show(after, x)
            after = 0
        if after:
            self._floor.clock(after)

    def _show(self, after: int, x: int) -> None:
        bids, asks = (
            tuple((price * 100, size * SIZE_STEP) for price, size in self._book.depth(side)[:10])
            for side in ("bid", "ask")
        )
        which = self._rng.choice(["up", "down", "both"])
        self._floor.book(asks, bids, after, "up" if which != "down" else "down", x=x)
        if which == "both":
            self._floor.book(asks, bids, 0, "down", x=x)

    def _tell(self, each: Print, after: int, x: int) -> None:
        side = "SELL" if each.side == "bid" else "BUY"
        other = "BUY" if side == "SELL" else "SELL"
        price, shares = each.price * 100, each.size / 100
        which = self._rng.choice(["up", "down", "both"])
        if which != "down":
            self._floor.trade(price, shares, side, "up", after, x)
            after = 0
        if which != "up":
            self._floor.trade(10_000 - price, shares, other, "down", after, x)

    def order(self, tally: Tally) -> None:
        """Send an order, let it live, cancel it, and compare."""
        rng, floor = self._rng, self._floor
        side: Side = "bid" if rng.random() < 0.5 else "ask"
        best = self._book.best(side)
        if best is None:
            self._act(None)
            return
        price = best + (-1 if side == "bid" else 1) * rng.choice([-1, 0, 0, 0, 1, 1, 2, 3])
        size = rng.choice([500, 1_000, 3_000])
        name = floor.send(
            time_in_force="GTC",
            post_only=True,
            side="buy" if side == "bid" else "sell",
            limit=price * 100,
            size=size * SIZE_STEP,
        )
        due = floor.sent[name].due
        while floor.now + STEP <= due:
            self._act(None)
        opposite = self._book.best(OTHER[side])
        crosses = opposite is not None and (opposite <= price if side == "bid" else opposite >= price)
        ours = self._book.copy()
        if not crosses:
            ours.put(Order(OURS, side, price, size))
        for _ in range(LIFE):
            self._act(ours)
        floor.venue.cancel(name, floor.now)
        due = floor.now + 50 * MS
        while floor.now + STEP <= due:
            self._act(ours)
        ours.cancel(OURS)
        for _ in range(3):
            self._act(ours)
        if self._batch == 1:
            assert (floor.sent[name].state == "rejected") == crosses
        if crosses or floor.sent[name].state == "rejected":
            return
        truth = ours.filled.get(OURS, 0)
        model = floor.sent[name].filled // SIZE_STEP
        tally.orders += 1
        tally.truth += truth
        tally.model += model
        tally.apart += abs(truth - model)
        for fill in floor.fills(name):
            tally.by[fill.evidence] = tally.by.get(fill.evidence, 0) + fill.size // SIZE_STEP


def compare(seeds: range, orders: int, acts_per_display: int) -> Tally:
    tally = Tally()
    for seed in seeds:
        comparison = Comparison(seed, acts_per_display)
        for _ in range(orders):
            comparison.order(tally)
    return tally


@pytest.mark.parametrize("acts_per_display", [1, 3])
def test_same_fills_as_in_an_exact_queue(acts_per_display: int) -> None:
    check(compare(range(6), 60, acts_per_display))


@pytest.mark.slow
@pytest.mark.takes(40)
@pytest.mark.parametrize("acts_per_display", [1, 3])
def test_same_fills_over_many_orders(acts_per_display: int) -> None:
    check(compare(range(100, 110), 60, acts_per_display))


def check(tally: Tally) -> None:
    """Within 5% in all, and order by order."""
    print(tally, f"ratio {tally.ratio:.4f}")
    assert tally.orders > 100
    assert 0.95 <= tally.ratio <= 1.05
    assert tally.apart <= 0.05 * tally.truth
