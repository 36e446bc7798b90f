"""A market's journal, written by hand, and a paper venue that hears it."""

from __future__ import annotations

import pickle
from typing import Any

from connectors.venues.paper.parameters import PaperParameters
from connectors.venues.paper.venue import PaperVenue
from models.journal import NO_SRC, AnyEvent, Book, Clock, Feed, Levels, Market, TokenBook, Trade
from models.money import PIP, SHARE
from models.orders import FINAL, Execution, Report, WorkingOrder
from models.reasons import Reason
from models.settlement import Rule
from models.timestamps import MILLISECOND, SECOND

NOW = 1_795_000_200 * SECOND
END = NOW + 300 * SECOND
MS = MILLISECOND
ASKS: Levels = ((5000, 10 * SHARE), (5100, 20 * SHARE), (5300, 30 * SHARE))
BIDS: Levels = ((4900, 10 * SHARE), (4800, 20 * SHARE), (4600, 30 * SHARE))


def parameters(**changes: Any) -> PaperParameters:
    """No chance, 150 ms of taker delay, 50 ms of latency, a tick a second."""
    fields: dict[str, Any] = {
        "taker_delay": 150 * MS, "latency": 50 * MS, "jitter": 0, "resolve": 400 * MS, "replenish": 5 * SECOND,
        "least_life": 120 * SECOND, "tick": SECOND,
    }  # fmt: skip
    return PaperParameters(**{**fields, **changes})


def market(**changes: Any) -> Market:
    fields: dict[str, Any] = {
        "seq": 1, "t": NOW, "src": NO_SRC, "lane": "BTC", "checks": (), "key": "m", "market": "0xm", "asset": "BTC",
        "horizon": "5m", "start": NOW, "end": END, "up_token": "up", "down_token": "down", "tick": 100,
        "min_size": 5 * SHARE, "fee_rate": 70_000, "fee_exponent": 1, "rule": Rule("spot", 0),
    }  # fmt: skip
    return Market(**{**fields, **changes})


def mirrored(levels: Levels) -> Levels:
    """A side of one token's book as the other token's opposite side."""
    return tuple((PIP - price, size) for price, size in levels)


class Floor:
    """A venue and the journal it hears. ``now`` moves on with every event; what it reported stands in ``reports``.
    Before every event the venue is pickled and read again, unless told otherwise: its state is plain data."""

    def __init__(self, given: PaperParameters | None = None, is_pickled: bool = True, **market_changes: Any) -> None:
        self._is_pickled = is_pickled
        self.venue = PaperVenue(given or parameters())
        self.now = NOW
        self.seq = 1
        self.reports: list[Report] = []
        self.sent: dict[str, WorkingOrder] = {}
        self.up: TokenBook | None = None
        self.down: TokenBook | None = None
        self.market = market(**market_changes)
        self.hear(self.market)

    # --- the journal ---------------------------------------------------------------------------------------------

    def hear(self, event: AnyEvent) -> list[Report]:
        if self._is_pickled:
            self.venue = pickle.loads(pickle.dumps(self.venue))
        reports = self.venue.hear(event)
        for report in reports:
            order = self.sent[report.order]
            order.advance(report.state)  # raises where a report cannot follow the one before it
            assert (report.fill is not None) == (report.state in ("partly_filled", "filled"))
            if report.fill is not None:
                order.filled += report.fill.size
            assert report.t <= event.t
        self.reports += reports
        return reports

    def _head(self, after: int) -> tuple[int, int, Any, str, tuple[str, ...]]:
        self.now += after
        self.seq += 1
        return self.seq, self.now, NO_SRC, "BTC", ()

    def book(
        self,
        asks: Levels = ASKS,
        bids: Levels = BIDS,
        after: int = MS,
        of: str = "both",
        ok: bool = True,
        tick: int = 100,
        x: int | None = None,
    ) -> list[Report]:
        """A display ``after`` ns, in prices of Up, told ``of`` Up, Down or both."""
        head = self._head(after)
        seq, t = head[:2]
        moment = t if x is None else x
        if of in ("up", "both"):
            self.up = TokenBook("up", bids, asks, tick, seq, t, moment, NO_SRC, NO_SRC, ok)
        if of in ("down", "both"):
            self.down = TokenBook("down", mirrored(asks), mirrored(bids), tick, seq, t, moment, NO_SRC, NO_SRC, ok)
        return self.hear(Book(*head, "m", self.up, self.down))

    def trade(
        self, price: int, shares: float, side: str = "SELL", token: str = "up", after: int = MS, x: int | None = None
    ) -> list[Report]:
        """``price`` and ``side`` (the taker's) of the token."""
        head = self._head(after)
        return self.hear(Trade(*head, "m", token, price, round(shares * SHARE), side, self.now if x is None else x))

    def clock(self, after: int = MS, number: int = 0, stale: tuple[str, ...] = ()) -> list[Report]:
        return self.hear(Clock(*self._head(after), number, (), stale))

    def wait(self, span: int) -> list[Report]:
        """Let time pass, observed each half second."""
        reports: list[Report] = []
        while span > 0:
            step = min(span, SECOND // 2)
            reports += self.hear(Feed(*self._head(step), "polymarket", "c", "pong"))
            span -= step
        return reports

    def tell_market(self, after: int = MS, **changes: Any) -> list[Report]:
        head = self._head(after)
        self.market = market(**{"seq": head[0], "t": head[1], **changes})
        return self.hear(self.market)

    # --- commands ------------------------------------------------------------------------------------------------

    def send(self, **changes: Any) -> str:
        """An order to buy ten shares of Up at 0.50, FAK unless told otherwise; its id."""
        fields: dict[str, Any] = {
            "id": f"o{len(self.sent)}", "decision": "d", "instance": "i", "market_key": "m", "outcome": "Up",
            "side": "buy", "time_in_force": "FAK", "limit": 5000, "size": 10 * SHARE, "sent": self.now, "reserved": 0,
            "reason": Reason.ENTER, "book_age": 5 * SECOND, **changes,
        }  # fmt: skip
        fields.setdefault("token", fields["outcome"].lower())
        takes = fields["time_in_force"] in ("FAK", "FOK")
        fields.setdefault("due", self.venue.arrival(fields["id"], self.market, self.now, 0, takes))
        order = WorkingOrder(**fields)
        self.sent[order.id] = order
        self.venue.send(order)
        return order.id

    def rest(self, **changes: Any) -> str:
        """A GTC order that is in the book when this returns."""
        name = self.send(**{"time_in_force": "GTC", "limit": 4900, **changes})
        self.wait(60 * MS)
        assert self.sent[name].state == "accepted", self.of(name)
        return name

    def take(self, **changes: Any) -> str:
        """An order that takes, and whose end is known when this returns."""
        name = self.send(**changes)
        self.wait(250 * MS)
        assert self.sent[name].state in FINAL, self.of(name)
        return name

    # --- what came of it -----------------------------------------------------------------------------------------

    def of(self, name: str) -> list[Report]:
        return [report for report in self.reports if report.order == name]

    def states(self, name: str) -> list[str]:
        return [report.state for report in self.of(name)]

    def fills(self, name: str) -> list[Execution]:
        return [report.fill for report in self.of(name) if report.fill is not None]

    def amounts(self, name: str) -> list[tuple[int, float]]:
        return [(fill.price, fill.size / SHARE) for fill in self.fills(name)]

    def filled(self, name: str) -> float:
        """Shares."""
        return self.sent[name].filled / SHARE

    def end(self, name: str) -> tuple[str, Reason]:
        """The last state and why."""
        last = self.of(name)[-1]
        return last.state, last.reason
