"""Whatever happens, in whatever order: no order goes out that may not, none twice, and the desk hears the truth.

Stories of orders, cancels, the operator's words, silence, faults, trades and restarts, against an exchange in memory.
What may be sent is judged by a model of its own; every report goes through the desk's venue into the desk's blotter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from connectors.venues.polymarket.exchange import (
    Built,
    ExchangeWaits,
    LiveOrder,
    Money,
    NoAnswer,
    OrderRefused,
    OrderSeen,
    OrderTaken,
    TradeSeen,
)
from connectors.venues.polymarket.gateway import LiveGateway
from connectors.venues.polymarket.interlock import Interlock, InterlockLimits
from connectors.venues.remote import RemoteVenue
from flows.trading_line.blotter import Blotter
from models.contracts import VenueCommand
from models.control import Arm, Command, Confirm, Disarm, Instruction, Kill, Release, encode, public_key, sign
from models.inputs import AnyExecution
from models.journal import Input
from models.orders import FINAL, example_order
from models.settings import LiveSettings
from models.timestamps import SECOND
from models.topics import EXECUTIONS
from tests.connectors.venues.paper.exchange import NOW, market

TOKEN = "31" * 32
SETTINGS = LiveSettings(cap_order=10, cap_total=30, armed_s=120, confirm_s=20, heartbeat_s=3, answer_s=5)
SHARE = 1_000_000
#: How often what happens.
WEIGHTS = {
    "order": 24, "happen": 32, "beat": 40, "watch": 12, "arm": 16, "cancel": 4, "query": 4, "cancel_all": 2,
    "disarm": 2, "kill": 1, "release": 6, "file": 1, "unfile": 6, "away": 1, "back": 6, "restart": 1,
}  # fmt: skip


class MemoryExchange:
    """An exchange whose orders and trades can be looked at. ``posted``: (order, when)."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.now = NOW
        self.posted: list[tuple[str, int]] = []
        self.orders: dict[str, OrderSeen] = {}
        self.sizes: dict[str, int] = {}
        self.found: dict[str, TradeSeen] = {}
        self.is_away = False

    def _here(self) -> None:
        if self.is_away:
            raise self._chance.choice([NoAnswer("away"), ExchangeWaits("restarting", 1.0)])

    async def build(self, order: LiveOrder) -> Built:
        money = order.limit * order.size // 10_000
        pays, gets = (money, order.size) if order.side == "buy" else (order.size, money)
        return Built(f"0x{order.salt:x}", pays, gets, order)

    async def post(self, built: Built) -> OrderTaken:
        order = built.signed
        assert isinstance(order, LiveOrder)
        self.posted.append((order.id, self.now))
        self._here()
        fate = self._chance.choice(["taken", "taken", "refused", "lost", "lost filled", "held"])
        if fate == "refused":
            raise OrderRefused("no", "unknown")
        if fate == "lost":
            raise NoAnswer("silence")
        takes = order.kind == "FAK"
        matched = self._chance.choice([order.size, order.size // 2, 0]) if takes and fate != "held" else 0
        self.sizes[built.venue_id] = order.size
        self.orders[built.venue_id] = OrderSeen(built.venue_id, not takes or fate == "held", matched, "LIVE")
        if matched:
            self.match(built.venue_id, matched, order.limit)
        if fate == "lost filled":
            raise NoAnswer("silence")
        if takes and not matched and fate != "held":
            del self.orders[built.venue_id]
            raise OrderRefused("no match", "fak_not_filled")
        return OrderTaken(built.venue_id, "delayed" if fate == "held" else "matched" if matched else "live", matched)

    def match(self, venue_id: str, size: int, price: int = 5_000) -> TradeSeen:
        name = f"t{len(self.found)}"
        half = size // 2
        fills = ((price - 100, half), (price, size - half)) if half else ((price, size),)
        self.found[name] = TradeSeen(name, venue_id, fills, True, "MATCHED")
        return self.found[name]

    def happen(self) -> list[OrderSeen | TradeSeen]:
        """Something at the exchange itself; what its channel says of it."""
        names = sorted(self.orders)
        if self.found and self._chance.random() < 0.6:
            trade = self.found[self._chance.choice(sorted(self.found))]
            if trade.status not in ("CONFIRMED", "FAILED"):
                status = self._chance.choice(["MINED", "RETRYING", "CONFIRMED", "CONFIRMED", "FAILED"])
                self.found[trade.trade] = msgspec.structs.replace(trade, status=status)
            return [self.found[trade.trade]]
        if not names:
            return []
        seen = self.orders[self._chance.choice(names)]
        if not seen.open:
            return [seen]
        left = self.sizes[seen.venue_id] - seen.matched
        if self._chance.random() < 0.5 and left > 1:
            size = self._chance.choice([left, left // 2])
            trade = self.match(seen.venue_id, size)
            seen = msgspec.structs.replace(seen, matched=seen.matched + size, open=size < left)
            self.orders[seen.venue_id] = seen
            return [trade, seen]
        self.orders[seen.venue_id] = msgspec.structs.replace(seen, open=False, status="CANCELED")
        return [self.orders[seen.venue_id]]

    async def cancel(self, venue_id: str) -> bool:
        self._here()
        seen = self.orders.get(venue_id)
        if seen is None or not seen.open:
            return False
        self.orders[venue_id] = msgspec.structs.replace(seen, open=False, status="CANCELED")
        return True

    async def cancel_all(self) -> None:
        self._here()
        for name in sorted(self.orders):
            await self.cancel(name)

    async def open_orders(self) -> list[OrderSeen]:
        self._here()
        return [each for each in self.orders.values() if each.open]

    async def order(self, venue_id: str) -> OrderSeen | None:
        self._here()
        return self.orders.get(venue_id)

    async def trades(self, after: int) -> list[TradeSeen]:
        self._here()
        return list(self.found.values())

    async def heartbeat(self) -> None:
        self._here()

    async def money(self) -> Money:
        return Money(0, 0)

    async def closed_only(self) -> bool:
        return False

    async def resolved(self, condition: str) -> bool:
        self._here()
        return self._chance.random() < 0.3

    async def time(self) -> float:
        return self.now / SECOND

    async def updates(self) -> AsyncIterator[OrderSeen | TradeSeen | None]:
        yield None

    async def close(self) -> None: ...


class Story:
    """A run of the live venue, with the model that says what may be sent."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.exchange = MemoryExchange(self.chance)
        self.now = NOW
        self.reports: list[AnyExecution] = []
        self.commands: list[VenueCommand] = []
        self.remote = RemoteVenue()
        self.remote.hear(market())
        self.blotter = Blotter()
        self.filled: dict[str, int] = {}
        self.ended: dict[str, str] = {}
        self._seq = 1
        # the model
        self.asked = self.armed = self.beaten = 0
        self.killed = self.filed = False
        self.may: dict[str, bool] = {}

    async def begin(self) -> None:
        self.asked = self.armed = self.beaten = 0
        limits = InterlockLimits.of(10, 30, 120, 20, 3)
        self.interlock = Interlock(public_key(TOKEN), "evening", self.folder, limits, self.now)
        if self.killed:
            self.say(Kill())
        self.gateway = LiveGateway(
            self.exchange, self.interlock, SETTINGS, "evening", "", self._publish, lambda: self.now
        )
        self.gateway.restore(self.commands, self.reports)
        self.exchange.is_away = False
        await self.gateway.begin()

    async def _publish(self, reports: list[AnyExecution]) -> None:
        for report in reports:
            self.reports.append(report)
            self._seq += 1
            payload = msgspec.json.encode(report).decode()
            event = Input(self._seq, self.now, (EXECUTIONS, 0, 0), "", (), EXECUTIONS, payload)
            for each in self.remote.hear(event):
                order = self.blotter.apply(each)  # raises for what cannot follow
                self.filled[order.id] = order.filled
                if order.state in FINAL:
                    self.blotter.close(order)
                    self.ended[order.id] = order.state

    def say(self, do: Instruction) -> None:
        self.now += 1
        command = Command(f"c{self.now}", "evening", self.now, "me", do)
        self.interlock.control(encode(sign(command, TOKEN)), self.now)

    @property
    def is_armed(self) -> bool:
        """The model of what lets an order out."""
        return (
            bool(self.armed)
            and self.now - self.armed < 120 * SECOND
            and not self.killed
            and not self.filed
            and bool(self.beaten)
            and self.now - self.beaten <= 3 * SECOND
        )

    async def step(self) -> None:
        self.now += self.chance.choice([1, *[SECOND // 10] * 8, SECOND, 4 * SECOND])
        self.exchange.now = self.now
        (what,) = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if what == "order":
            await self._order()
        elif what in ("cancel", "query", "cancel_all"):
            names = sorted(order.id for order in self.blotter)
            name = self.chance.choice(names) if names else "none"
            if what == "cancel_all":
                self.remote.cancel_all(self.now)
            else:
                (self.remote.cancel if what == "cancel" else self.remote.query)(name, self.now)
            await self._obey()
        elif what == "happen":
            for said in self.exchange.happen():
                if self.chance.random() < 0.8:  # the channel loses some
                    await self.gateway.update(said)
        elif what == "beat":
            self.beaten = self.now
            self.interlock.telemetry(json.dumps({"source": "trading", "timestamp": self.now}).encode())
        elif what == "watch":
            await self.gateway.watch()
        elif what == "restart":
            await self.begin()
        elif what in ("away", "back"):
            self.exchange.is_away = what == "away"
        else:
            self._operator(what)

    def _operator(self, what: str) -> None:
        if what == "arm":
            self.say(Arm())
            self.say(Confirm("amber"))
            self.armed = 0 if self.killed else self.now
        elif what == "disarm":
            self.say(Disarm())
            self.armed = 0
        elif what == "kill":
            self.say(Kill())
            self.killed, self.armed = True, 0
        elif what == "release":
            self.say(Release("kill"))
            self.killed = False
        else:
            self.filed = what == "file"
            path = self.folder / "operator.kill"
            path.touch() if self.filed else path.unlink(missing_ok=True)

    async def _order(self) -> None:
        self.remote.gate = self.chance.choice(["LIVE_ARMED"] * 4 + ["LIVE_DRY_RUN", "PAPER_FULL"])
        order = msgspec.structs.replace(
            example_order(), id=f"main-{self._seq}-{self.now}", market_key="m", sent=self.now,
            limit=self.chance.choice([5_000, 9_000]), size=self.chance.choice([5, 10, 20]) * SHARE,
            time_in_force=self.chance.choice(["FAK", "GTC"]), side=self.chance.choice(["buy", "buy", "sell"]),
        )  # fmt: skip
        if self.remote.gate == "LIVE_DRY_RUN":
            self.remote.rehearse(order)
        else:
            self.blotter.add(order)
            self.remote.send(order)
        self.may[order.id] = self.remote.gate == "LIVE_ARMED" and self.is_armed
        await self._obey()

    async def _obey(self) -> None:
        for command in self.remote.take_commands():
            self.commands.append(command)
            await self.gateway.take(command)
            if self.chance.random() < 0.1:
                await self.gateway.take(command)  # a flow that was restarted writes again

    async def end(self) -> None:
        """Everything comes to its end: the exchange settles all, and is asked."""
        self.exchange.is_away = False
        for name, trade in list(self.exchange.found.items()):
            if trade.status not in ("CONFIRMED", "FAILED"):
                self.exchange.found[name] = msgspec.structs.replace(trade, status="CONFIRMED")
        await self.exchange.cancel_all()
        for _ in range(4):
            self.now += 10 * SECOND
            with contextlib.suppress(NoAnswer, ExchangeWaits):
                await self.gateway.reconcile()


async def tell(seed: int, steps: int, folder: Path) -> int:
    story = Story(seed, folder)
    await story.begin()
    for _ in range(steps):
        await story.step()
    await story.end()
    posted = [name for name, _ in story.exchange.posted]
    assert len(posted) == len(set(posted)), "sent twice"
    assert all(story.may[name] for name in posted), "sent where it may not be"
    assert len(story.blotter) == 0, [order.id for order in story.blotter]
    names = {f"0x{LiveOrder.of(each, 'evening').salt:x}": each.order for each in story.commands if each.do == "send"}
    truth: dict[str, int] = {}
    for trade in story.exchange.found.values():
        if trade.status == "CONFIRMED":
            truth[names[trade.venue_id]] = truth.get(names[trade.venue_id], 0) + trade.size
    assert {name: size for name, size in story.filled.items() if size} == truth
    return len(posted)


@pytest.mark.parametrize("first", range(0, 360, 60))
def test_any_story(first: int) -> None:
    sent = 0
    for seed in range(first, first + 60):
        with tempfile.TemporaryDirectory() as folder:
            sent += asyncio.run(tell(seed, 300, Path(folder)))
    assert sent > 300, "a story in which nothing is sent shows nothing"
