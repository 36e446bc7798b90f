"""Orders as things: what an order is, the states it goes through, and which step from one to the next is allowed.

    submitted ──▶ accepted ──▶ partly_filled ──▶ filled
        │            │              │
        │            └──────────────┴──▶ cancelled, expired
        ├──▶ filled, partly_filled, cancelled, expired        (a taker order has no state between)
        ├──▶ rejected                                          (final: nothing of it was filled)
        └──▶ unknown ──▶ any of the others                     (no answer in time: asked by the order's id)

``accepted`` and ``partly_filled`` orders may become ``unknown`` too. ``filled``, ``cancelled``, ``expired`` and
``rejected`` are final.

>>> order = example_order()
>>> order.advance("accepted"), order.state
(None, 'accepted')
>>> order.advance("rejected")
Traceback (most recent call last):
    ...
models.orders.IllegalTransition: order main-7: accepted cannot become rejected
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from models.reasons import Reason

OrderState = Literal["submitted", "accepted", "partly_filled", "filled", "cancelled", "expired", "rejected", "unknown"]
#: How long an order stays: FAK takes what is there and drops the rest, FOK takes all or nothing, GTC rests until it is
#: cancelled, GTD until ``expires``. SPLIT meets no book: it is one half of a split, which makes a share of each outcome
#: of a dollar; the limits of both halves add up to a dollar, and a half costs its limit.
TimeInForce = Literal["FAK", "FOK", "GTC", "GTD", "SPLIT"]
Side = Literal["buy", "sell"]
#: What a fill rests on. On paper: the displayed book stood at or through the price (``book_cross``), the exchange
#: traded through it (``trade_through``), or trades at the price used up the queue ahead (``queue``); or a dollar was
#: split (``split``), which needs nobody on the other side. A real one: the exchange has confirmed it (``exchange``).
Evidence = Literal["book_cross", "trade_through", "queue", "split", "exchange"]

_DONE: Final = ("filled", "cancelled", "expired")
TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "submitted": frozenset({"accepted", "partly_filled", "rejected", "unknown", *_DONE}),
    "accepted": frozenset({"partly_filled", "unknown", *_DONE}),
    "partly_filled": frozenset({"partly_filled", "unknown", *_DONE}),
    "unknown": frozenset({"accepted", "partly_filled", "rejected", *_DONE}),
    "filled": frozenset(),
    "cancelled": frozenset(),
    "expired": frozenset(),
    "rejected": frozenset(),
}
FINAL: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)


class IllegalTransition(ValueError):
    """A venue reported what cannot follow the order's state: an anomaly, never ignored."""


class WorkingOrder(msgspec.Struct, kw_only=True):
    """An order from the moment it is sent. ``limit``: pips; ``size``, ``filled``: micro-shares; ``due``: Unix ns when
    it reaches the venue, by estimate; ``expires``: Unix ns when it leaves the book, 0 = never; ``reserved``:
    micro-dollars set aside; ``book_age``: ns, how old the book may be that it meets on arrival; ``mid``: pips, the
    token's mid at the decision (-1 where there was none); ``predicted``: pips a share that the decision expected to
    gain after fee, None where it said nothing; ``reason``: why it was sent; ``cancelling``: a cancel is under way;
    ``account``: whose money it is, the name of an account."""

    id: str
    decision: str
    instance: str
    market_key: str
    token: str
    outcome: str
    side: Side
    time_in_force: TimeInForce
    limit: int
    size: int
    sent: int
    due: int
    reserved: int
    reason: Reason
    book_age: int
    post_only: bool = False
    expires: int = 0
    mid: int = -1
    predicted: float | None = None
    filled: int = 0
    state: OrderState = "submitted"
    cancelling: bool = False
    account: str = "main"

    @property
    def open(self) -> int:
        """Micro-shares that may still be filled."""
        return 0 if self.state in FINAL else self.size - self.filled

    def advance(self, state: OrderState) -> None:
        """Go to ``state``. Raises IllegalTransition."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"order {self.id}: {self.state} cannot become {state}")
        self.state = state


class Execution(msgspec.Struct, frozen=True, gc=False):
    """A fill at one price: pips, micro-shares, micro-dollars (``gross`` for the shares alone). ``book``: journal number
    of the book it rests on (with ``queue`` the last one that showed the queue), ``trade``: that of the trade; ``mid``,
    ``touch``: pips, the token's mid and best opposite price when a taker's order met the book. -1 for none."""

    price: int
    size: int
    gross: int
    fee: int
    evidence: Evidence
    book: int = -1
    trade: int = -1
    mid: int = -1
    touch: int = -1


class Report(msgspec.Struct, frozen=True, gc=False):
    """What a venue says of an order, paper or live alike. ``state``: what the order is now; ``t``: Unix ns when it
    became so; ``fill``: with ``partly_filled`` and ``filled``, and only there."""

    order: str
    state: OrderState
    t: int
    reason: Reason
    fill: Execution | None = None


def example_order() -> WorkingOrder:
    """An order to buy ten shares of Up at 0.51 dollars."""
    return WorkingOrder(
        id="main-7",
        decision="d7",
        instance="updown_fair_value",
        market_key="btc-updown-5m-1795000200",
        token="up",
        outcome="Up",
        side="buy",
        time_in_force="FAK",
        limit=5_100,
        size=10_000_000,
        sent=1,
        due=2,
        reserved=5_300_000,
        reason=Reason.ENTER,
        book_age=5,
    )
