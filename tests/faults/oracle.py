"""The oracle: whether any order rested on a book or spot price that nobody could have relied on.

It knows the simulator's truth (which session was open when, which faults struck), rebuilds from the raw frames what
could be known at each moment (``knowledge``), and reads decisions, orders and fills as JSON. It shares no code with the
flows or the doors. Its bounds are the settings' numbers:

- A book must rest on a snapshot of the connection that stands, whole since then: no frame of the connection that did
  not parse, no stated best prices or checksum that contradict it, no time out of order.
- Its last change must not be older than ``portfolio.stale_s`` at the decision, by receipt.
- It must have two sides, not cross or lock, keep to its tick and range, and not be wider than ``checks.max_spread``
  (an entry: ``portfolio.max_spread``); the exchange's time must be within ``checks.old_ms`` and ``checks.ahead_ms``.
- Two books that contradicted each other when last of one moment are both unfit for an entry by fair value.
- Strategy ``parity`` lives on that contradiction. It must buy both outcomes of one market, as much of each, on two
  books that are each as sound as any and of one moment within ``checks.pair_skew_ms``, when both asks with their fees
  cost less than a dollar by ``parity.min_edge`` and ``parity.margin``; each order at the ask that stood.
- What the decision says it saw must be what stood: the ask or bid, and the snapshot by its place in the feed.
- An entry by spot needs a Coinbase connection that stands, whole since the product's snapshot, with two sides not
  crossed, heard of within ``portfolio.stale_s`` and one tick.
- An order has a name of its own.
- A fill must be of a level that stood when the order arrived, on a book as sound as that.

One case is left to the flow: after a change of tick that was not announced on the socket, and once Gamma tells of it,
whoever had given the book up takes the new tick and whoever had not keeps the old one; both are in their right. And one
thing is learnt from it: which books it gave up by evidence across feeds, which is not weighed here. What was kept back
of such a book may have been trades too, so the price that last traded, which the next snapshot's checksum is made with,
is unknown from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from tests.faults.knowledge import MS, Knowledge, Limits, Record, Token

SPOT_STRATEGY = "updown_fair_value"
PAIR_STRATEGY = "parity"
PIPS = Decimal(10_000)
FEE = Decimal("0.07")  # of p (1 - p) a share, by the exchange's own page
ROUNDED = Decimal("0.000001")  # the strategies' scores have six digits


@dataclass(frozen=True)
class SessionTruth:
    """A connection as the simulator knows it; ``closed``: Unix ns or None."""

    conn: str
    opened: int
    closed: int | None


@dataclass(frozen=True)
class Violation:
    """An order, fill or finding that may not be."""

    what: str
    t: int
    why: str


def examine(
    records: Iterable[Record],
    decisions: list[dict[str, Any]],
    orders: list[dict[str, Any]],
    fills: list[dict[str, Any]],
    sessions: Iterable[SessionTruth],
    limits: Limits,
    latency: int,
    given_up: Mapping[tuple[str, int], list[str]] = MappingProxyType({}),
) -> tuple[list[Violation], Knowledge]:
    """Everything that is wrong with the orders and fills of a run, and what could be known at its end.

    ``latency``: ns from the exchange to the client. ``given_up``: tokens whose books the flows gave up by evidence, by
    the feed record at which they did."""
    court = _Court(decisions, orders, fills, sessions, limits, latency, given_up)
    for record in records:
        court.proceed(record)
    court.close()
    return court.violations, court.known


class _Court:
    def __init__(
        self,
        decisions: list[dict[str, Any]],
        orders: list[dict[str, Any]],
        fills: list[dict[str, Any]],
        sessions: Iterable[SessionTruth],
        limits: Limits,
        latency: int,
        given_up: Mapping[tuple[str, int], list[str]],
    ) -> None:
        self._given_up = given_up
        self.known = Knowledge(limits)
        self.violations: list[Violation] = []
        self._limits = limits
        self._latency = latency
        self._sessions = {each.conn: each for each in sessions}
        self._orders: dict[str, dict[str, Any]] = {}
        for order in orders:
            if order["status"] == "submitted":
                if order["id"] in self._orders:
                    self._object(f"order {order['id']}", order["timestamp"], "bears the name of another")
                self._orders[order["id"]] = order
        self._by_place: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for decision in decisions:
            if decision["order_ids"]:
                trigger = _source(decision, "trigger")
                self._by_place.setdefault((trigger["topic"], trigger["offset"]), []).append(decision)
        self._fills = sorted(fills, key=lambda fill: int(fill["timestamp"]))
        self._at = 0

    def proceed(self, record: Record) -> None:
        while self._at < len(self._fills) and self._fills[self._at]["timestamp"] < record.recv:
            self._filled(self._fills[self._at])
            self._at += 1
        self.known.take(record)
        for decision in self._by_place.pop(record.place, ()):
            self._decided(decision, record)
        for name in self._given_up.get(record.place, ()):
            self.known.token(name).trade = None

    def close(self) -> None:
        for place, decisions in self._by_place.items():
            for decision in decisions:
                self._object(decision["id"], decision["timestamp"], f"its trigger {place} is no record of the feeds")
        for fill in self._fills[self._at :]:
            self._object(fill["id"], fill["timestamp"], "filled after the end of the feeds")

    def _object(self, what: str, t: int, why: str) -> None:
        self.violations.append(Violation(what, t, why))

    # -- decisions -----------------------------------------------------------------------------------------------------

    def _decided(self, decision: dict[str, Any], trigger: Record) -> None:
        name, t = decision["id"], decision["timestamp"]
        if t != self.known.now:
            self._object(name, t, f"timed {t}, and its trigger came at {self.known.now}")
        if decision["action"] not in ("enter", "exit"):
            self._object(name, t, f"{decision['action']} with orders")
        for number, order_id in enumerate(decision["order_ids"]):
            order = self._orders.get(order_id)
            if order is None:
                self._object(name, t, f"order {order_id} was never submitted")
                continue
            self._sound(f"order {order_id}", order["token"], t, decision["action"] == "enter", decision["strategy"])
            self._seen(decision, order, number)
        if decision["action"] == "enter" and decision["strategy"] == SPOT_STRATEGY:
            self._spot(name, decision["market_key"], t)
        elif decision["action"] == "enter" and decision["strategy"] == PAIR_STRATEGY:
            self._pair(name, decision, t)
        elif decision["action"] == "enter":
            self._object(name, t, f"by strategy {decision['strategy']}, for which there is no rule")

    def _sound(self, what: str, name: str, t: int, entry: bool, strategy: str) -> None:
        limits, token = self._limits, self.known.tokens.get(name)
        if token is None:
            self._object(what, t, "on a token of which no frame ever came")
            return
        self._connected(what, token.conn, t)
        if self._is_tick_in_doubt(token):
            return
        for reason in token.wrong(limits):
            self._object(what, t, f"on a book with {reason}")
        if t - token.t > limits.book_age:
            self._object(what, t, f"on a book {(t - token.t) / MS:.0f} ms old")
        if not entry or token.bid is None or token.ask is None:
            return
        if token.ask - token.bid > limits.entry_spread:
            self._object(what, t, f"with a spread of {token.ask - token.bid}")
        market = self.known.of_token[name]
        if strategy == SPOT_STRATEGY and market.torn:
            self._object(what, t, "on one of two books that contradict each other")
        elif strategy == PAIR_STRATEGY and self.known.torn(market) is None:
            self._object(what, t, "on two books that are not both sound and of one moment")
        if not market.start <= t < market.end:
            self._object(what, t, "outside of the market's window")

    def _is_tick_in_doubt(self, token: Token) -> bool:
        market = self.known.of_token.get(token.name)
        return market is not None and market.tick != token.tick

    def _connected(self, what: str, conn: str, t: int) -> None:
        session = self._sessions.get(conn)
        if session is None:
            self._object(what, t, f"on connection {conn!r}, which the exchange never had")
        elif session.closed is not None and t > session.closed + self._latency:
            self._object(what, t, f"on connection {conn}, closed {(t - session.closed) / MS:.0f} ms before")
        if conn in self.known.closed:
            self._object(what, t, f"on connection {conn}, of which the door had said that it ended")

    def _seen(self, decision: dict[str, Any], order: dict[str, Any], number: int) -> None:
        """The decision names its snapshot, and the price that stood."""
        token = self.known.tokens.get(order["token"])
        if token is None or token.bid is None or token.ask is None or self._is_tick_in_doubt(token):
            return
        what, t = f"order {order['id']}", decision["timestamp"]
        name = "other_book" if number else "book"  # a pair's second leg
        base, last = _source(decision, f"{name}_snapshot"), _source(decision, name)
        if (base["topic"], base["offset"]) != token.base:
            self._object(what, t, f"rests on snapshot {base['topic']} {base['offset']}, and {token.base} stood")
        if (last["topic"], last["offset"]) != token.last:
            self._object(what, t, f"rests on change {last['topic']} {last['offset']}, and {token.last} stood")
        limit = Decimal(order["limit"]) / PIPS
        if order["side"] == "buy":
            if not token.ask <= limit <= token.ask + self._limits.slippage:
                self._object(what, t, f"buys up to {limit} where the best ask was {token.ask}")
        elif not token.bid - self._limits.slippage <= limit <= token.bid:
            self._object(what, t, f"sells down to {limit} where the best bid was {token.bid}")

    def _spot(self, what: str, key: str, t: int) -> None:
        market = self.known.markets.get(key)
        product = self.known.products.get(f"{market.asset}-USD") if market else None
        if product is None:
            self._object(what, t, "by a spot price that never came")
            return
        self._connected(what, product.conn, t)
        for reason in product.wrong(self._limits):
            self._object(what, t, f"by a spot price with {reason}")
        if t - product.t > self._limits.spot_age + self._limits.tick:
            self._object(what, t, f"by a spot price {(t - product.t) / MS:.0f} ms old")

    def _pair(self, what: str, decision: dict[str, Any], t: int) -> None:
        """Both outcomes or none, and for less than they pay."""
        market = self.known.markets.get(decision["market_key"])
        orders = [self._orders[each] for each in decision["order_ids"] if each in self._orders]
        if market is None or sorted(each["token"] for each in orders) != sorted((market.up, market.down)):
            self._object(what, t, "does not buy both outcomes of its market")
            return
        if any(each["side"] != "buy" for each in orders) or len({each["size"] for each in orders}) != 1:
            self._object(what, t, "does not buy as much of one outcome as of the other")
        tokens = [self.known.tokens[each["token"]] for each in orders if each["token"] in self.known.tokens]
        asks = [each.ask for each in tokens if each.ask is not None]
        if len(asks) < 2 or any(self._is_tick_in_doubt(each) for each in tokens):
            return  # blamed where the books are looked at
        price = asks[0] + asks[1] + FEE * (asks[0] * (1 - asks[0]) + asks[1] * (1 - asks[1]))
        if 1 - price <= max(self._limits.pair_edge - ROUNDED, Decimal(0)):
            self._object(what, t, f"buys a pair for {price} that pays 1")

    # -- fills ---------------------------------------------------------------------------------------------------------

    def _filled(self, fill: dict[str, Any]) -> None:
        what, t, order = f"fill {fill['id']}", fill["timestamp"], self._orders.get(fill["order"])
        if order is None:
            self._object(what, t, f"of order {fill['order']}, which was never submitted")
            return
        on_its_way = t - order["timestamp"]
        if not self._limits.delay <= on_its_way <= self._limits.delay + self._limits.jitter:
            self._object(what, t, "at another moment than the order's arrival")
        self._sound(what, order["token"], t, False, order["strategy"])
        token = self.known.tokens.get(order["token"])
        if token is None or self._is_tick_in_doubt(token):
            return
        buys, price = fill["side"] == "buy", Decimal(fill["price"]) / PIPS
        standing = (token.asks if buys else token.bids).get(price, Decimal(0)) * 1_000_000
        market = self.known.markets.get(order["market_key"])
        if market is not None:  # every order stands in both books: the later display of the two is met
            other = self.known.tokens.get(market.down if market.up == order["token"] else market.up)
            if other is not None:
                mirrored = (other.bids if buys else other.asks).get(1 - price, Decimal(0)) * 1_000_000
                standing = max(standing, mirrored)
        if fill["size"] > standing:
            self._object(what, t, f"{fill['size']} micro-shares at {fill['price']} where {standing} stood")


def _source(decision: dict[str, Any], name: str) -> dict[str, Any]:
    for source in decision["sources"]:
        if source["name"] == name:
            found: dict[str, Any] = source
            return found
    return {"topic": "", "offset": -1}
