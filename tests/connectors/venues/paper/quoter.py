"""Quotes on the simulated exchange: what a maker earns who knows nothing, filled by the paper venue.

The exchange's maker has no lag and no error: its quotes stand around the exact fair value, which is a martingale. So a
quote that only follows the displayed book must not earn more than the spread minus what the better informed take from
it. A venue that is kinder than an exchange shows here as money.
"""

from __future__ import annotations

import bisect
from typing import Final, Literal

import msgspec

from connectors.imports.assembly import Assembler
from connectors.imports.frames import Frame
from connectors.imports.summary import ImportSummary
from connectors.simulator.exchange import Exchange, ExchangeParameters
from connectors.venues.paper.parameters import PaperParameters
from connectors.venues.paper.venue import PaperVenue
from models.journal import AnyEvent, Book, Market, TokenBook
from models.money import DOLLAR, PIP, SHARE
from models.orders import FINAL, Execution, WorkingOrder
from models.reasons import Reason
from models.timestamps import MILLISECOND, SECOND
from models.topics import FEED_MARKETS, FEED_POLYMARKET
from tests.recordings import JournalWriter

START: Final = 1_795_000_200 - 1_795_000_200 % 900
WINDOW_S: Final = 300
LATENCY: Final = 15 * MILLISECOND
SIZE: Final = 20 * SHARE
Place = Literal["join", "improve", "behind"]
PLACES: Final[tuple[Place, ...]] = ("join", "improve", "behind")
PARAMETERS: Final = PaperParameters(
    taker_delay=150 * MILLISECOND,
    latency=50 * MILLISECOND,
    jitter=10 * MILLISECOND,
    resolve=SECOND,
    replenish=5 * SECOND,
    least_life=120 * SECOND,
    tick=SECOND,
)


class Run(msgspec.Struct):
    """A simulated window: its journal, the exact fair value of Up by time (Unix ns), and whether Up won."""

    key: str
    events: list[AnyEvent]
    times: list[int]
    fair: list[float]
    up_won: bool

    def fair_at(self, t: int) -> float:
        return self.fair[bisect.bisect_right(self.times, t) - 1]


def simulate(seed: int) -> Run:
    """One five-minute window of the simulated exchange without lag and error, through the market line."""
    given = ExchangeParameters(
        seed=seed, horizons=("5m",), lag_s=0.0, maker_error=0.0, frames_per_s=1.0, resolution_delay_s=2.0
    )
    core = Exchange(given, START)
    market = next(each for each in core.markets.values() if each.window.start == START)
    records = JournalWriter()
    times, fair = [core.now_ns], [market.fair.up()]

    def frames() -> list[Frame]:
        found: list[Frame] = []
        bodies: dict[str, tuple[bool, bool]] = {}
        while core.now_ns < (START + WINDOW_S + 4) * SECOND:
            before = core.now_ns
            for emission in core.step():
                if emission.venue == "polymarket":
                    found.append(Frame(emission.t_ns + LATENCY, FEED_POLYMARKET, "polymarket", "", emission.frame))
            t = core.now_ns
            times.append(t)
            fair.append(market.fair.up())
            if t // SECOND == before // SECOND and bodies:
                continue
            for slug, each in list(core.markets.items()):
                body = each.gamma(t)
                state = (b"priceToBeat" in body, b'"closed":true' in body.replace(b" ", b""))
                if bodies.get(slug) != state:
                    is_new = slug not in bodies
                    bodies[slug] = state
                    found.append(Frame(t + LATENCY, FEED_MARKETS, "gamma", slug, body))
                    if is_new:
                        books = ",".join(each.snapshot(index) for index in (0, 1))
                        found.append(Frame(t + LATENCY, FEED_POLYMARKET, "polymarket", "", f"[{books}]".encode()))
        return found

    Assembler(records, "sim", "sim", ImportSummary("sim")).run(iter(frames()))  # type: ignore[arg-type]
    return Run(market.window.slug, records.events, times, fair, bool(market.up_won))


class Outcome(msgspec.Struct):
    """Dollars of one run. ``earned``: fills against the fair value at the fill; ``settled``: against the result;
    ``spread``: against the fair value when the order came to rest, so that ``earned - spread`` is what the market's
    moves took while it rested (adverse selection). ``by``, ``volume``: dollars earned and shares by evidence."""

    orders: int = 0
    fills: int = 0
    shares: float = 0.0
    earned: float = 0.0
    settled: float = 0.0
    spread: float = 0.0
    by: dict[str, float] = msgspec.field(default_factory=dict)
    volume: dict[str, float] = msgspec.field(default_factory=dict)


class Quoter:
    """Keeps one post-only bid for Up and one for Down, each where ``place`` says: at the best price, a tick before it
    where there is room, or a tick behind."""

    def __init__(self, run: Run, venue: PaperVenue, place: Place) -> None:
        self._run = run
        self._venue = venue
        self._place = place
        self._orders: dict[str, WorkingOrder] = {}  # working, by outcome
        self._all: dict[str, WorkingOrder] = {}
        self._rested: dict[str, float] = {}  # order -> fair value of its token when it came to rest
        self._market: Market | None = None
        self.outcome = Outcome()

    def play(self) -> Outcome:
        for event in self._run.events:
            for report in self._venue.hear(event):
                order = self._all[report.order]
                order.advance(report.state)
                if report.state == "accepted":
                    self._rested[order.id] = self._fair(order, report.t)
                if report.fill is not None:
                    order.filled += report.fill.size
                    self._count(order, report.fill, report.t)
                if report.state in FINAL and self._orders.get(order.outcome) is order:
                    del self._orders[order.outcome]
            if isinstance(event, Market) and event.key == self._run.key:
                self._market = event
            elif isinstance(event, Book) and event.key == self._run.key and self._market is not None:
                self._quote(event, self._market)
        return self.outcome

    def _fair(self, order: WorkingOrder, t: int) -> float:
        up = self._run.fair_at(t)
        return up if order.outcome == "Up" else 1.0 - up

    def _count(self, order: WorkingOrder, fill: Execution, t: int) -> None:
        assert (fill.fee, fill.price) == (0, order.limit)
        shares, price = fill.size / SHARE, fill.gross / fill.size * SHARE / DOLLAR
        worth = float(self._run.up_won == (order.outcome == "Up"))
        out = self.outcome
        out.fills += 1
        out.shares += shares
        out.earned += shares * (self._fair(order, t) - price)
        out.settled += shares * (worth - price)
        out.spread += shares * (self._rested[order.id] - price)
        out.volume[fill.evidence] = out.volume.get(fill.evidence, 0.0) + shares
        out.by[fill.evidence] = out.by.get(fill.evidence, 0.0) + shares * (self._fair(order, t) - price)

    def _quote(self, event: Book, market: Market) -> None:
        for outcome, token in (("Up", event.up), ("Down", event.down)):
            wanted = self._price(token) if token is not None and token.ok and event.t < market.end else None
            order = self._orders.get(outcome)
            if order is not None:
                if order.limit != wanted and not order.cancelling:
                    order.cancelling = True
                    self._venue.cancel(order.id, event.t)
                continue
            if wanted is not None:
                assert token is not None
                self._send(event.t, market, outcome, token, wanted)  # type: ignore[arg-type]

    def _price(self, token: TokenBook) -> int | None:
        bid, ask, tick = token.bids[0][0], token.asks[0][0], token.tick
        if self._place == "improve" and bid + tick < ask:
            return bid + tick
        price = bid - tick if self._place == "behind" else bid
        return price if tick <= price <= PIP - tick else None

    def _send(self, t: int, market: Market, outcome: Literal["Up", "Down"], token: TokenBook, limit: int) -> None:
        name = f"q{len(self._all)}"
        due = self._venue.arrival(name, market, t, 0, takes=False)
        order = WorkingOrder(
            id=name, decision="", instance="quoter", market_key=market.key, token=token.token, outcome=outcome,
            side="buy", time_in_force="GTC", post_only=True, limit=limit, size=SIZE, sent=t, due=due, reserved=0,
            reason=Reason.ENTER, book_age=5 * SECOND,
        )  # fmt: skip
        self._orders[outcome] = self._all[name] = order
        self.outcome.orders += 1
        self._venue.send(order)
