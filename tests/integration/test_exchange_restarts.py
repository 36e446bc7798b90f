"""The exchange breaks off fifty times: every frame is either in the feed topics or counted as lost in flight.

The sums: what the exchange handed to a connection's socket, less what the recorder says it received on that
connection (``Notice.frames``), was lost on the way. Nothing else may be missing, come twice, or differ by a byte: what
was received on a connection is the beginning of what was sent on it.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from connectors.simulator.faults.truth import Session
from models.markers import Notice
from models.topics import FEED_COINBASE, FEED_POLYMARKET
from tests.connectors.recorder.rig import Rig, rig

RESTARTS = int(os.environ.get("PROFIT_TEST_RESTARTS", "50"))
VENUES = {"polymarket": FEED_POLYMARKET, "coinbase": FEED_COINBASE}


async def break_off(r: Rig, rng: Random) -> None:
    """Either as a server that ends in good order, or as one that is killed: sockets reset, whatever they still hold."""
    exchange = r.exchange
    if rng.random() < 0.6:
        for connection in list(exchange._sockets.values()):
            connection.transport.abort()
    await exchange.hang_up()


def connections(r: Rig, topic: str) -> dict[str, list[bytes]]:
    """Frames by connection id, in the order of their numbers."""
    found: dict[str, list[bytes]] = {}
    for message, envelope in r.outlet.feed(topic):
        if ".notices-" not in envelope.conn and ".recorder" not in envelope.conn and ".rest" not in envelope.conn:
            frames = found.setdefault(envelope.conn, [])
            assert envelope.n == len(frames)
            frames.append(message.value)
    return found


def reported(r: Rig, topic: str) -> dict[str, Notice]:
    return {each.conn: each for each in r.outlet.notices(topic) if each.state == "disconnected"}


async def restarts(times: int, seed: int) -> tuple[int, int, int]:
    """Returns frames sent, received, and lost in flight."""
    rng = Random(seed)
    sent: dict[str, list[bytes]] = {}
    async with rig(speed=10) as r:
        deliver = r.exchange.deliver

        def noted(session: Session, frame: bytes) -> bool:
            handed = deliver(session, frame)
            if handed:
                sent.setdefault(session.id, []).append(frame)
            return handed

        r.exchange.deliver = noted  # type: ignore[method-assign]
        await r.exchange.hang_up()  # the first connections may be there already
        before = {each.id for each in r.exchange.truth.sessions}
        known = {each.conn for topic in VENUES.values() for each in r.outlet.notices(topic)}
        for number in range(times):
            await r.exchange.listen()
            sizes = {topic: len(r.outlet.frames(topic)) for topic in VENUES.values()}
            least = rng.randrange(1, 60)
            await r.until(
                lambda sizes=sizes, least=least: all(  # type: ignore[misc]
                    len(r.outlet.frames(topic)) > size + least for topic, size in sizes.items()
                )
            )
            if number + 1 < times:
                await break_off(r, rng)
        truth = r.exchange.truth
    totals = [0, 0, 0]
    for venue, topic in VENUES.items():
        sessions = [each for each in truth.sessions if each.venue == venue and each.id not in before]
        assert all(each.sent == len(sent.get(each.id, [])) for each in sessions)
        notices = reported(r, topic)
        received = {conn: frames for conn, frames in connections(r, topic).items() if conn not in known}
        following = iter(sessions)
        unheard = 0  # sessions of which nothing arrived
        for conn, frames in received.items():
            assert notices[conn].frames == len(frames)
            for session in following:
                if sent.get(session.id, [])[: len(frames)] == frames:
                    break
                unheard += 1
                totals[2] += session.sent
            else:
                pytest.fail(f"{conn} received what no connection was sent")
            totals[1] += len(frames)
            totals[2] += session.sent - notices[conn].frames
        assert not [each for each in following if each.sent]
        silent = [each for each in r.outlet.notices(topic) if each.state in ("disconnected", "refused")]
        assert unheard <= sum(1 for each in silent if not each.frames)
        totals[0] += sum(each.sent for each in sessions)
        assert len(sessions) >= times
    return totals[0], totals[1], totals[2]


async def test_some_restarts() -> None:
    sent, received, lost = await restarts(5, 1)
    assert sent == received + lost and received > 100


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.takes(90)
async def test_fifty_restarts() -> None:
    sent, received, lost = await restarts(RESTARTS, 2)
    print(f"\n{RESTARTS} restarts: {sent:,} frames sent, {received:,} in the feed topics, {lost:,} lost in flight")
    assert sent == received + lost and received > 2_000
