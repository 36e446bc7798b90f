"""From any single fault of a frame a market is tradable again within 15 s while the exchange works: the real doors
against a stand-in on real sockets, and the market line on what they recorded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from connectors.clock import NS, ScaledClock
from connectors.recorder.recorder import Endpoints, Recorder
from flows.market_line.findings import Finding
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.journal import Book, Spot, decode_event
from models.message import Message, Stored
from models.reasons import Reason
from models.settings import Checks
from models.telemetry import totals_of
from models.topics import JOURNAL, TELEMETRY
from tests.connectors.recorder.rig import Captured, quick_feeds
from tests.connectors.recorder.standin import ASSET, StandIn

START = 1_795_334_400
SLUG = f"{ASSET}-{START}"
WITHIN_S = 15.0
PATIENCE_S = 90.0  # of the test, on a machine that is busy


@dataclass
class Watcher:
    """The line on what was recorded so far. ``tradable``: since when (Unix ns of receipt) both books and spot are
    sound; None while they are not."""

    outlet: Captured
    line: MarketLine = field(default_factory=lambda: MarketLine(bounds_of(Checks()), "main"))
    taken: int = 0
    offsets: dict[str, int] = field(default_factory=dict)
    books: tuple[bool, bool] = (False, False)
    spot: bool = False
    tradable: int | None = None
    reasons: list[str] = field(default_factory=list)

    def look(self) -> None:
        for message in self.outlet.messages[self.taken :]:
            self.taken += 1
            if not message.envelope:
                continue
            offset = self.offsets[message.topic] = self.offsets.get(message.topic, -1) + 1
            record = Stored(
                message.topic, 0, offset, message.key, message.value, message.t_ns, envelope=message.envelope
            )
            for out in self.line.advance(record):
                if isinstance(out, Finding):
                    self.reasons.append(str(out.reason))
                elif isinstance(out, Message) and out.topic == JOURNAL:
                    self._event(out.value)

    def _event(self, raw: bytes) -> None:
        event = decode_event(raw)
        if isinstance(event, Book) and event.key == SLUG:
            self.books = (bool(event.up and event.up.ok), bool(event.down and event.down.ok))
        elif isinstance(event, Spot):
            self.spot = event.ok
        else:
            return
        sound = all(self.books) and self.spot
        self.tradable = (self.tradable or event.t) if sound else None


@dataclass
class Bench:
    exchange: StandIn
    recorder: Recorder
    watcher: Watcher
    clock: ScaledClock

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            self.watcher.look()
            if condition():
                return
            assert asyncio.get_running_loop().time() < deadline, (self.watcher.books, self.watcher.spot)
            await asyncio.sleep(0.02)

    async def tradable(self) -> None:
        await self.until(lambda: self.watcher.tradable is not None)

    @property
    def up(self) -> str:
        return self.exchange.tokens(SLUG)[0]

    def said(self) -> str:
        """The door's latest reason on telemetry."""
        modules = totals_of(m for m in self.watcher.outlet.messages if m.topic == TELEMETRY)
        return modules["connection.polymarket"].last_reason if "connection.polymarket" in modules else ""


@contextlib.asynccontextmanager
async def bench(withheld: str = "") -> AsyncIterator[Bench]:
    clock = ScaledClock(time.time_ns(), (START + 20) * NS, 1.0)
    exchange, outlet = StandIn(clock), Captured()
    exchange.withheld = withheld
    async with exchange.running() as (market, coinbase, http):
        recorder = Recorder(quick_feeds(), Endpoints(market, http, http, coinbase), "live", clock, outlet)
        stop = asyncio.Event()
        running = asyncio.create_task(recorder.run(stop))
        try:
            yield Bench(exchange, recorder, Watcher(outlet), clock)
        finally:
            stop.set()
            await running


async def text(b: Bench) -> None:
    await b.exchange.say("INVALID OPERATION", "NO NEW ASSETS", "", "{}")


async def foreign(b: Bench) -> None:
    ms = b.exchange.ms
    other = {"market": "0xother", "timestamp": ms}
    await b.exchange.say(
        {"event_type": "new_market", "slug": "will-it-rain", "assets_ids": [], "outcomes": ["Yes", "No"], **other},
        {"event_type": "market_resolved", **other},
        {"event_type": "last_trade_price", "asset_id": "77", "price": "0.4", "side": "BUY", **other},
        {"event_type": "book", "asset_id": "77", "bids": "none", **other},
        [b.exchange.change(b.up), {"event_type": "book", "asset_id": 77, "bids": [{}], **other}, 5, None],
    )


async def malformed(b: Bench) -> None:
    await b.exchange.say('{"event_type":"price_change","market":"0x1","price_changes":[{"asset_id":"1","price":')


async def bad_entry(b: Bench) -> None:
    frame = b.exchange.change(b.up)
    frame["price_changes"][0]["size"] = "many"
    await b.exchange.say(frame)


async def lost_change(b: Bench) -> None:
    """Of a bid that becomes the best the frame is lost; the next ones state it."""
    b.exchange.steady = False
    await b.exchange.say(b.exchange.change(b.up, "0.48", best_bid="0.495"))
    await b.until(lambda: Reason.BEST_MISMATCH in b.watcher.reasons)
    b.exchange.steady = True


async def tick_change(b: Bench) -> None:
    b.exchange.tick = "0.001"
    for token in b.exchange.tokens(SLUG):
        frame = {"event_type": "tick_size_change", "market": f"0x{START}", "asset_id": token}
        ticks = {"old_tick_size": "0.01", "new_tick_size": "0.001", "timestamp": b.exchange.ms}
        await b.exchange.say(frame | ticks)


async def wrong_checksum(b: Bench) -> None:
    b.exchange.steady = False  # a quiet market: no other book comes by itself
    await b.exchange.say(b.exchange.book(b.up, event_type="book", last_trade_price="0.5") | {"hash": "0" * 40})


async def from_another_time(b: Bench) -> None:
    b.exchange.steady = False
    late = str(int(b.exchange.ms) - 3_000)
    await b.exchange.say(b.exchange.change(b.up) | {"timestamp": late})


async def odd_spot(b: Bench) -> None:
    b.exchange.odd_spot = (
        b'{"channel":"l2_data","timestamp":"2026-11-22T09:20:00Z","sequence_num":$N,"events":[{"type":"update",'
        b'"product_id":"BTC-USD","updates":[{"side":"bid","price_level":"much","new_quantity":"1"}]}]}'
    )
    await b.until(lambda: b.exchange.odd_spot is None)


FAULTS = [text, foreign, malformed, bad_entry, lost_change, tick_change, wrong_checksum, from_another_time, odd_spot]
HARMLESS = {text, foreign}


@pytest.mark.takes(20)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_after_a_single_fault_a_market_is_tradable_again_within_15_s(
    fault: Callable[[Bench], Awaitable[None]],
) -> None:
    async with bench() as b:
        await b.tradable()
        at = b.clock.now_ns()
        await fault(b)
        if fault in HARMLESS:
            begun = b.watcher.taken
            await b.until(lambda: b.watcher.taken > begun + 40)
            assert b.watcher.tradable is not None and b.watcher.tradable < at, "it never was anything else"
            assert b.exchange.connections == 1 and len(set(b.exchange.subscriptions)) == 1
            assert {Reason.CONTROL_TEXT, Reason.DECODE_ERROR} & {*b.watcher.reasons}, "it is counted all the same"
            print(f"{fault.__name__}: 0.0 s from fault to tradable")
            return
        await b.until(lambda: b.watcher.tradable is None or b.watcher.tradable > at)
        await b.tradable()
        assert b.watcher.tradable is not None
        seconds = (b.watcher.tradable - at) / NS
        print(f"{fault.__name__}: {seconds:.1f} s from fault to tradable; {b.said()}")
        assert 0 < seconds < WITHIN_S


@pytest.mark.takes(30)
@pytest.mark.parametrize("withheld", ["first", "connection"])
async def test_without_a_first_book_it_is_asked_for_anew_and_then_connected_anew(withheld: str) -> None:
    async with bench(withheld) as b:
        at = b.clock.now_ns()
        await b.tradable()
        assert b.watcher.tradable is not None
        seconds = (b.watcher.tradable - at) / NS
        print(f"no first book ({withheld}): {seconds:.1f} s from the start to tradable; {b.said()}")
        assert seconds < WITHIN_S
        await b.until(lambda: any(path.startswith("/book?token_id=") for path in b.exchange.asked))
        assert b.exchange.subscriptions.count(0) >= 2, "and it was subscribed to anew"
        assert b.exchange.connections == (1 if withheld == "first" else 2)
        await b.until(lambda: "no_snapshot: no sound book for" in b.said())
