"""The ring and a client's stream: in order, without gap or double, or with a reset."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sse_starlette import ServerSentEvent

from api.server.ring import Overtaken, Ring
from api.server.stream import events


def filled(count: int, capacity: int = 8) -> Ring:
    ring = Ring("s1", capacity)
    for number in range(1, count + 1):
        ring.append("fill", f'{{"n":{number}}}')
    return ring


async def take(stream: AsyncIterator[ServerSentEvent], count: int) -> list[ServerSentEvent]:
    return [await asyncio.wait_for(anext(stream), 60) for _ in range(count)]


def test_ids_ascend_without_a_gap() -> None:
    ring = filled(3)
    assert [(event.number, event.data) for event in ring.read(1)] == [(1, '{"n":1}'), (2, '{"n":2}'), (3, '{"n":3}')]


def test_what_is_gone_cannot_be_read() -> None:
    ring = filled(20)
    with pytest.raises(Overtaken):
        ring.read(12)
    assert [event.number for event in ring.read(13)] == list(range(13, 21))


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(-3, 40))
def test_a_position_is_resumed_only_without_a_gap(count: int, number: int) -> None:
    ring = filled(count)
    position = ring.position_after(f"s1-{number}")
    complete = number >= 0 and number <= count and number >= count - 8
    assert position == (number + 1 if complete else None)


@pytest.mark.parametrize("last", ["", "s0-3", "s1-", "s1-x", "s1--1", "3", "s1-9999999"])
def test_a_foreign_id_is_not_resumed(last: str) -> None:
    assert filled(3).position_after(last) is None


async def test_a_new_client_gets_what_comes_from_now_on() -> None:
    ring = filled(3)
    stream = events(ring, None)
    (hello,) = await take(stream, 1)
    assert (hello.event, hello.id) == ("hello", "s1-3")
    ring.append("fill", "{}")
    ring.ring()
    (event,) = await take(stream, 1)
    assert (event.event, event.id) == ("fill", "s1-4")


async def test_a_client_that_comes_back_gets_exactly_what_it_missed() -> None:
    ring = filled(6)
    stream = events(ring, "s1-3")
    _, *rest = await take(stream, 4)
    assert [event.id for event in rest] == ["s1-4", "s1-5", "s1-6"]


@pytest.mark.parametrize("last", ["s1-2", "s0-19", "nonsense"])
async def test_a_client_that_was_away_too_long_is_told_to_reset(last: str) -> None:
    ring = filled(20)
    stream = events(ring, last)
    (reset,) = await take(stream, 1)
    assert (reset.event, reset.id) == ("reset", "s1-20")
    ring.append("fill", "{}")
    ring.ring()
    (event,) = await take(stream, 1)
    assert event.id == "s1-21"


async def test_a_client_that_falls_behind_is_dropped() -> None:
    ring = filled(0)
    stream = events(ring, None)
    await take(stream, 1)
    for _ in range(9):
        ring.append("fill", "{}")
    with pytest.raises(StopAsyncIteration):
        await take(stream, 1)


async def test_closing_ends_every_stream() -> None:
    ring = filled(0)
    streams = [events(ring, None) for _ in range(3)]
    for stream in streams:
        await take(stream, 1)
    waiting = [asyncio.create_task(take(stream, 1)) for stream in streams]
    await asyncio.sleep(0)  # lets them begin to wait
    ring.close()
    ended = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 60)
    assert all(isinstance(each, RuntimeError | StopAsyncIteration) for each in ended)


ODD_IDS = [
    "START-\xb2",
    "START-٣",
    "START-" + "9" * 5_000,
    "START- 1",
    "START-+1",
    "START-1_0",
    "START-0x1",
    "\x00",
    "²",
]


@given(st.text() | st.sampled_from(ODD_IDS) | st.builds("{}-{}".format, st.just("START"), st.text()))
def test_no_id_is_too_odd(last: str) -> None:
    """It is resumed only from a number that we wrote ourselves; everything else is answered with ``reset``."""
    ring = Ring("START")
    for number in range(5):
        ring.append("fill", f"{number}")
    position = ring.position_after(last)
    assert position is None or (last.startswith("START-") and last.isascii() and int(last[6:]) + 1 == position)


@pytest.mark.parametrize("last", ODD_IDS)
async def test_an_odd_id_gets_a_reset(last: str) -> None:
    (first,) = await take(events(Ring("START"), last), 1)
    assert first.event == "reset"
