"""Sharding and live changes of the subscription, against the simulated market channel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve

from connectors.clock import SystemClock
from connectors.polymarket.channel import MarketChannel
from connectors.recorder.writer import FeedWriter
from connectors.simulator.exchange import ExchangeParameters
from connectors.simulator.server import SimulatedExchange
from models.topics import FEED_POLYMARKET
from tests.connectors.recorder.rig import START, Captured, quick_feeds


class Bench:
    def __init__(self, exchange: SimulatedExchange, channel: MarketChannel, outlet: Captured) -> None:
        self.exchange = exchange
        self.channel = channel
        self.outlet = outlet
        self.tokens = list(exchange.core.by_token)

    def asked(self) -> list[set[str]]:
        """What each connection of the server serves."""
        return [set(each.tokens) for each in self.exchange.gateway._subscribers.values()]

    async def until_asked(self, expected: list[set[str]]) -> None:
        for _ in range(9000):
            if sorted(map(sorted, self.asked())) == sorted(map(sorted, expected)):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(self.asked())


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    exchange = SimulatedExchange(ExchangeParameters(horizons=("5m", "15m")), 5.0, START)
    urls = await exchange.start()
    outlet = Captured()
    writer = FeedWriter("r1", "sim", exchange.clock, outlet)
    channel = MarketChannel(quick_feeds(), writer, exchange.clock, urls.polymarket_ws, shard_size=2)
    task = asyncio.create_task(channel.run())
    yield Bench(exchange, channel, outlet)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await exchange.stop()


async def test_tokens_are_spread_over_connections_and_follow_the_wish(bench: Bench) -> None:
    a, b, c, d = bench.tokens[:4]
    await bench.channel.want([a, b, c])
    await bench.until_asked([{a, b}, {c}])
    await bench.channel.want([b, c, d])
    await bench.until_asked([{b, d}, {c}])
    assert bench.channel.tokens == {b, c, d}
    snapshots = [json.loads(frame) for frame in bench.outlet.frames(FEED_POLYMARKET) if frame.startswith(b"[")]
    assert {event["asset_id"] for events in snapshots for event in events} >= {a, b, c}


async def test_all_connections_come_back_with_their_tokens(bench: Bench) -> None:
    a, b, c = bench.tokens[:3]
    await bench.channel.want([a, b, c])
    await bench.until_asked([{a, b}, {c}])
    await bench.exchange.hang_up()
    await bench.until_asked([])
    await bench.channel.want([a, c])  # while nobody is there
    await bench.exchange.listen()
    await bench.until_asked([{a}, {c}])


async def test_unknown_token_is_answered_with_nothing(bench: Bench) -> None:
    await bench.channel.want(["12345"])
    for _ in range(9000):
        if b"[]" in bench.outlet.frames(FEED_POLYMARKET):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(bench.outlet.messages)


async def test_frames_after_unsubscription_are_of_others_only(bench: Bench) -> None:
    market = next(each for each in bench.exchange.core.markets.values() if each.window.start < START)
    await bench.channel.want(market.tokens)
    await bench.until_asked([set(market.tokens)])
    await bench.channel.want([])
    await bench.until_asked([set()])
    before = len(bench.outlet.frames(FEED_POLYMARKET))
    steps = bench.exchange.core.second
    while bench.exchange.core.second < steps + 5:
        await asyncio.sleep(0.02)
    late = bench.outlet.frames(FEED_POLYMARKET)[before:]
    # a few frames may have been under way; then nothing but what everyone is told
    assert all(b'"new_market"' in frame or b'"market_resolved"' in frame for frame in late[3:])


class MarketServer:
    """Speaks the market channel for any token, on a local socket: snapshots for what is asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []  # tokens by connection
        self.operations: list[str] = []

    async def serve(self, socket: ServerConnection) -> None:
        mine: list[str] = []
        self.asked.append(mine)
        async for message in socket:
            if message == "PING":
                await socket.send("PONG")
                continue
            body = json.loads(message)
            self.operations.append(body.get("operation", "first"))
            if body.get("operation") == "unsubscribe":
                mine[:] = [token for token in mine if token not in body["assets_ids"]]
                continue
            mine.extend(token for token in body["assets_ids"] if token not in mine)
            if len(mine) > 500:
                continue  # as the real one is said to do
            await socket.send(json.dumps([{"event_type": "book", "asset_id": token} for token in body["assets_ids"]]))


@pytest.fixture
async def market() -> AsyncIterator[tuple[MarketServer, MarketChannel, Captured]]:
    server, outlet = MarketServer(), Captured()
    async with serve(server.serve, "127.0.0.1", 0, ping_interval=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        clock = SystemClock()
        channel = MarketChannel(quick_feeds(), FeedWriter("r1", "live", clock, outlet), clock, f"ws://127.0.0.1:{port}")
        task = asyncio.create_task(channel.run())
        yield server, channel, outlet
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def snapshots(outlet: Captured) -> list[str]:
    return [event["asset_id"] for frame in outlet.frames(FEED_POLYMARKET) for event in json.loads(frame)]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(9000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not in time")


async def test_450_tokens_on_three_connections_get_a_snapshot_each(
    market: tuple[MarketServer, MarketChannel, Captured],
) -> None:
    server, channel, outlet = market
    tokens = [str(10**20 + number) for number in range(450)]
    await channel.want(tokens)
    await until(lambda: len(snapshots(outlet)) == 450)
    assert sorted(snapshots(outlet)) == sorted(tokens)
    assert sorted(len(mine) for mine in server.asked) == [50, 200, 200]
    assert len(set(channel.serving().values())) == 3 and channel.serving().keys() == set(tokens)


async def test_a_token_is_subscribed_to_anew_on_its_own_connection(
    market: tuple[MarketServer, MarketChannel, Captured],
) -> None:
    server, channel, outlet = market
    tokens = [str(10**20 + number) for number in range(250)]
    await channel.want(tokens)
    await until(lambda: len(snapshots(outlet)) == 250)
    await channel.renew([tokens[240], "999"])
    await until(lambda: len(snapshots(outlet)) == 251)
    assert snapshots(outlet)[-1] == tokens[240] and server.operations[-2:] == ["unsubscribe", "subscribe"]
    conn = channel.serving()[tokens[240]]
    await channel.give_up(conn, "frozen_book: a test")
    await until(lambda: len(snapshots(outlet)) == 301)
    gone = [notice for notice in outlet.notices(FEED_POLYMARKET) if notice.state == "disconnected"]
    assert [(notice.conn, notice.why) for notice in gone] == [(conn, "frozen_book: a test")]
