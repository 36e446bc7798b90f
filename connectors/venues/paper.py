"""The paper venue: taker orders against the book that stands when they arrive.

An order is due ``delay + latency`` after the decision. Then it is validated again (market open, price on the tick
and inside [tick, 1 - tick], minimum size, a valid book that is not too old) and walks the displayed depth up to its
limit: FAK takes what is there, FOK all or nothing. What was taken from a displayed level stays taken until the exchange
shows another quantity there or ``replenish`` has passed, so that the same shares are not filled twice. No I/O: a
deterministic function of the journal.
"""

from __future__ import annotations

import msgspec

from models.fees import taker_fee
from models.journal import Market, TokenBook
from models.money import DOLLAR, PIP, SIZE_STEP, cost, proceeds
from models.reasons import Reason


class Pending(msgspec.Struct):
    """An order under way. ``limit`` pips, ``size`` micro-shares, ``due`` Unix ns, ``reserved`` micro-dollars,
    ``book_age`` ns: how old the book may be that it meets."""

    id: str
    decision: str
    strategy: str
    market_key: str
    token: str
    outcome: str
    side: str
    kind: str
    limit: int
    size: int
    due: int
    reserved: int
    reason: str
    book_age: int


class Execution(msgspec.Struct, frozen=True, gc=False):
    """A fill at one level: pips, micro-shares, micro-dollars."""

    price: int
    size: int
    gross: int
    fee: int


class PaperVenue:
    """Fills orders. ``execute`` is called when an order is due, with the book as it stands then."""

    def __init__(self, replenish: int) -> None:
        """``replenish``: ns."""
        self._replenish = replenish
        # (token, side) -> price -> (displayed, taken of it, when: Unix ns)
        self._taken: dict[tuple[str, str], dict[int, tuple[int, int, int]]] = {}

    def execute(
        self, order: Pending, market: Market, book: TokenBook | None, stale: bool = False
    ) -> tuple[tuple[Execution, ...], Reason]:
        """The fills of an order and why they are not more. ``stale``: the last clock tick called the book so."""
        refusal = _refusal(order, market, book, stale)
        if refusal is not None:
            return (), refusal
        assert book is not None
        buying = order.side == "buy"
        levels = book.asks if buying else book.bids
        taken = self._taken.setdefault((order.token, order.side), {})
        wanted = order.size
        plan: list[tuple[int, int, int]] = []
        for price, displayed in levels:
            if (price > order.limit) if buying else (price < order.limit):
                break
            free = (displayed - self._used(taken, price, displayed, order.due)) // SIZE_STEP * SIZE_STEP
            size = min(free, wanted)
            if size > 0:
                plan.append((price, size, displayed))
                wanted -= size
            if wanted == 0:
                break
        if not plan or (order.kind == "FOK" and wanted):
            return (), Reason.NOT_FILLED
        fills: list[Execution] = []
        for price, size, displayed in plan:
            taken[price] = (displayed, size + self._used(taken, price, displayed, order.due), order.due)
            gross = cost(price, size) if buying else proceeds(price, size)
            fills.append(Execution(price, size, gross, taker_fee(price, size, market.fee_rate, market.fee_exponent)))
        return tuple(fills), Reason.PARTLY_FILLED if wanted else Reason.FILLED

    def _used(self, taken: dict[int, tuple[int, int, int]], price: int, displayed: int, t: int) -> int:
        shown, used, when = taken.get(price, (0, 0, 0))
        return used if shown == displayed and t - when < self._replenish else 0

    def forget(self, token: str) -> None:
        self._taken.pop((token, "buy"), None)
        self._taken.pop((token, "sell"), None)


def _refusal(order: Pending, market: Market, book: TokenBook | None, stale: bool) -> Reason | None:
    if order.due >= market.end or market.payout_up is not None:
        return Reason.MARKET_CLOSED
    if book is None:
        return Reason.BOOK_MISSING
    if not book.ok:
        return Reason.BOOK_INVALID
    if stale or order.due - book.t > order.book_age:
        return Reason.STALE_BOOK
    if order.limit % book.tick or not book.tick <= order.limit <= PIP - book.tick:
        return Reason.OFF_TICK
    if order.size < market.min_size or order.size % SIZE_STEP:
        return Reason.BELOW_MIN_SIZE
    if order.side == "buy" and cost(order.limit, order.size) < DOLLAR:
        return Reason.BELOW_MIN_SIZE
    return None
