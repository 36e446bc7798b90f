"""Sharding and live changes of the subscription, against the simulated market channel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from connectors.polymarket.channel import MarketChannel
from connectors.recorder.writer import FeedWriter
from connectors.simulator.exchange import Parameters
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
        return [session.tokens for session in self.exchange._polymarket]

    async def until_asked(self, expected: list[set[str]]) -> None:
        for _ in range(1000):
            if sorted(map(sorted, self.asked())) == sorted(map(sorted, expected)):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(self.asked())


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    exchange = SimulatedExchange(Parameters(horizons=("5m", "15m")), 5.0, START)
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
    for _ in range(500):
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
