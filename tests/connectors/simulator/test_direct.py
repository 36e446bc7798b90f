"""A recording without sockets against the real recorder on the real servers: the same seed, start and clock.

The exchange behind the servers is stepped by hand, and time goes on only when everything that was said has arrived.
What is left to differ is the order *between* connections within one moment, and the address in the notice
``connecting``.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import NamedTuple

import pytest

from connectors.clock import NS
from connectors.recorder.recorder import Endpoints, Recorder
from connectors.simulator.direct import LATENCY_NS, LOOK_NS, DirectRecording, SteppedClock
from connectors.simulator.exchange import ExchangeParameters
from connectors.simulator.server import SimulatedExchange
from models.envelope import decode_envelope
from models.markers import Notice, decode_own
from models.message import Message
from models.settings import Checks, Feeds
from models.topics import FEED_MARKETS

START = 1_794_999_600 + 240
SECONDS = 95  # the end of a window and its resolution are in it
GIVEN = ExchangeParameters(seed=5, assets=("BTC", "ETH"), horizons=("5m",), frames_per_s=8.0, resolution_delay_s=10.0)
FEEDS = Feeds(assets=["BTC", "ETH"], horizons=["5m"], pong_timeout_s=100_000, cross_check_s=10)


class Received(NamedTuple):
    """A feed record, without its place in the order over all connections."""

    topic: str
    key: str
    recv_ns: int
    n: int
    value: bytes


class Kept:
    """An outlet that keeps the records by connection."""

    def __init__(self) -> None:
        self.by_connection: dict[str, list[Received]] = defaultdict(list)
        self.count = 0

    def put(self, message: Message) -> None:
        if not message.envelope:
            return
        self.count += 1
        envelope = decode_envelope(message.envelope)
        value = message.value
        own = decode_own(value)
        if isinstance(own, Notice) and own.state == "connecting":
            value = b"connecting"
        key, n = message.key, envelope.n
        conn = f"{envelope.conn} {key}" if message.topic == FEED_MARKETS else envelope.conn
        n = len(self.by_connection[conn]) if message.topic == FEED_MARKETS else n  # answers come in any order
        self.by_connection[conn].append(Received(message.topic, key, envelope.recv_ns, n, value))


class Sockets:
    """The recorder's doors on the servers, in step with the exchange."""

    def __init__(self, outlet: Kept) -> None:
        self.outlet = outlet
        self.exchange = SimulatedExchange(GIVEN, 1.0, START)
        self.clock = SteppedClock(START * NS + LATENCY_NS)

    async def run(self) -> None:
        await self.exchange.listen()
        urls = self.exchange.urls
        where = Endpoints(urls.polymarket_ws, urls.clob_rest, urls.gamma_rest, urls.coinbase_ws)
        recorder = Recorder(FEEDS, where, "sim", self.clock, self.outlet, "run", checks=Checks())
        recorder.writer.start()
        tasks = [asyncio.create_task(recorder.coinbase.run())]
        await self.quiet()
        tasks.append(asyncio.create_task(recorder.channel.run()))
        await self.round(recorder)
        core, tick, look = self.exchange.core, FEEDS.clock_ms * 1_000_000, LOOK_NS
        while core.now_ns < (START + SECONDS) * NS:
            if core.next_ns % tick == 0:
                self.clock.t_ns = core.next_ns
                recorder.ticks.tick()
            self.clock.t_ns = core.next_ns + LATENCY_NS
            self.exchange.gateway.step()
            self.exchange._write_all()
            await self.arrived()
            if core.now_ns % NS == 0:
                await self.round(recorder)
            if core.now_ns % look == 0:
                guard = recorder._guard
                await guard.look(recorder.channel, recorder.coinbase)
                await guard.answered()
                await self.quiet()
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for rest in (recorder._gamma, recorder._clob):
            await rest.close()
        recorder.writer.end()
        await self.exchange.stop()

    async def round(self, recorder: Recorder) -> None:
        await recorder.markets.round()
        await self.quiet()

    async def arrived(self) -> None:
        """Every frame sent was received."""
        sessions = self.exchange.truth.sessions
        while sum(len(self._frames(f"run.{each.venue}0")) for each in sessions) < sum(each.sent for each in sessions):
            await asyncio.sleep(0)

    def _frames(self, conn: str) -> list[Received]:
        return self.outlet.by_connection[conn]

    async def quiet(self) -> None:
        """Nothing is said any more: what was asked for over a socket takes a moment to be heard."""
        seen, still = -1, 0
        while still < 5:
            await asyncio.sleep(0.003)
            await self.arrived()
            still = still + 1 if self.outlet.count == seen else 0
            seen = self.outlet.count


@pytest.fixture(scope="module")
def through_sockets() -> Kept:
    kept = Kept()
    asyncio.run(Sockets(kept).run())
    return kept


@pytest.fixture(scope="module")
def direct() -> Kept:
    kept = Kept()
    asyncio.run(DirectRecording(GIVEN, START, FEEDS, kept, "run").run(START + SECONDS))
    return kept


def test_every_connection_gets_the_same_records(through_sockets: Kept, direct: Kept) -> None:
    ours, theirs = direct.by_connection, through_sockets.by_connection
    assert set(ours) == set(theirs)
    for conn, records in theirs.items():
        for number, (one, two) in enumerate(zip(ours[conn], records, strict=False)):
            assert one == two, (conn, number)
        assert len(ours[conn]) == len(records), conn


def test_the_recording_has_every_kind_of_record(direct: Kept) -> None:
    """What is compared above is a whole life: subscriptions, snapshots, REST books, a strike and a resolution."""
    values = b"\n".join(each.value for records in direct.by_connection.values() for each in records)
    for word in (b'"subscriptions"', b'"snapshot"', b'"min_order_size"', b'"priceToBeat"', b'"market_resolved"'):
        assert word in values, word
    assert b'"umaResolutionStatus":"resolved"' in values
    assert any(conn.startswith("run.rest") for conn in direct.by_connection)
