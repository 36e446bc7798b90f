"""The doors on real sockets against the simulated exchange."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from connectors.recorder.recorder import Endpoints, Recorder
from connectors.simulator.emission import Emission
from models.failures import Failure
from models.markers import Marker, Tick, decode_own
from models.message import Message
from models.telemetry import totals_of
from models.topics import FEED_CLOCK, FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, FEEDS, TELEMETRY
from tests.connectors.recorder.rig import START, quick_feeds, rig


def events(frame: bytes) -> list[dict[str, Any]]:
    body = json.loads(frame)
    return body if isinstance(body, list) else [body]


async def test_every_record_is_numbered_in_one_order() -> None:
    async with rig(speed=20) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > 300 and len(r.outlet.frames(FEED_COINBASE)) > 300)
    records = r.outlet.feed()
    assert [envelope.seq for _, envelope in records] == list(range(len(records)))
    assert {envelope.run for _, envelope in records} == {r.recorder.run_id}
    times = [envelope.recv_ns for _, envelope in records]
    assert times == sorted(times)
    following: dict[str, int] = {}
    for _, envelope in records:
        assert envelope.n == following.get(envelope.conn, 0)
        following[envelope.conn] = envelope.n + 1
    assert all(message.t_ns == envelope.recv_ns for message, envelope in records)
    assert all(" " not in envelope.conn for _, envelope in records)


async def test_markers_stand_first_and_last_in_every_topic() -> None:
    async with rig(speed=20) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > 10)
    for topic in FEEDS:
        records = [decode_own(message.value) for message, _ in r.outlet.feed(topic)]
        markers = [index for index, record in enumerate(records) if isinstance(record, Marker)]
        assert markers == [0, len(records) - 1]
        assert records[0] == Marker("start", r.recorder.run_id, "sim")
        assert records[-1] == Marker("end", r.recorder.run_id, "sim")


async def test_frames_arrive_verbatim_and_in_order() -> None:
    async with rig(speed=20) as r:
        carried: list[Emission] = []
        carry = r.exchange._carry
        r.exchange._carry = lambda emission: (carried.append(emission), carry(emission))[1]  # type: ignore[method-assign]
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > 500)
    sent = [each.frame for each in carried if each.venue == "polymarket" and each.keys]
    got = r.outlet.frames(FEED_POLYMARKET)
    tokens = {token.encode() for token in _subscribed(r.outlet.frames(FEED_POLYMARKET)[0])}
    expected = [frame for frame in sent if any(token in frame for token in tokens)]
    known = [frame for frame in got if frame in set(expected)]
    assert len(known) > 300
    start = expected.index(known[0])
    assert known == expected[start : start + len(known)]
    spot = [json.loads(frame) for frame in r.outlet.frames(FEED_COINBASE)]
    assert [frame["sequence_num"] for frame in spot] == list(range(len(spot)))
    bodies = {each.frame for each in carried if each.venue == "coinbase"}
    raw = r.outlet.frames(FEED_COINBASE)[20:-5]
    assert raw and all(frame[frame.index(b'"events":') + 9 : -1] in bodies for frame in raw)


def _subscribed(snapshot: bytes) -> set[str]:
    return {event["asset_id"] for event in json.loads(snapshot)}


async def test_first_answers_are_snapshots() -> None:
    async with rig(speed=5) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > 3 and len(r.outlet.frames(FEED_COINBASE)) > 8)
    first = events(r.outlet.frames(FEED_POLYMARKET)[0])
    assert len(first) % 2 == 0 and all(event["event_type"] == "book" for event in first)
    spot = [json.loads(frame) for frame in r.outlet.frames(FEED_COINBASE)]
    kinds = {(frame["channel"], frame["events"][0].get("type")) for frame in spot}
    assert {("l2_data", "snapshot"), ("market_trades", "snapshot"), ("ticker", "snapshot")} <= kinds
    assert all("profit" not in frame for frame in spot)


async def test_window_rolls_over_with_subscription_before_opening() -> None:
    """Started 50 s before a window opens; followed to the resolution of the one that was open."""
    async with rig(speed=10) as r:  # five seconds to connect in: at the speed of 60 a busy machine was too late
        old, new = f"btc-updown-5m-{START - 250}", f"btc-updown-5m-{START + 50}"
        await r.until(lambda: any(m["slug"] == old and m["closed"] for m in r.outlet.markets()))
        await r.until(lambda: any("priceToBeat" in str(m) and m["slug"] == new for m in r.outlet.markets()))
    found = {m["slug"]: m for m in r.outlet.markets()}
    tokens = set(json.loads(found[new]["clobTokenIds"]))
    first_ns = next(
        envelope.recv_ns
        for message, envelope in r.outlet.feed(FEED_POLYMARKET)
        if message.value.startswith(b"[") and any(e["asset_id"] in tokens for e in events(message.value))
    )
    assert first_ns < (START + 50) * 1_000_000_000
    assert json.loads(found[old]["outcomePrices"]) in (["1", "0"], ["0", "1"])
    assert {message.key for message, _ in r.outlet.feed(FEED_MARKETS)} >= {old, new}
    # only answers that say something new were published
    one_market = [frame for frame in r.outlet.frames(FEED_MARKETS) if json.loads(frame)["slug"] == old]
    assert 2 <= len(one_market) <= 4


async def test_server_that_went_away_is_found_again_with_new_snapshots() -> None:
    async with rig(speed=5) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > 5 and len(r.outlet.frames(FEED_COINBASE)) > 20)
        await r.exchange.hang_up()
        await r.until(lambda: "refused" in r.outlet.states(FEED_COINBASE))
        await r.until(lambda: "refused" in r.outlet.states(FEED_POLYMARKET))
        await r.exchange.listen()
        await r.until(
            lambda: (
                r.outlet.states(FEED_POLYMARKET).count("subscribed") == 2
                and r.outlet.states(FEED_COINBASE).count("subscribed") == 2
            )
        )
        before = len(r.outlet.feed())
        await r.until(lambda: len(r.outlet.feed()) > before + 60)
    for topic, what in ((FEED_POLYMARKET, b'"event_type":"book"'), (FEED_COINBASE, b'"type":"snapshot"')):
        lines: dict[str, list[bytes]] = {}
        for message, envelope in r.outlet.feed(topic):
            if not message.value.startswith(b'{"profit":'):
                lines.setdefault(envelope.conn, []).append(message.value)
        assert len(lines) == 2
        for frames in lines.values():
            assert any(what in frame for frame in frames[:12])
    gone = next(notice for notice in r.outlet.notices(FEED_POLYMARKET) if notice.state == "disconnected")
    assert gone.frames > 5 and gone.why


async def test_open_but_silent_polymarket_is_given_up() -> None:
    async with rig(feeds=quick_feeds(silence_s=1.5)) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > 2)
        frozen = r.exchange.inject("frozen", venue="polymarket")
        await r.until(lambda: "disconnected" in r.outlet.states(FEED_POLYMARKET))
        assert r.recorder.channel.pulse.counts["pongs"] > 0  # it kept answering
        notice = next(each for each in r.outlet.notices(FEED_POLYMARKET) if each.state == "disconnected")
        assert "no data" in notice.why
        frames = len(r.outlet.frames(FEED_POLYMARKET))
        r.exchange.lift(frozen)
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > frames)
    assert "disconnected" not in r.outlet.states(FEED_COINBASE)[:-1]


async def test_silent_coinbase_is_given_up() -> None:
    async with rig(feeds=quick_feeds(silence_s=1.5)) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_COINBASE)) > 10)
        frozen = r.exchange.inject("frozen", venue="coinbase")
        await r.until(lambda: r.recorder.coinbase.pulse.counts.get("silences", 0) > 0)
        r.exchange.lift(frozen)
        frames = len(r.outlet.frames(FEED_COINBASE))
        await r.until(lambda: len(r.outlet.frames(FEED_COINBASE)) > frames + 10)


async def test_coinbase_gap_is_kept_as_evidence_and_the_connection_renewed() -> None:
    async with rig(speed=5) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_COINBASE)) > 20)
        r.exchange.inject("sequence_gap", skip=2)
        await r.until(lambda: r.outlet.states(FEED_COINBASE).count("subscribed") == 2)
        frames = len(r.outlet.frames(FEED_COINBASE))
        await r.until(lambda: len(r.outlet.frames(FEED_COINBASE)) > frames + 20)
    lines: dict[str, list[int]] = {}
    for message, envelope in r.outlet.feed(FEED_COINBASE):
        if not message.value.startswith(b'{"profit":'):
            lines.setdefault(envelope.conn, []).append(json.loads(message.value)["sequence_num"])
    first, second = lines.values()
    assert first[-1] == first[-2] + 3  # the frame behind the gap was recorded
    assert second == list(range(len(second)))
    notice = next(each for each in r.outlet.notices(FEED_COINBASE) if each.state == "disconnected")
    assert notice.why == f"sequence_num {first[-1]} after {first[-2]}"
    assert notice.frames == len(first)


async def test_gamma_that_asks_for_patience_is_obeyed_and_recovers() -> None:
    async with rig(speed=5, gamma_status=429) as r:
        await r.until(lambda: r.recorder.markets.pulse.counts.get("failures", 0) >= 2)
        assert r.outlet.markets() == []
        r.exchange.lift(0)
        await r.until(lambda: len(r.outlet.markets()) >= 1)
        assert r.outlet.states(FEED_MARKETS) == ["refused", "connected"]


async def test_ticks_and_cuts() -> None:
    async with rig(speed=10) as r:
        await r.until(lambda: len(r.outlet.feed(FEED_CLOCK)) > 20)
        r.recorder.ticks.arrived("control", 3)
        r.recorder.ticks.arrived("control", 3)  # nothing new
        await r.until(lambda: len(r.outlet.feed(FEED_CLOCK)) > 30)
    ticks = [decode_own(message.value) for message, _ in r.outlet.feed(FEED_CLOCK)]
    ticks = [tick for tick in ticks if isinstance(tick, Tick)]
    assert [tick.number for tick in ticks] == list(range(len(ticks)))
    assert [tick.inputs["control"] for tick in ticks if tick.cut] == [3]
    cut = next(tick.number for tick in ticks if tick.cut)
    assert all(tick.inputs["control"] == (3 if tick.number >= cut else 0) for tick in ticks)
    for message, envelope in r.outlet.feed(FEED_CLOCK)[1:-1]:
        tick = decode_own(message.value)
        assert isinstance(tick, Tick) and tick.t_ns == envelope.recv_ns
    regular = [tick.t_ns // 250_000_000 for tick in ticks if not tick.cut]
    assert len(set(regular)) == len(regular)  # at most one in each interval


async def test_telemetry_of_every_door() -> None:
    async with rig(speed=5) as r:
        await r.until(lambda: len([m for m in r.outlet.messages if m.topic == TELEMETRY]) >= 10)
    messages = [message for message in r.outlet.messages if message.topic == TELEMETRY]
    assert [message.ordinal for message in messages] == list(range(len(messages)))
    assert {message.producer for message in messages} == {f"recorder-{r.recorder.run_id}"}
    last = totals_of(messages)
    assert last.keys() == {
        "recorder",
        "connection.polymarket",
        "connection.markets",
        "connection.coinbase",
        "connection.clock",
    }
    assert {record.status for record in last.values()} == {"stopped"}
    assert last["connection.coinbase"].counts["frames"] == len(r.outlet.frames(FEED_COINBASE))
    assert last["connection.coinbase"].counts["bytes"] == len(b"".join(r.outlet.frames(FEED_COINBASE)))


async def test_failing_outlet_ends_the_run_with_its_reason() -> None:
    async with rig(speed=5) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_COINBASE)) > 20)
        urls, taken = r.exchange.urls, Breaking(50)
        endpoints = Endpoints(urls.polymarket_ws, urls.clob_rest, urls.gamma_rest, urls.coinbase_ws)
        other = Recorder(quick_feeds(), endpoints, "sim", r.exchange.clock, taken)
        with pytest.raises(Failure, match="no room"):
            await asyncio.wait_for(other.run(asyncio.Event()), 60)
        assert taken.left == 0


class Breaking:
    """Takes some records and then no more."""

    def __init__(self, room: int) -> None:
        self.left = room

    def put(self, message: Message) -> None:
        if self.left == 0:
            raise Failure("no room.", "Make some.")
        self.left -= 1
