"""Servers that misbehave: whatever comes, no exception leaves the door, and what was received whole is published."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from connectors.clock import SystemClock
from connectors.coinbase.door import CoinbaseDoor
from connectors.polymarket.channel import MarketChannel
from connectors.polymarket.watch import FeedWatch
from connectors.recorder.link import MAX_FRAME
from connectors.recorder.writer import FeedWriter
from models.settings import Checks
from models.topics import FEED_COINBASE, FEED_POLYMARKET
from tests.connectors.recorder.rig import Captured, quick_feeds

Play = Callable[[ServerConnection, int], Awaitable[None]]


class Bench:
    """A server that plays ``play(connection, how many there were before)`` to both doors."""

    def __init__(self, play: Play) -> None:
        self.outlet = Captured()
        self.connections = 0
        self._play = play

    async def handle(self, socket: ServerConnection) -> None:
        number, self.connections = self.connections, self.connections + 1
        await self._play(socket, number)
        await socket.wait_closed()

    def frames(self) -> list[bytes]:
        return self.outlet.frames(self.topic)

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + 90
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, (self.frames()[-3:], self.outlet.notices(self.topic))
            assert not self.task.done(), self.task
            await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def running(self, topic: str) -> AsyncIterator[Bench]:
        self.topic = topic
        clock = SystemClock()
        writer = FeedWriter("r1", "live", clock, self.outlet)
        watch = FeedWatch(Checks(), 10, 30)
        watch.listed("BTC", ("1", "2"), 0, 2**62)
        async with serve(self.handle, "127.0.0.1", 0, ping_interval=None, compression=None, max_size=None) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            if topic == FEED_POLYMARKET:
                channel = MarketChannel(quick_feeds(), writer, clock, url, observer=watch)
                self.door: MarketChannel | CoinbaseDoor = channel
                await channel.want(["1", "2"])
            else:
                self.door = CoinbaseDoor(quick_feeds(), writer, clock, url, watch)
            self.task = asyncio.create_task(self.door.run())
            try:
                yield self
                watch.judge(clock.now_ns(), {"1": "x", "2": "x"})
                assert not self.task.done()
            finally:
                self.task.cancel()
                await asyncio.gather(self.task, return_exceptions=True)


both = pytest.mark.parametrize("topic", [FEED_POLYMARKET, FEED_COINBASE])

GARBAGE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\x00\xff\xfe" * 50,
    b'{"event_type":"book","asset_id":"1"}',
    b'{"event_type":"book","asset_id":"1","bids":[{"price":"x","size":"y"}],"asks":[]}',
    b'[{"event_type":"price_change","price_changes":[{"asset_id":"1"}]}',
    b'{"channel":"l2_data","sequence_num":"7","events":[]}',
    b'{"channel":"ticker","sequence_num": 1 2 3,"events":[{"tickers":[{"product_id":"BTC-USD","price":"x"}]}]}',
    b'{"channel":"ticker","events":[{"tickers":[{"product_id":"BTC-USD"}]}]}',
    b'{"sequence_num":' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    '{"event_type":"book","asset_id":"1","market":"\ud7ff"}'.encode() + b"\xed\xa0\x80",
]


@both
async def test_garbage_is_published_as_it_came(topic: str) -> None:
    async def play(socket: ServerConnection, number: int) -> None:
        # what Coinbase said in a frame that cannot be read can only be had again on a new connection
        for frame in GARBAGE if topic == FEED_POLYMARKET else [GARBAGE[number % len(GARBAGE)]]:
            await socket.send(frame)  # binary
            with contextlib.suppress(UnicodeDecodeError):
                await socket.send(frame.decode())
            socket.transport.write(Frame(Opcode.TEXT, frame).serialize(mask=False))  # text, UTF-8 or not

    async with Bench(play).running(topic) as bench:
        texts = sum(1 for frame in GARBAGE if _is_text(frame))
        if topic == FEED_POLYMARKET:
            await bench.until(lambda: len(bench.frames()) >= 2 * len(GARBAGE) + texts)
            assert bench.connections == 1
        await bench.until(lambda: set(bench.frames()) == set(GARBAGE))


def _is_text(frame: bytes) -> bool:
    try:
        frame.decode()
    except UnicodeDecodeError:
        return False
    return True


@both
async def test_a_frame_beyond_the_bound_costs_the_connection_and_is_counted(topic: str) -> None:
    async def play(socket: ServerConnection, number: int) -> None:
        await socket.send("before")
        if number == 0:
            await socket.send(b"x" * (MAX_FRAME + 1))
        else:
            await socket.send(b"y" * MAX_FRAME)  # exactly as large as allowed

    async with Bench(play).running(topic) as bench:
        await bench.until(lambda: any(len(frame) == MAX_FRAME for frame in bench.frames()))
        assert [len(frame) for frame in bench.frames()] == [6, 6, MAX_FRAME]
        assert bench.door.pulse.counts["oversized"] == 1
        gone = next(notice for notice in bench.outlet.notices(topic) if notice.state == "disconnected")
        assert gone.why == "1009 a frame of more than 24 MiB" and gone.frames == 1


@both
async def test_a_connection_cut_in_the_middle_of_a_frame_loses_that_frame_only(topic: str) -> None:
    async def play(socket: ServerConnection, number: int) -> None:
        for part in range(5):
            await socket.send(f"{number}:{part}")
        if number < 3:
            whole = Frame(Opcode.TEXT, b"z" * 1000).serialize(mask=False)
            socket.transport.write(whole[: 1 + number * 300])
            socket.transport.close()

    async with Bench(play).running(topic) as bench:
        await bench.until(lambda: b"3:4" in bench.frames())
        assert bench.frames() == [f"{number}:{part}".encode() for number in range(4) for part in range(5)]
        gone = [notice for notice in bench.outlet.notices(topic) if notice.state == "disconnected"]
        assert [notice.frames for notice in gone] == [5, 5, 5]


@both
async def test_what_is_no_websocket_is_a_protocol_error(topic: str) -> None:
    async def play(socket: ServerConnection, number: int) -> None:
        await socket.send("before")
        if number == 0:
            socket.transport.write(b"\xff" * 64)  # reserved bits set

    async with Bench(play).running(topic) as bench:
        await bench.until(lambda: bench.connections == 2 and len(bench.frames()) == 2)
        assert bench.door.pulse.counts["protocol_errors"] == 1


@both
async def test_a_frame_in_many_pieces_is_one_frame(topic: str) -> None:
    async def play(socket: ServerConnection, number: int) -> None:
        await socket.send(["a" * 10] * 100)

    async with Bench(play).running(topic) as bench:
        await bench.until(lambda: bench.frames() == [b"a" * 1000])


@both
async def test_a_server_that_is_none_is_refused_and_tried_again(topic: str) -> None:
    outlet, clock, tries = Captured(), SystemClock(), 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        answers = [
            b"",
            b"HTTP/1.1 503 no\r\nRetry-After: 1\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nhello",
        ]
        writer.write(answers[tries % len(answers)])
        tries += 1
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    feed = FeedWriter("r1", "live", clock, outlet)
    if topic == FEED_POLYMARKET:
        door: MarketChannel | CoinbaseDoor = MarketChannel(quick_feeds(), feed, clock, url)
        await door.want(["1"])  # type: ignore[union-attr]
    else:
        door = CoinbaseDoor(quick_feeds(), feed, clock, url)
    task = asyncio.create_task(door.run())
    deadline = asyncio.get_running_loop().time() + 90
    while outlet.states(topic).count("refused") < 6:
        assert not task.done() and asyncio.get_running_loop().time() < deadline, outlet.states(topic)
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.close()
