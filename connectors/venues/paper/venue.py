"""The paper venue's interface: commands in, and reports of what a real exchange would have made of them.

An order goes through the gate ``latency`` and its jitter after it was sent. There the exchange sees whether it is
marketable. One that is not rests (GTC, GTD) or ends (FAK, FOK). One that is ends if it is post-only, and else is held
for the market's taker delay, is validated again, takes what it finds, and rests with what is left or drops it. While
it is held or under way it cannot be cancelled: a cancel waits until it has met the book.

Everything due before an event meets the market as it stood before the event. No I/O, no clock, no chance but the seeded
one: a deterministic function of commands and journal, whose state is plain data.
"""

from __future__ import annotations

import heapq
from typing import Literal

import msgspec

from connectors.venues.paper.cadence import Cadence
from connectors.venues.paper.chance import draw, happens
from connectors.venues.paper.matching import Take, split_fill, taker_fill, walk
from connectors.venues.paper.mirror import changed_display, consumed, latest_display, standing
from connectors.venues.paper.parameters import PaperParameters
from connectors.venues.paper.prints import Prints
from connectors.venues.paper.resting import Filled, PaperOrder, Resting
from connectors.venues.paper.taken import Taken
from connectors.venues.paper.validation import amount_refusal, malformed, refusal, rests
from models.journal import AnyEvent, Book, Clock, Market, TokenBook, Trade
from models.orders import FINAL, Execution, OrderState, Report, WorkingOrder
from models.reasons import Reason
from models.timestamps import MILLISECOND

_Kind = Literal["gate", "match", "cancel", "query", "expire", "end"]


class PaperVenue:
    """Fills orders from what the journal shows. See ``connectors.venues.venue.Venue`` for the commands.

    A cancel of an order that is done is answered by nothing: its end has been reported, or waits for a query."""

    def __init__(self, parameters: PaperParameters) -> None:
        self._given = parameters
        self._taken = Taken(parameters.replenish)
        self._resting = Resting(self._taken)
        self._prints = Prints()
        self._cadence = Cadence(parameters.tick)
        self._markets: dict[str, Market] = {}
        self._books: dict[str, Book] = {}
        self._stale: frozenset[str] = frozenset()
        self._orders: dict[str, PaperOrder] = {}
        self._agenda: list[tuple[int, int, _Kind, str]] = []  # when, entry number, what, of which order or market
        self._entered = 0
        self._out: list[Report] = []

    def configure(self, parameters: PaperParameters) -> None:
        """Go by these parameters from now on; what is under way keeps its times."""
        self._given = parameters
        self._taken.configure(parameters.replenish)

    # --- commands -------------------------------------------------------------------------------------------------

    def arrival(self, order_id: str, market: Market, t: int, lag: int, takes: bool = True) -> int:
        """When an order sent at ``t`` (Unix ns) would meet the book. ``takes``: whether it is one that the exchange
        holds for the taker delay (FAK, FOK)."""
        return t + lag + self._way("send", order_id) + (self._taker_delay(market) if takes else 0)

    def send(self, order: WorkingOrder) -> None:
        """Raises ValueError for an id that is at the venue already."""
        if order.id in self._orders:
            raise ValueError(f"order {order.id} is at the venue already")
        gate = order.due
        market = self._markets.get(order.market_key)
        if order.time_in_force == "SPLIT":
            gate = order.due  # it goes to the chain, and waits for no taker delay
        elif market is not None and not rests(order):
            gate = max(order.sent, order.due - self._taker_delay(market))
        side, price = standing(order)
        self._entered += 1
        copy = msgspec.structs.replace(order)
        self._orders[order.id] = PaperOrder(order=copy, number=self._entered, side=side, price=price, pending_at=gate)
        self._plan(gate, "gate", order.id)

    def cancel(self, order_id: str, t: int) -> None:
        """``t``: Unix ns when the cancel leaves us."""
        self._plan(t + self._way(f"cancel/{t}", order_id), "cancel", order_id)

    def query(self, order_id: str, t: int) -> None:
        """The answer comes once the order has met the book; none comes for an order that is not ``unknown``."""
        self._plan(t + self._given.resolve, "query", order_id)

    def forget(self, market: Market) -> None:
        """Orders that are still at the venue end without a word."""
        key = market.key
        self._markets.pop(key, None)
        self._books.pop(key, None)
        for store in (self._taken, self._resting, self._prints):
            store.forget(key)
        gone = [name for name, each in self._orders.items() if each.order.market_key == key]
        for name in gone:
            del self._orders[name]
        left = [entry for entry in self._agenda if entry[3] != key and (entry[3] in self._orders or entry[2] == "end")]
        heapq.heapify(left)
        self._agenda = left

    # --- events ---------------------------------------------------------------------------------------------------

    def hear(self, event: AnyEvent) -> list[Report]:
        """What was due before the event, as the market stood then; then what the event does to resting orders."""
        agenda = self._agenda
        while agenda and agenda[0][0] < event.t:
            t, _, kind, subject = heapq.heappop(agenda)
            self._meet(kind, subject, t, event.t)
        if isinstance(event, Book):
            self._on_book(event)
        elif isinstance(event, Trade):
            self._on_trade(event)
        elif isinstance(event, Clock):
            self._cadence.hear(event)
            self._stale = frozenset(event.stale_books)
        elif isinstance(event, Market):
            self._on_market(event)
        if not self._out:
            return []
        out, self._out = self._out, []
        return out

    def _on_book(self, event: Book) -> None:
        if event.key not in self._markets:
            return
        self._books[event.key] = event
        shown = None if self._resting.is_empty(event.key) else changed_display(event)
        if shown is not None:
            self._fill_resting(self._resting.on_display(event.key, shown, event.t), event.t)

    def _on_trade(self, event: Trade) -> None:
        market = self._markets.get(event.key)
        if market is None or event.size <= 0 or not self._prints.is_new(event, market):
            return
        self._fill_resting(self._resting.on_trade(event, market), event.t)
        self._taken.traded(event.key, consumed(event, market), event.size)

    def _on_market(self, event: Market) -> None:
        known = self._markets.get(event.key)
        self._markets[event.key] = event
        if known is None or known.end != event.end:
            self._plan(event.end, "end", event.key)
        if event.payout_up is not None:
            for each in self._resting.of(event.key):
                self._tell(each, "cancelled", event.t, Reason.MARKET_CLOSED)
            for each in [each for each in self._orders.values() if each.muted and each.order.market_key == event.key]:
                self._answer(each)  # what is settled is what is owned, so whoever settles has asked before

    def _fill_resting(self, filled: list[Filled], t: int) -> None:
        for each, execution in filled:
            self._fill(each, execution, t)

    # --- what is due ----------------------------------------------------------------------------------------------

    def _plan(self, t: int, kind: _Kind, subject: str) -> None:
        self._entered += 1
        heapq.heappush(self._agenda, (t, self._entered, kind, subject))

    def _meet(self, kind: _Kind, subject: str, t: int, following: int) -> None:
        """Do what is due at ``t``. ``following``: when the next event came, Unix ns."""
        if kind == "end":
            self._end(subject, t)
            return
        each = self._orders.get(subject)
        if each is None:  # done and reported: its end crossed with the command
            return
        if kind in ("cancel", "query") and each.pending_at:
            self._plan(max(t, each.pending_at), kind, subject)
        elif kind == "gate":
            self._at_gate(each, t, following)
        elif kind == "match":
            self._match(each, t, following)
        elif kind == "query":
            self._answer(each)
        elif each.order.state not in FINAL:
            if kind == "cancel":
                self._answered(each, "cancel", t)
                self._tell(each, "cancelled", t, Reason.CANCELLED)
            else:
                self._tell(each, "expired", t, Reason.ORDER_EXPIRED)

    def _end(self, key: str, t: int) -> None:
        """What rests in a market expires with it, unless its end was moved meanwhile."""
        market = self._markets.get(key)
        if market is not None and market.end <= t:
            for each in self._resting.of(key):
                self._tell(each, "expired", t, Reason.MARKET_CLOSED)

    def _at_gate(self, each: PaperOrder, t: int, following: int) -> None:
        """The exchange looks whether the order is well-formed and marketable."""
        order = each.order
        if order.time_in_force == "SPLIT":
            self._split(each, t)
            return
        refused = malformed(order, t, self._given.least_life)
        if refused is not None:
            self._reject(each, t, refused)
            return
        market, book, view = self._known(order)
        shown = None if book is None else latest_display(book, order.outcome)
        marketable = shown is not None and shown.crosses(each.side, each.price)
        if rests(order):
            delay = 0 if market is None or order.post_only or not marketable else self._taker_delay(market)
        else:
            delay = order.due - t
            is_stale = order.token in self._stale
            is_clear = refusal(order, market, view, is_stale, t) is None and self._cadence.is_observed(t, following)
            if delay and is_clear and not marketable:
                self._reject(each, t, Reason.NOT_FILLED)
                return
        if delay:
            each.pending_at = t + delay
            self._plan(each.pending_at, "match", order.id)
        else:
            self._match(each, t, following)

    def _split(self, each: PaperOrder, t: int) -> None:
        """A half of a split is filled whole, at its limit and without a fee, whatever the books are: nobody stands on
        the other side. Both halves come due at one moment and meet the same market: both are filled, or none."""
        order = each.order
        market = self._markets.get(order.market_key)
        if market is None or t >= market.end or market.payout_up is not None:
            self._reject(each, t, Reason.MARKET_CLOSED)
            return
        each.pending_at = 0
        self._answered(each, "send", t)
        self._fill(each, split_fill(order), t)

    def _match(self, each: PaperOrder, t: int, following: int) -> None:
        """The order meets the book: it is refused, takes what it finds, and rests or ends."""
        order = each.order
        market, book, view = self._known(order)
        if not self._cadence.is_observed(t, following):
            refused: Reason | None = Reason.UNOBSERVED
        else:
            refused = refusal(order, market, view, order.token in self._stale, t)
        shown = None if book is None else latest_display(book, order.outcome)
        takes: list[Take] = []
        if refused is None:
            assert market is not None and shown is not None
            marketable = shown.crosses(each.side, each.price)
            if marketable and order.post_only:
                refused = Reason.WOULD_CROSS
            elif marketable or not rests(order):
                takes = walk(order, market.key, shown, self._taken, t)
                refused = amount_refusal(order) or _shortfall(order, takes)
        if refused is not None:
            self._reject(each, t, refused)
            return
        assert market is not None and shown is not None
        each.pending_at = 0
        self._answered(each, "send", t)
        for take in takes:
            self._taken.take(market.key, take.level, take.size, t)
            self._fill(each, taker_fill(order, take, market, shown), t)
        if not order.open:
            return
        if not rests(order):
            self._tell(each, "cancelled", t, Reason.REST_CANCELLED)
            return
        self._resting.add(each, shown)
        if not order.filled:
            self._tell(each, "accepted", t, Reason.RESTING)
        if order.time_in_force == "GTD":
            self._plan(order.expires, "expire", order.id)

    # --- reports --------------------------------------------------------------------------------------------------

    def _reject(self, each: PaperOrder, t: int, reason: Reason) -> None:
        self._answered(each, "send", t)
        self._tell(each, "rejected", t, reason)

    def _fill(self, each: PaperOrder, execution: Execution, t: int) -> None:
        order = each.order
        order.filled += execution.size
        if order.filled == order.size:
            self._tell(each, "filled", t, Reason.FILLED, execution)
        else:
            self._tell(each, "partly_filled", t, Reason.PARTLY_FILLED, execution)

    def _tell(
        self, each: PaperOrder, state: OrderState, t: int, reason: Reason, execution: Execution | None = None
    ) -> None:
        """Report a new state, or keep the report while our answers are lost."""
        each.order.advance(state)
        report = Report(each.order.id, state, t, reason, execution)
        (each.withheld if each.muted else self._out).append(report)
        if state in FINAL:
            each.pending_at = 0
            self._resting.remove(each)
            if not each.muted:
                del self._orders[each.order.id]

    def _answered(self, each: PaperOrder, command: str, t: int) -> None:
        """The answer to a command leaves the exchange; chance may lose it, and then nothing is heard but by query."""
        order_id, given = each.order.id, self._given
        if not each.muted and happens(given.seed, f"{command}/answer/{t}/{order_id}", given.lost_answers):
            self._out.append(Report(order_id, "unknown", t, Reason.TIME_OUT))
            each.muted = True

    def _answer(self, each: PaperOrder) -> None:
        """What became of an order while nothing was heard of it."""
        self._out.extend(each.withheld)
        each.withheld = []
        each.muted = False
        if each.order.state in FINAL:
            del self._orders[each.order.id]

    # --- what is known --------------------------------------------------------------------------------------------

    def _known(self, order: WorkingOrder) -> tuple[Market | None, Book | None, TokenBook | None]:
        """An order's market, its books, and that of its own token."""
        market, book = self._markets.get(order.market_key), self._books.get(order.market_key)
        view = None if book is None else book.up if order.outcome == "Up" else book.down
        return market, book, view

    def _way(self, what: str, order_id: str) -> int:
        """ns from us to the exchange, for one command."""
        return self._given.latency + draw(self._given.seed, f"{what}/{order_id}", self._given.jitter)

    def _taker_delay(self, market: Market) -> int:
        stated = market.taker_delay_ms
        return self._given.taker_delay if stated < 0 else stated * MILLISECOND


def _shortfall(order: WorkingOrder, takes: list[Take]) -> Reason | None:
    """Why an order that does not rest ends without a fill."""
    if rests(order):
        return None
    found = 0
    for take in takes:
        found += take.size
    return Reason.NOT_FILLED if not found or (order.time_in_force == "FOK" and found < order.size) else None
