"""A small exchange with exact queues, written from the rules of price and time priority alone: the paper venue's model
of the queue is held against it. It shares no code with what it judges."""

from __future__ import annotations

import copy
from random import Random
from typing import Literal

import msgspec

Side = Literal["bid", "ask"]
OTHER: dict[Side, Side] = {"bid": "ask", "ask": "bid"}


class Order(msgspec.Struct):
    """``size``: hundredths of a share; ``price``: cents."""

    id: int
    side: Side
    price: int
    size: int


class Print(msgspec.Struct, frozen=True):
    """A trade at one price; ``side``: of the orders that rested."""

    side: Side
    price: int
    size: int


class OrderBook:
    """Every order by itself, at each price in the order of arrival."""

    def __init__(self) -> None:
        self.sides: dict[Side, dict[int, list[Order]]] = {"bid": {}, "ask": {}}
        self.filled: dict[int, int] = {}  # order -> hundredths, of those that rested

    def best(self, side: Side) -> int | None:
        prices = self.sides[side]
        return None if not prices else max(prices) if side == "bid" else min(prices)

    def orders(self) -> list[Order]:
        return [order for side in self.sides.values() for queue in side.values() for order in queue]

    def put(self, order: Order, rests: bool = True) -> list[Print]:
        """Match what crosses, best price and oldest first; rest with what is left, if it ``rests``."""
        prints: list[Print] = []
        facing = self.sides[OTHER[order.side]]
        left = order.size
        while left and facing:
            best = self.best(OTHER[order.side])
            assert best is not None
            if (best > order.price) if order.side == "bid" else (best < order.price):
                break
            queue, traded = facing[best], 0
            while left and queue:
                first = queue[0]
                size = min(left, first.size)
                self.filled[first.id] = self.filled.get(first.id, 0) + size
                first.size -= size
                left -= size
                traded += size
                if not first.size:
                    queue.pop(0)
            if not queue:
                del facing[best]
            prints.append(Print(OTHER[order.side], best, traded))
        if left and rests:
            self.sides[order.side].setdefault(order.price, []).append(Order(order.id, order.side, order.price, left))
        return prints

    def cancel(self, order_id: int) -> None:
        for side in self.sides.values():
            for price, queue in side.items():
                left = [order for order in queue if order.id != order_id]
                if len(left) < len(queue):
                    if left:
                        side[price] = left
                    else:
                        del side[price]
                    return

    def depth(self, side: Side) -> list[tuple[int, int]]:
        """(cents, hundredths), best first."""
        return [
            (price, sum(order.size for order in queue))
            for price, queue in sorted(self.sides[side].items(), reverse=side == "bid")
        ]

    def copy(self) -> OrderBook:
        return copy.deepcopy(self)


class Crowd:
    """Random traders: they quote around a price that wanders, hit each other, and change their minds."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._number = 0
        self._price = 50.0

    def act(self, book: OrderBook) -> tuple[Literal["put", "take", "cancel"], Order]:
        """What happens next; ``book``: as it stands."""
        rng = self._rng
        self._price = min(max(self._price + rng.gauss(0.0, 0.15), 30.0), 70.0)
        orders = book.orders()
        dice = rng.random()
        self._number += 1
        side: Side = "bid" if rng.random() < 0.5 else "ask"
        cancels = min(0.3 * len(orders) / 80, 0.6)  # about 80 orders stand there, so that neither side runs dry
        if dice < cancels:
            return "cancel", rng.choice(orders)
        size = max(500, round(rng.lognormvariate(7.3, 0.8)))  # 15 shares, median
        if dice < cancels + 0.2:
            price = 99 if side == "bid" else 1
            return "take", Order(self._number, side, price, size)
        away = rng.expovariate(0.4) - 0.5
        price = round(self._price - away if side == "bid" else self._price + away)
        return "put", Order(self._number, side, min(max(price, 1), 99), size)


def apply(book: OrderBook, what: str, order: Order) -> list[Print]:
    """One act of the crowd."""
    if what == "cancel":
        book.cancel(order.id)
        return []
    return book.put(Order(order.id, order.side, order.price, order.size), rests=what == "put")
