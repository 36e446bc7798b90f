"""The servers: what a client of the real exchanges relies on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect

from connectors.clock import ScaledClock
from connectors.simulator.child import follow_clock
from connectors.simulator.exchange import ExchangeParameters
from connectors.simulator.server import SimulatedExchange
from models.failures import Failure

START = 1_795_334_400 + 200


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    simulated = SimulatedExchange(ExchangeParameters(horizons=("5m",)), 10.0, START)
    await simulated.start()
    yield simulated
    await simulated.stop()


async def test_http_answers(exchange: SimulatedExchange) -> None:
    urls = exchange.urls
    async with httpx.AsyncClient() as client:
        market = (await client.get(f"{urls.gamma_rest}/markets/slug/btc-updown-5m-{START - 200}")).json()
        token = json.loads(market["clobTokenIds"])[0]
        book = (await client.get(f"{urls.clob_rest}/book", params={"token_id": token})).json()
        clob = (await client.get(f"{urls.clob_rest}/markets/{market['conditionId']}")).json()
        moment = (await client.get(f"{urls.clob_rest}/time")).json()
        missing = await client.get(f"{urls.gamma_rest}/markets/slug/unknown")
        geoblock = (await client.get(f"{urls.clob_rest}/api/geoblock")).json()
    assert market["orderMinSize"] == 5 and market["feeSchedule"]["rate"] == 0.07
    assert market["eventStartTime"] == "2026-11-22T08:00:00Z" and market["endDate"] == "2026-11-22T08:05:00Z"
    assert market["cryptoMarketConfig"]["id"] == "btc-5m-twap-60"
    assert book["asset_id"] == token and book["min_order_size"] == "5" and len(book["bids"]) >= 1
    assert [each["outcome"] for each in clob["tokens"]] == ["Up", "Down"]
    assert clob["tokens"][0]["token_id"] == token
    assert START <= moment < START + 3600
    assert missing.status_code == 404
    assert geoblock["blocked"] is False


async def test_clock_runs_at_its_speed(exchange: SimulatedExchange) -> None:
    async with httpx.AsyncClient() as client:
        first = (await client.get(exchange.urls.clock)).json()
    assert first["speed"] == 10.0
    assert first["slipped_s"] > 0 or first["sim_epoch_ns"] == START * 1_000_000_000  # a busy machine lets time slip
    real = time.time_ns()
    simulated = exchange.clock.now_ns()
    assert abs(simulated - (first["sim_epoch_ns"] + (real - first["epoch_ns"]) * 10)) < 1_000_000_000


async def test_market_channel_conversation(exchange: SimulatedExchange) -> None:
    tokens = list(exchange.core.by_token)[:2]
    async with connect(exchange.urls.polymarket_ws) as socket:
        await socket.send(json.dumps({"assets_ids": tokens, "type": "market"}))
        first = json.loads(await socket.recv())
        assert [each["asset_id"] for each in first] == tokens
        assert all("tick_size" in each and "last_trade_price" in each for each in first)
        await socket.send("PING")
        async with asyncio.timeout(60):
            while (frame := await socket.recv()) != "PONG":
                assert json.loads(frame)["event_type"] in (
                    "book",
                    "price_change",
                    "last_trade_price",
                    "tick_size_change",
                )
        await socket.send(json.dumps({"operation": "subscribe", "assets_ids": ["1"], "custom_feature_enabled": True}))
        seen: set[str] = set()
        async with asyncio.timeout(20):
            while not {"empty", "best_bid_ask"} <= seen:
                body = json.loads(await socket.recv())
                seen.add("empty" if body == [] else body["event_type"])
        await socket.send("nonsense")
        async with asyncio.timeout(60):
            while await socket.recv() != "INVALID OPERATION":
                pass


async def test_no_snapshot_when_none_is_wanted(exchange: SimulatedExchange) -> None:
    tokens = list(exchange.core.by_token)[:1]
    async with connect(exchange.urls.polymarket_ws) as socket:
        await socket.send(json.dumps({"assets_ids": tokens, "type": "market", "initial_dump": False}))
        assert isinstance(json.loads(await socket.recv()), dict)


async def test_coinbase_numbers_everything_on_a_connection(exchange: SimulatedExchange) -> None:
    async with connect(exchange.urls.coinbase_ws, max_size=None) as socket:
        for channel in ("ticker", "heartbeats", "level2"):
            body = {"type": "subscribe", "channel": channel}
            await socket.send(json.dumps(body if channel == "heartbeats" else body | {"product_ids": ["BTC-USD"]}))
        frames = []
        async with asyncio.timeout(20):
            while len(frames) < 200 or not any(frame["channel"] == "heartbeats" for frame in frames):
                frames.append(json.loads(await socket.recv()))
    assert [frame["sequence_num"] for frame in frames] == list(range(len(frames)))
    assert {frame["channel"] for frame in frames} == {"subscriptions", "ticker", "l2_data", "heartbeats"}
    snapshot = next(index for index, frame in enumerate(frames) if frame["events"][0].get("type") == "snapshot")
    assert all(frame["channel"] != "l2_data" for frame in frames[:snapshot])


@pytest.mark.parametrize(
    "body",
    [
        {"type": "subscribe", "channel": "level2", "product_ids": ["NO-USD"]},
        {"type": "subscribe", "channel": "full"},
        5,
    ],
)
async def test_coinbase_refuses_what_it_does_not_know(exchange: SimulatedExchange, body: object) -> None:
    async with connect(exchange.urls.coinbase_ws) as socket:
        await socket.send(json.dumps(body))
        assert json.loads(await socket.recv())["type"] == "error"


async def test_simulated_time_starts_now_by_default() -> None:
    simulated = SimulatedExchange(ExchangeParameters(horizons=("5m",)))
    assert abs(simulated.clock.now_ns() - time.time_ns()) < 50_000_000


async def test_taken_port_is_a_failure(exchange: SimulatedExchange) -> None:
    taken = int(exchange.urls.coinbase_ws.rpartition(":")[2])
    other = SimulatedExchange(ExchangeParameters(horizons=("5m",)), ports=(0, taken, 0))
    with pytest.raises(Failure, match=str(taken)):
        await other.start()
    await other.stop()


async def test_time_slips_instead_of_frames_coming_late(exchange: SimulatedExchange) -> None:
    clock = read_clock_of(exchange)
    following = asyncio.create_task(follow_clock(clock, exchange.urls))
    before = exchange.clock.epoch_ns
    exchange.clock.rebase(exchange.clock.epoch_ns - 2_000_000_000, exchange.clock.sim_epoch_ns)  # 20 s behind at once
    async with asyncio.timeout(60):
        while exchange.slipped_s == 0.0 or clock.epoch_ns != exchange.clock.epoch_ns:
            await asyncio.sleep(0.01)
    following.cancel()
    assert exchange.clock.epoch_ns > before
    assert exchange.slipped_s > 1.0
    async with asyncio.timeout(60):  # at any moment it may be behind again, on a busy machine
        while abs(exchange.clock.now_ns() - exchange.core.now_ns) >= 5_000_000_000:
            await asyncio.sleep(0.01)
    assert clock.sim_epoch_ns == exchange.clock.sim_epoch_ns


def read_clock_of(exchange: SimulatedExchange) -> ScaledClock:
    """A second clock, as another process would have it."""
    return ScaledClock(exchange.clock.epoch_ns, exchange.clock.sim_epoch_ns, exchange.clock.speed)


@pytest.mark.parametrize(("later_s", "runs_on"), [(500, False), (-500, True)])
async def test_receipts_do_not_run_backwards_when_another_exchange_takes_over(later_s: int, runs_on: bool) -> None:
    first = SimulatedExchange(ExchangeParameters(horizons=("5m",)), 10, START)
    urls = await first.start()
    clock = read_clock_of(first)
    clock.speed = 1  # put right by the first look at the exchange
    following = asyncio.create_task(follow_clock(clock, urls))
    async with asyncio.timeout(60):
        while clock.speed == 1:
            await asyncio.sleep(0.01)
    await first.stop()
    seen = [clock.now_ns()]
    ports = (first._ports[0], first._ports[1], first._ports[2])
    second = SimulatedExchange(ExchangeParameters(horizons=("5m",)), 20, START + later_s, ports=ports)
    await second.start()
    try:
        async with asyncio.timeout(60):
            while clock.speed != 20:
                seen.append(clock.now_ns())
                await asyncio.sleep(0.01)
        seen.append(clock.now_ns())
        assert seen == sorted(seen)
        assert (clock.now_ns() - second.clock.now_ns() > 400_000_000_000) == runs_on
        before = clock.now_ns()
        await asyncio.sleep(0.1)
        assert clock.now_ns() - before >= 20 * 90_000_000  # and it does not stand still
    finally:
        following.cancel()
        await second.stop()


async def test_followers_of_the_clock_hear_of_a_slip_at_once_and_do_not_keep_the_exchange_from_ending() -> None:
    exchange = SimulatedExchange(ExchangeParameters(horizons=("5m",)), 10, START)
    urls = await exchange.start()
    async with httpx.AsyncClient(timeout=60) as client, client.stream("GET", f"{urls.clock}/lines") as answer:
        lines = answer.aiter_lines()
        first = json.loads(await anext(lines))
        assert first["epoch_ns"] == exchange.clock.epoch_ns
        exchange.clock.rebase(exchange.clock.epoch_ns - 2_000_000_000, exchange.clock.sim_epoch_ns)  # 20 s behind
        while json.loads(await anext(lines))["slipped_s"] == first["slipped_s"]:
            pass
        await exchange.stop()
        assert [line async for line in lines if not line.startswith("{")] == []  # it ends, without an error
