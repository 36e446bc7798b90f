"""A trading line without engine or broker, hand-made events, and a bookkeeper that trusts the messages alone."""

from __future__ import annotations

from typing import Any

import msgspec

from connectors.venues.venue import Venue
from flows.beat import Beat
from flows.quality import Tally
from flows.trading_line.line import TradingLine
from models.contracts import CONTRACTS, Decision, Fill, Order, Outcome, Posting, Scan, Telemetry
from models.journal import NO_SRC, AnyEvent, Book, Clock, Feed, Input, Levels, Market, Spot, Src, TokenBook
from models.message import Message
from models.money import DOLLAR, PIP, SHARE
from models.orders import FINAL
from models.portfolio.sections import AllocationSettings, BreakerSettings, Concentration, ReleaseSettings
from models.record import Record
from models.section import Section
from models.settings import ExecutionSettings, FairValue, Parity, Portfolio, Settings
from models.settlement import Rule
from models.strategies.registry import STRATEGIES
from models.telemetry import ModuleTotals, Totals
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEED_POLYMARKET

START = 1_795_000_200 * SECOND
END = START + 300 * SECOND
KEY = "btc-updown-5m-1795000200"


#: Only ``updown_fair_value`` and ``parity`` are on: what a test counts by hand is theirs.
FIRST_TWO: dict[str, Section] = {
    each.section: each.parameters(enabled=False)  # type: ignore[call-arg]
    for each in STRATEGIES.values()
    if each.name not in ("updown_fair_value", "parity")
}


def settings(**sections: dict[str, Any]) -> Settings:
    """Quick to warm up; everything else as it comes, but for the changes given."""
    fair_value = {"warm_up_s": 0, "sample_s": 1, "half_life_s": 60} | sections.get("fair_value", {})
    return Settings(
        **FIRST_TWO,  # type: ignore[arg-type]
        fair_value=FairValue(**fair_value),
        parity=Parity(**sections.get("parity", {})),
        portfolio=Portfolio(**sections.get("portfolio", {})),
        execution=ExecutionSettings(**({"jitter_ms": 0} | sections.get("execution", {}))),
        allocation=AllocationSettings(**({"enabled": False} | sections.get("allocation", {}))),
        concentration=Concentration(**sections.get("concentration", {})),
        breakers=BreakerSettings(**sections.get("breakers", {})),
        release=ReleaseSettings(**sections.get("release", {})),
    )


class Line:
    """The trading line, its messages apart from what it counts."""

    def __init__(self, chosen: Settings, venue: Venue | None = None) -> None:
        self.trading = TradingLine(chosen, venue)
        self.counted: list[Tally | Beat] = []  # for the windows of counts

    def take(self, event: AnyEvent) -> list[Message]:
        messages: list[Message] = []
        for out in self.trading.advance(event):
            if isinstance(out, Message):
                messages.append(out)
            else:
                self.counted.append(out)
        return messages


class Bookkeeper:
    """Everything the portfolio published, kept and checked after every event: the four laws of its money."""

    def __init__(self, chosen: Settings) -> None:
        self._settings = chosen
        self.accounts: dict[str, int] = {}
        self.reserved: dict[str, int] = {}  # order -> micro-dollars
        self.account_of: dict[str, str] = {}  # order -> where its reservation stands
        self.orders: dict[str, Order] = {}
        self.ordinals: dict[str, int] = {}
        self.records: list[Record] = []
        self.last: list[Record] = []
        self.may_differ = False  # from the venue's truth, and say so
        self._above: dict[str, int] = {}
        self._totals = Totals()

    @property
    def modules(self) -> dict[str, ModuleTotals]:
        """Every module as telemetry has it."""
        return self._totals.modules

    def of(self, kind: type[Record]) -> list[Any]:
        return [record for record in self.records if type(record) is kind]

    def take(self, messages: list[Message]) -> None:
        self.last = []
        transactions: dict[str, int] = {}
        for message in messages:
            if message.topic != "telemetry":
                assert message.ordinal == self.ordinals.get(message.topic, -1) + 1, "numbers without a gap"
                self.ordinals[message.topic] = message.ordinal
            record = CONTRACTS[message.topic].read(message.value)
            assert record.canonical() == message.value
            self.last.append(record)
            if isinstance(record, Posting):
                self.accounts[record.account] = self.accounts.get(record.account, 0) + record.amount
                transactions[record.transaction] = transactions.get(record.transaction, 0) + record.amount
                if record.account.endswith("reserved"):
                    order = record.ref if record.kind != "buy" else record.ref.rpartition(".")[0]
                    self.reserved[order] = self.reserved.get(order, 0) + record.amount
                    self.account_of[order] = record.account
            elif isinstance(record, Order):
                self.orders[record.id] = record
            elif isinstance(record, Telemetry):
                self._totals.take(record)
                self._gauges(self.modules["portfolio"])
        self.records.extend(self.last)
        assert all(amount == 0 for amount in transactions.values()), "each transaction balances"
        self._check()

    def balance(self, prefix: str) -> int:
        total = 0
        for account, amount in self.accounts.items():
            if account.startswith(prefix):
                total += amount
        return total

    def _check(self) -> None:
        assert self.balance("") == 0, "the sum over all accounts is zero"
        for account, amount in self.accounts.items():
            assert amount >= 0 or not account.endswith(("cash", "reserved")), account
        for order, amount in list(self.reserved.items()):
            assert amount >= 0, "a reservation covers the dearest fill"
            assert amount == 0 or self.orders[order].status not in FINAL, "a finished order keeps nothing back"
            if self.orders[order].status in FINAL:
                del self.reserved[order]
        self._check_caps()

    def under(self, chosen: Settings) -> None:
        """Other settings hold from now on. What is above a lowered cap may stay, and not grow."""
        self._settings = chosen
        self._above = {}

    def _check_caps(self) -> None:
        """Of the portfolio's own account: a paper twin has caps of its own."""
        caps = self._settings.portfolio
        bounds = [("", "", caps.cap_total)]
        bounds += [(strategy, "", caps.cap_strategy) for strategy in ("updown_fair_value", "parity")]
        bounds += [("", market, caps.cap_market) for market in {o.market_key for o in self.orders.values()}]
        for strategy, market, cap in bounds:
            self._within(f"{strategy}/{market}", self.committed(strategy, market), cap)
        joint = self._settings.concentration
        self._within("worst joint loss", self.worst_loss(), joint.cap_underlying)

    def _within(self, name: str, amount: int, cap: float) -> None:
        allowed = max(round(cap * DOLLAR), self._above.setdefault(name, amount))
        assert amount <= allowed, name
        self._above[name] = min(self._above[name], amount)

    def worst_loss(self) -> int:
        """Micro-dollars lost if each market goes the worse way, and what would gain then is gone before. All windows
        here end at different moments: each may go wrong. Of the portfolio's account."""
        total = 0
        markets = {order.market_key for order in self.orders.values()}
        for market in markets:
            losses = []
            for loser in ("Up", "Down"):
                loss = 0
                for account, amount in self.accounts.items():
                    if account.startswith("position:") and account.split(":")[2:] == [market, loser]:
                        loss += amount
                for name, amount in self.reserved.items():
                    order = self.orders.get(name)
                    if order is not None and self.account_of[name] == "reserved":
                        loss += amount if (order.market_key, order.outcome) == (market, loser) else 0
                losses.append(loss)
            total += max(losses)
        return total

    def committed(self, strategy: str, market: str) -> int:
        """Micro-dollars in positions at cost and in reservations, of the portfolio's account."""
        total = 0
        for account, amount in self.accounts.items():
            if account.startswith("position:"):
                _, owner, key, _ = account.split(":")
                if strategy in ("", owner) and market in ("", key):
                    total += amount
        for name, amount in self.reserved.items():
            order = self.orders.get(name)
            if (
                order is not None
                and self.account_of[name] == "reserved"
                and strategy in ("", order.strategy)
                and market in ("", order.market_key)
            ):
                total += amount
        return total

    def _gauges(self, row: ModuleTotals) -> None:
        gauges = {name: float(value or 0) for name, value in row.gauges.items() if not isinstance(value, str)}
        expected = self._settings.portfolio.capital + gauges["realised"] + gauges["unrealised"]
        assert abs(gauges["equity"] - expected) < 1e-6
        assert gauges["ledger_imbalance"] == 0
        assert gauges["anomaly"] == 0 or self.may_differ
        assert round(gauges["cash"] * DOLLAR) == self.accounts["cash"]
        assert round(gauges["reserved"] * DOLLAR) == self.accounts.get("reserved", 0)
        assert round(gauges["realised"] * DOLLAR) == -self.balance("pnl:") - self.balance("fees:")


class Scene:
    """A line, its bookkeeper, and events made by hand. ``now`` is the time of the next one."""

    def __init__(self, chosen: Settings | None = None, venue: Venue | None = None) -> None:
        self.settings = chosen or settings()
        self.line = Line(self.settings, venue)
        self.books = Bookkeeper(self.settings)
        self.now = START
        self.seq = 0
        self.price = 60_000.0
        self.up: TokenBook | None = None
        self.down: TokenBook | None = None
        self.definition: Market | None = None
        self.key = KEY

    def put(self, event: AnyEvent) -> list[Record]:
        self.books.take(self.line.take(event))
        return self.books.last

    def _head(self, topic: str, lane: str = "BTC") -> dict[str, Any]:
        head: dict[str, Any] = {"seq": self.seq, "t": self.now, "src": (topic, 0, self.seq), "lane": lane, "checks": ()}
        self.seq += 1
        return head

    def market(self, **changes: Any) -> list[Record]:
        fields: dict[str, Any] = {
            "key": self.key, "market": "0xm", "asset": "BTC", "horizon": "5m", "start": START, "end": END,
            "up_token": "up", "down_token": "down", "tick": 100, "min_size": 5 * SHARE, "fee_rate": 70_000,
            "fee_exponent": 1, "rule": Rule("spot", 0), "strike": 60_000 * DOLLAR,
        }  # fmt: skip
        if self.definition is not None:
            fields |= {name: getattr(self.definition, name) for name in fields}
        self.definition = Market(**self._head("feed.markets"), **(fields | changes))
        return self.put(self.definition)

    def resolve(self, up: int, down: int | None = None) -> list[Record]:
        return self.market(payout_up=up, payout_down=PIP - up if down is None else down, resolved_by="gamma")

    def token(self, name: str, bids: Levels, asks: Levels, ok: bool = True) -> TokenBook:
        src: Src = (FEED_POLYMARKET, 0, self.seq)
        return TokenBook(name, bids, asks, 100, self.seq, self.now, self.now, src, src, ok, () if ok else ("x",))

    def quote(self, bid: int, ask: int, size: int = 1_000, ok: bool = True, pair: bool = True) -> list[Record]:
        """Up at bid and ask (cents), Down mirrored; ``size`` shares a level."""
        shares = size * SHARE
        self.up = self.token("up", ((bid * 100, shares),), ((ask * 100, shares),), ok)
        self.down = self.token("down", ((PIP - ask * 100, shares),), ((PIP - bid * 100, shares),), ok)
        return self.book(pair)

    def book(self, pair: bool = True, checks: tuple[str, ...] = ()) -> list[Record]:
        head = self._head(FEED_POLYMARKET) | {"checks": checks}
        return self.put(Book(**head, key=self.key, up=self.up, down=self.down, pair_ok=pair))

    def spot(self, price: float | None = None, ok: bool = True) -> list[Record]:
        self.price = self.price if price is None else price
        micro = round(self.price * DOLLAR)
        levels: Levels = ((micro, SHARE),)
        return self.put(
            Spot(
                **self._head(FEED_COINBASE), product="BTC-USD", price=micro, bids=levels, asks=levels, x=self.now, ok=ok
            )
        )

    def clock(
        self,
        stale_books: tuple[str, ...] = (),
        stale_spots: tuple[str, ...] = (),
        stale_feeds: tuple[str, ...] = (),
    ) -> list[Record]:
        head = self._head("feed.clock", "")
        return self.put(
            Clock(
                **head,
                number=self.seq,
                stale_feeds=stale_feeds,
                stale_books=stale_books,
                stale_spots=stale_spots,
            )
        )

    def note(self, what: str = "note") -> list[Record]:
        return self.put(Feed(**self._head("feed.clock", ""), feed="f", conn="c", what=what))

    def input(self, topic: str, payload: str) -> list[Record]:
        head = self._head(topic, "")
        return self.put(Input(**head, topic=topic, payload=payload))  # type: ignore[arg-type]

    def later(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    def warm_up(self, seconds: int = 20) -> None:
        """A wiggling spot at the strike, and fair quotes: nothing to trade. It comes too late to tell the strike."""
        self.market()
        self.later(2)
        for second in range(seconds):
            self.later(1)
            self.spot(60_000.0 + (1.5 if second % 2 else -1.5))
            self.quote(49, 51)
            self.clock()

    def lead(self, dollars: float) -> None:
        """Spot is now so far above the strike, told while no book is fit for trading."""
        self.later(0.5)
        self.quote(49, 51, ok=False)
        self.market(strike=round((60_000 - dollars) * DOLLAR))
        self.spot()

    def buy(self, lead: float = 60.0, ask: int = 60, size: int = 1_000) -> list[Record]:
        """The quotes lag behind spot: an order for Up is decided."""
        self.lead(lead)
        return self.quote(ask - 1, ask, size)

    def settle_order(self) -> list[Record]:
        """Time goes on past the delay of the order, the quotes standing."""
        self.later(0.25)
        return self.clock()

    def orders(self, status: str) -> list[Order]:
        return [order for order in self.books.of(Order) if order.status == status]

    def decisions(self, action: str) -> list[Decision]:
        return [each for each in self.books.of(Decision) if each.action == action]

    def fills(self) -> list[Fill]:
        return self.books.of(Fill)

    def outcomes(self) -> list[Outcome]:
        return self.books.of(Outcome)

    def scans(self) -> list[Scan]:
        return self.books.of(Scan)


def spoilt(token: TokenBook, **changes: Any) -> TokenBook:
    return msgspec.structs.replace(token, **changes)


__all__ = ["END", "FIRST_TWO", "KEY", "NO_SRC", "START", "Bookkeeper", "Line", "Scene", "settings", "spoilt"]
