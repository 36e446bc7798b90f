"""Faults that only sockets have, through the real doors; and the books of what was sent and received."""

from __future__ import annotations

import json

import httpx
import pytest

from connectors.simulator.faults.timeline import TimelineError
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET
from tests.connectors.recorder.rig import Rig, quick_feeds, rig

FEEDS_OF = {"polymarket": FEED_POLYMARKET, "coinbase": FEED_COINBASE}


async def flowing(r: Rig, more: int = 20) -> None:
    """Both feeds have frames, and go on having them."""
    before = {topic: len(r.outlet.frames(topic)) for topic in FEEDS_OF.values()}
    await r.until(lambda: all(len(r.outlet.frames(topic)) >= count + more for topic, count in before.items()))


@pytest.mark.parametrize("venue", ["polymarket", "coinbase"])
async def test_a_frame_cut_in_the_middle_ends_the_connection_and_is_not_recorded(venue: str) -> None:
    topic = FEEDS_OF[venue]
    async with rig(speed=5) as r:
        await flowing(r)
        r.exchange.inject("disconnect", venue=venue)
        await r.until(lambda: r.outlet.states(topic).count("subscribed") == 2)
        await flowing(r)
        first = next(each for each in r.exchange.truth.sessions if each.venue == venue)
    assert first.cut == 1 and first.why == "cut in mid-frame"
    gone = next(notice for notice in r.outlet.notices(topic) if notice.state == "disconnected")
    assert gone.frames == first.sent  # all that went before the cut arrived, and nothing of the cut one
    for frame in r.outlet.frames(topic):
        json.loads(frame)
    (stroke,) = r.exchange.truth.injected
    assert (stroke.kind, stroke.session, stroke.frame) == ("disconnect", first.id, first.sent)


async def test_a_client_is_sent_away_as_too_slow() -> None:
    async with rig(speed=5) as r:
        await flowing(r)
        r.exchange.inject("slow_consumer", venue="coinbase")
        await r.until(lambda: r.outlet.states(FEED_COINBASE).count("subscribed") == 2)
    notice = next(each for each in r.outlet.notices(FEED_COINBASE) if each.state == "disconnected")
    assert "1008 slow consumer" in notice.why


async def test_connections_are_refused_for_a_time_and_the_other_venue_goes_on() -> None:
    async with rig(speed=5) as r:
        await flowing(r)
        number = r.exchange.inject("refused", venue="polymarket")
        await r.until(lambda: r.outlet.states(FEED_POLYMARKET).count("refused") >= 3)
        refused = [each for each in r.outlet.notices(FEED_POLYMARKET) if each.state == "refused"]
        r.exchange.lift(number)
        await r.until(lambda: r.outlet.states(FEED_POLYMARKET).count("subscribed") == 2)
        await flowing(r)
    assert any("Connect call failed" in notice.why or "refused" in notice.why.lower() for notice in refused)
    assert r.outlet.states(FEED_COINBASE).count("subscribed") == 1
    assert r.exchange.truth.by_kind["refused"] >= 1


@pytest.mark.parametrize("status", [425, 429, 503])
async def test_http_status_with_retry_after(status: int) -> None:
    async with rig(speed=5) as r:
        urls = r.exchange.urls
        r.exchange.inject("http_status", host="clob", status=status, retry_after_s=3, count=1)
        async with httpx.AsyncClient() as client:
            reported = await client.get(f"{urls.clob_rest}/time")
            again = await client.get(f"{urls.clob_rest}/time")
    assert (reported.status_code, reported.headers["Retry-After"]) == (status, "3")
    assert again.status_code == 200


async def test_rest_stays_true_while_the_stream_is_not_and_lies_when_told_to() -> None:
    async with rig(speed=5) as r:
        await flowing(r)
        exchange = r.exchange
        market = next(each for each in exchange.core.markets.values() if each.open)
        url, token = f"{exchange.urls.clob_rest}/book", market.tokens[0]
        exchange.inject("crossed_book", outcome="up")
        exchange.inject("frozen", venue="polymarket")
        async with httpx.AsyncClient() as client:
            true = (await client.get(url, params={"token_id": token})).json()
            stale = exchange.inject("rest_stale")
            stored = (await client.get(url, params={"token_id": token})).content
            await r.until(lambda: market.rest_book(0) != stored)
            assert (await client.get(url, params={"token_id": token})).content == stored
            exchange.lift(stale)
            assert (await client.get(url, params={"token_id": token})).content != stored
    assert max(float(each["price"]) for each in true["bids"]) < min(float(each["price"]) for each in true["asks"])


async def test_sent_is_recorded_exactly_when_every_connection_is_read_to_its_end() -> None:
    """Frames that are lost, doubled and late are lost, doubled and late before they are counted as sent."""
    async with rig(speed=5, feeds=quick_feeds(silence_s=30)) as r:
        await flowing(r)
        for kind in ("lost", "duplicated", "reordered", "malformed"):
            r.exchange.inject(kind, venue="polymarket", probability=0.2, for_s=20)
        r.exchange.inject("delayed", venue="polymarket", probability=0.1, for_s=5, delay_s=0.5)
        await r.until(lambda: len(r.exchange.truth.by_kind) == 5)
        await flowing(r, 100)
        await r.exchange.hang_up()  # closes in good order: what was sent before is still read
        await r.until(lambda: "disconnected" in r.outlet.states(FEED_POLYMARKET))
        await r.until(lambda: "disconnected" in r.outlet.states(FEED_COINBASE))
        for venue, topic in FEEDS_OF.items():
            sent = sum(each.sent for each in r.exchange.truth.sessions if each.venue == venue)
            assert sent == len(r.outlet.frames(topic))


async def test_truth_and_faults_over_http() -> None:
    async with rig(speed=5) as r:
        await flowing(r)
        r.exchange.inject("unknown_frame", venue="coinbase", count=2)
        r.exchange.inject("frozen", venue="polymarket")
        await r.until(lambda: r.exchange.truth.by_kind["unknown_frame"] == 2)
        base = r.exchange.urls.clock.removesuffix("/clock")
        async with httpx.AsyncClient() as client:
            truth = (await client.get(f"{base}/truth", params={"last": 1})).json()
            faults = (await client.get(f"{base}/faults")).json()
        frames = r.exchange.truth.sent("coinbase")
    assert 0 < truth["frames"]["coinbase"] <= frames
    assert truth["injected"]["unknown_frame"] == 2
    assert len(truth["last"]) == 1 and truth["open"] == 2
    assert [each["kind"] for each in faults["running"]] == ["frozen"]
    assert faults["timeline"] == [] and faults["coming"] == 0


async def test_a_fault_that_is_none_is_refused() -> None:
    async with rig(speed=5) as r:
        with pytest.raises(TimelineError, match="venue"):
            r.exchange.inject("frozen")
        await r.until(lambda: len(r.outlet.frames(FEED_MARKETS)) > 0)
