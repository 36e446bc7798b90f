"""What an order takes from the displayed book when it arrives."""

from __future__ import annotations

import msgspec

from connectors.venues.paper.mirror import Display, Level, facing, middle_and_touch, reaches, standing, up_price
from connectors.venues.paper.taken import Taken
from models.fees import taker_fee
from models.journal import Market
from models.money import SIZE_STEP, cost, proceeds
from models.orders import Evidence, Execution, WorkingOrder


class Take(msgspec.Struct, frozen=True, gc=False):
    """Shares to be taken from one level; ``price``: pips of the order's own token."""

    level: Level
    price: int
    size: int


def walk(order: WorkingOrder, key: str, shown: Display, taken: Taken, t: int) -> list[Take]:
    """What an order can take of a display at ``t`` (Unix ns), best price first, in whole hundredths of a share."""
    side, limit = standing(order)
    is_up = order.outcome == "Up"
    wanted = order.size - order.filled
    takes: list[Take] = []
    for price, size in shown.levels(facing(side)):
        if not reaches(side, limit, price) or not wanted:
            break
        level: Level = (facing(side), price)
        free = (size - taken.of(key, level, t)) // SIZE_STEP * SIZE_STEP
        size = min(free, wanted)
        if size > 0:
            takes.append(Take(level, up_price(price, is_up), size))
            wanted -= size
    return takes


def taker_fill(order: WorkingOrder, take: Take, market: Market, shown: Display) -> Execution:
    """A fill at a price of the display, with the taker's fee."""
    price, size = take.price, take.size
    fee = taker_fee(price, size, market.fee_rate, market.fee_exponent)
    mid, touch = middle_and_touch(order, shown)
    return Execution(price, size, _gross(order, price, size), fee, "book_cross", shown.seq, -1, mid, touch)


def maker_fill(order: WorkingOrder, size: int, evidence: Evidence, book: int, trade: int) -> Execution:
    """A fill at the order's own price; makers pay no fee. ``book``, ``trade``: journal numbers, -1 for none."""
    return Execution(order.limit, size, _gross(order, order.limit, size), 0, evidence, book, trade)


def split_fill(order: WorkingOrder) -> Execution:
    """One half of a split: all of it at its limit, for nobody's fee."""
    return Execution(order.limit, order.size, cost(order.limit, order.size), 0, "split")


def _gross(order: WorkingOrder, price: int, size: int) -> int:
    return cost(price, size) if order.side == "buy" else proceeds(price, size)
