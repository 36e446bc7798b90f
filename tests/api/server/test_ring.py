"""The ring and a client's stream: in order, without gap or double, or with a reset."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.server import stream as stream_module
from api.server.ring import Overtaken, Ring, StreamEvent
from api.server.stream import Figures, StreamClient, StreamFilter

TOPICS = ("fills", "decisions")


def event(topic: str, offset: int, subject: str = "", market: str = "") -> StreamEvent:
    data = json.dumps({"topic": topic, "offset": offset})
    return StreamEvent(topic, offset, topic.removesuffix("s"), data, market=market, subject=subject)


def filled(count: int, capacity: int = 8) -> Ring:
    ring = Ring("r1", capacity)
    for offset in range(count):
        ring.append(event("fills", offset))
    return ring


class Listener:
    """A client, its chunks cut into events."""

    def __init__(
        self, ring: Ring, last_id: str | None = None, topics: tuple[str, ...] = TOPICS, market: str = ""
    ) -> None:
        ready = asyncio.Event()
        ready.set()
        self.figures = Figures()
        wanted = StreamFilter(topics, frozenset(), frozenset({market} if market else ()))
        self._chunks: AsyncIterator[bytes] = StreamClient(ring, wanted, self.figures, ready).chunks(last_id)
        self._waiting: list[dict[str, str]] = []
        self.raw = b""

    async def next(self) -> dict[str, str]:
        while not self._waiting:
            chunk = await asyncio.wait_for(anext(self._chunks), 60)
            self.raw += chunk
            for block in chunk.decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
                if "event" in fields:
                    self._waiting.append(fields)
        return self._waiting.pop(0)

    async def some(self, count: int) -> list[dict[str, str]]:
        return [await self.next() for _ in range(count)]


def test_what_is_gone_cannot_be_read() -> None:
    ring = filled(20)
    with pytest.raises(Overtaken):
        ring.read(12)
    assert [each.offset for each in ring.read(13)] == list(range(12, 20))


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 40))
def test_a_position_is_resumed_only_without_a_gap(count: int, offset: int) -> None:
    position = filled(count).position_after(f"r1@fills:{offset}", ("fills",))
    complete = offset < count and offset >= count - 8 - 1
    assert position == {"fills": offset} if complete else isinstance(position, str)


@pytest.mark.parametrize("last", ["", "r0@fills:1", "r1@fills:", "r1@fills:x", "r1@fills:-1", "1", "r1@fills:9999999"])
def test_a_foreign_id_is_not_resumed(last: str) -> None:
    assert isinstance(filled(3).position_after(last, TOPICS), str)


async def test_a_new_client_gets_what_comes_from_now_on() -> None:
    ring = filled(3)
    listener = Listener(ring)
    hello = await listener.next()
    assert (hello["event"], hello["id"]) == ("hello", "r1@fills:2")
    ring.append(event("fills", 3))
    ring.ring()
    assert (await listener.next())["id"] == "r1@fills:3"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(TOPICS), min_size=1, max_size=30), st.data())
def test_any_cut_is_resumed_without_loss_or_repeat_also_by_another_start(
    topics: list[str], data: st.DataObject
) -> None:
    """Records of two topics; the client is cut anywhere, and goes on at a server that has read them in another order
    between the topics."""
    events: list[StreamEvent] = []
    for topic in topics:
        events.append(event(topic, sum(each.topic == topic for each in events)))

    async def story() -> None:
        first = Ring("r1", 64)
        listener = Listener(first)
        last = (await listener.next())["id"]
        for each in events:
            first.append(each)
        first.ring()
        cut = data.draw(st.integers(0, len(events)))
        got = await listener.some(cut)
        last = got[-1]["id"] if got else last
        second = Ring("r1", 64)
        for each in sorted(events, key=lambda each: each.topic):
            second.append(each)
        again = Listener(second, last)
        assert (await again.next())["event"] == "resumed"
        got += await again.some(len(events) - cut)
        told = sorted(each["data"] for each in got)
        assert told == sorted(each.data for each in events)

    asyncio.run(story())


@pytest.mark.parametrize("last", ["r1@fills:2", "r0@fills:19", "nonsense"])
async def test_a_client_that_was_away_too_long_is_told_to_reset(last: str) -> None:
    listener = Listener(filled(20), last)
    reset = await listener.next()
    assert (reset["event"], reset["id"]) == ("reset", "r1@fills:19")
    assert json.loads(reset["data"])["why"]


async def test_a_client_that_falls_behind_what_is_kept_is_dropped_with_a_reason() -> None:
    ring = filled(1)
    listener = Listener(ring)
    await listener.next()
    for offset in range(1, 12):
        ring.append(event("fills", offset))
    dropped = await listener.next()
    assert dropped["event"] == "dropped"
    assert json.loads(dropped["data"])["why"] == "more than 8 events behind"
    assert listener.figures.dropped == {"overtaken": 1}
    with pytest.raises(StopAsyncIteration):
        await listener.next()


async def test_a_slow_client_gets_the_latest_of_each_thing_and_every_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "BEHIND", 10)
    ring = Ring("r1", 1_000)
    listener = Listener(ring, None, ("telemetry", "fills"))
    await listener.next()
    for number in range(60):
        ring.append(event("telemetry", number, subject=f"module {number % 3}"))
        if number % 10 == 0:
            ring.append(event("fills", number // 10))
    ring.ring()
    got = await listener.some(9)
    assert [each["event"] for each in got].count("fill") == 6
    offsets = [json.loads(each["data"])["offset"] for each in got if each["event"] == "telemetry"]
    assert offsets == [57, 58, 59]
    assert got[-1]["id"] == "r1@telemetry:59;fills:5"
    assert listener.figures.conflated == 57


async def test_a_client_that_comes_back_gets_exactly_what_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much the ring holds that the client has, or did not ask for."""
    monkeypatch.setattr(stream_module, "BEHIND", 10)
    ring = Ring("r1", 1_000)
    for number in range(60):
        ring.append(event("scans", number, subject="the same"))
        ring.append(event("telemetry", number, subject="a module"))
    listener = Listener(ring, "r1@scans:49", ("scans",))
    assert (await listener.next())["event"] == "resumed"
    got = await listener.some(10)
    assert [each["id"] for each in got] == [f"r1@scans:{number}" for number in range(50, 60)]
    assert listener.figures.conflated == 0
    late = Listener(ring, "r1@scans:48", ("scans",))  # one more, and it is too far behind
    assert [each["event"] for each in await late.some(2)] == ["resumed", "scan"]
    assert late.figures.conflated == 10


async def test_pictures_of_several_books_at_one_journal_event_are_all_sent() -> None:
    ring = Ring("r1", 100)
    ring.append(event("journal", 6, subject="a", market="a"))
    both, one = Listener(ring, None, ("journal",)), Listener(ring, None, ("journal",), "b")
    await both.next(), await one.next()
    for market in "ab":
        ring.append(event("journal", 7, subject=market, market=market))
    ring.ring()
    assert [each["id"] for each in await both.some(2)] == ["r1@journal:7"] * 2
    assert (await one.next())["id"] == "r1@journal:7"


@pytest.mark.parametrize("last", ["r1@nope:1", "r1@fills:2;nope:1"])
async def test_an_id_with_a_topic_that_is_none_is_told_to_reset(last: str) -> None:
    reset = await Listener(filled(3), last).next()
    assert reset["event"] == "reset"
    assert json.loads(reset["data"])["why"] == "the id is none of ours"


async def test_a_filter_leaves_out_other_markets_and_the_position_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PING_S", 0.05)
    ring = filled(0)
    listener = Listener(ring, None, ("fills",), "a")
    await listener.next()
    for offset, market in enumerate("abb"):
        ring.append(event("fills", offset, market=market))
    ring.ring()
    assert (await listener.next())["id"] == "r1@fills:0"
    waiting = asyncio.create_task(listener.next())
    async with asyncio.timeout(60):
        while b": heartbeat\nid: r1@fills:2\n" not in listener.raw:
            await asyncio.sleep(0.01)
    waiting.cancel()


async def test_closing_ends_every_stream() -> None:
    ring = filled(0)
    listeners = [Listener(ring) for _ in range(3)]
    for listener in listeners:
        await listener.next()
    waiting = [asyncio.create_task(listener.next()) for listener in listeners]
    await asyncio.sleep(0)  # lets them begin to wait
    ring.close()
    ended = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 60)
    assert all(isinstance(each, RuntimeError | StopAsyncIteration) for each in ended)


ODD_IDS = [
    "r1@fills:\xb2",
    "r1@fills:٣",
    "r1@fills:" + "9" * 5_000,
    "r1@fills: 1",
    "r1@fills:1_0",
    "\x00",
    "²",
    "@",
    "r1@;",
]


@given(st.text() | st.sampled_from(ODD_IDS) | st.builds("r1@{}".format, st.text()))
def test_no_id_is_too_odd(last: str) -> None:
    """It is resumed only from places that we wrote ourselves; everything else is answered with ``reset``."""
    position = filled(5).position_after(last, TOPICS)
    if isinstance(position, dict):
        assert last.startswith("r1@")
        assert all(-1 <= offset < 5 for offset in position.values())
