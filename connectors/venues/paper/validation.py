"""What the exchange refuses, and what cannot be known well enough to fill: checked when an order meets the book."""

from __future__ import annotations

from typing import Final

from models.journal import Market, TokenBook
from models.money import DOLLAR, PIP, SIZE_STEP, cost
from models.orders import WorkingOrder
from models.reasons import Reason

CENT: Final = DOLLAR // 100
_RESTS: Final = ("GTC", "GTD")


def rests(order: WorkingOrder) -> bool:
    """Whether an order may wait in the book."""
    return order.time_in_force in _RESTS


def malformed(order: WorkingOrder, t: int, least_life: int) -> Reason | None:
    """Why no exchange takes such an order that arrives at ``t`` (Unix ns), whatever the market. ``least_life``: ns that
    a GTD order must have left."""
    if order.post_only and not rests(order):
        return Reason.POST_ONLY_TAKES
    if order.time_in_force == "GTD" and order.expires < t + least_life:
        return Reason.EXPIRES_TOO_SOON
    return None


def refusal(
    order: WorkingOrder, market: Market | None, book: TokenBook | None, is_stale: bool, t: int
) -> Reason | None:
    """Why an order cannot meet the book at ``t`` (Unix ns), None when it can. ``is_stale``: the last clock tick called
    the book so. What depends on whether the order takes is ``amount_refusal``'s."""
    if market is None or t >= market.end or market.payout_up is not None:
        return Reason.MARKET_CLOSED
    if not market.accepting:
        return Reason.NOT_ACCEPTING
    if order.time_in_force == "GTD" and order.expires <= t:
        return Reason.ORDER_EXPIRED
    if book is None:
        return Reason.BOOK_MISSING
    if not book.ok:
        return Reason.BOOK_INVALID
    if is_stale or t - book.t > order.book_age:
        return Reason.STALE_BOOK
    if order.limit % book.tick or not book.tick <= order.limit <= PIP - book.tick:
        return Reason.OFF_TICK
    if order.size < market.min_size or order.size % SIZE_STEP:
        return Reason.BELOW_MIN_SIZE
    return None


def amount_refusal(order: WorkingOrder) -> Reason | None:
    """Why an order that takes is refused for its value: a purchase is worth a dollar at least, and one that is not
    to rest whole cents, for its dollars have two decimals on the wire."""
    if order.side != "buy":
        return None
    value = cost(order.limit, order.size)
    if value < DOLLAR:
        return Reason.BELOW_MIN_SIZE
    if not rests(order) and value % CENT:
        return Reason.ODD_AMOUNT
    return None
