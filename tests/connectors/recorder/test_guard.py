"""The doors against an exchange that freezes, on sockets: what they do, what they tell, and what they leave alone."""

from __future__ import annotations

import json

from connectors.recorder.outlet import Backlog
from connectors.recorder.recorder import Endpoints, Recorder
from models.markers import Notice
from models.settings import Checks
from models.telemetry import totals_of
from models.topics import FEED_CLOCK, FEED_COINBASE, FEED_POLYMARKET, TELEMETRY
from tests.connectors.recorder.rig import Rig, quick_feeds, rig

CHECKS = Checks(frozen_after_s=1.5)


def frozen(r: Rig, topic: str = FEED_POLYMARKET) -> list[Notice]:
    return [notice for notice in r.outlet.notices(topic) if notice.state == "frozen"]


def rest_books(r: Rig) -> list[bytes]:
    return [message.value for message, envelope in r.outlet.feed(FEED_POLYMARKET) if ".rest" in envelope.conn]


async def test_a_sound_exchange_is_suspected_of_nothing_and_compared_on_schedule() -> None:
    async with rig(feeds=quick_feeds(cross_check_s=0.5), checks=CHECKS) as r:
        await r.until(lambda: len(rest_books(r)) >= 6)
        counts = r.recorder.channel.pulse.counts
    assert frozen(r) == [] and "suspicions" not in counts and "cross_check_mismatches" not in counts
    assert counts["cross_checks"] >= 6
    books = [json.loads(body) for body in rest_books(r)]
    assert all({"asset_id", "bids", "asks", "timestamp"} <= body.keys() for body in books)
    assert len({body["asset_id"] for body in books}) == 2  # in turn
    lines = [envelope for _, envelope in r.outlet.feed(FEED_POLYMARKET) if ".rest" in envelope.conn]
    assert [envelope.n for envelope in lines] == list(range(len(lines)))


async def test_a_frozen_token_is_asked_for_anew_and_then_the_connection_renewed() -> None:
    async with rig(checks=CHECKS) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > 20)
        fault = r.exchange.inject("token_frozen", outcome="up")
        await r.until(lambda: len(frozen(r)) >= 1)
        (token,) = frozen(r)[0].tokens
        await r.until(lambda: any(json.loads(body)["asset_id"] == token for body in rest_books(r)))
        await r.until(lambda: r.outlet.states(FEED_POLYMARKET).count("disconnected") == 1)
        r.exchange.lift(fault)
        await r.until(lambda: r.outlet.states(FEED_POLYMARKET).count("subscribed") == 2)
        before = len(frozen(r))
        frames = len(r.outlet.frames(FEED_POLYMARKET))
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > frames + 100)
        counts = r.recorder.channel.pulse.counts
        assert len(frozen(r)) == before, "it moves: no suspicion"
        assert counts["suspicions"] == before and counts["frozen_reconnects"] == 1
    mine = [notice for notice in frozen(r) if notice.tokens == (token,)]
    assert mine[0].why.startswith("frozen_book: the other token changed")
    assert len(mine) in (2, 3)  # asked for anew twice; the third is told of the token that came to it first
    gone = next(notice for notice in r.outlet.notices(FEED_POLYMARKET) if notice.state == "disconnected")
    assert gone.why.startswith("frozen_book: ") and "did not help" in gone.why


async def test_a_token_that_thaws_costs_no_connection() -> None:
    async with rig(checks=CHECKS) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > 20)
        fault = r.exchange.inject("token_frozen", outcome="down")
        await r.until(lambda: len(frozen(r)) >= 1)
        r.exchange.lift(fault)
        assert len(frozen(r)[0].tokens) == 1, frozen(r)
        (token,) = frozen(r)[0].tokens
        at = len(r.outlet.frames(FEED_POLYMARKET))
        await r.until(lambda: any(token.encode() in frame for frame in r.outlet.frames(FEED_POLYMARKET)[at:]))
        await r.until(lambda: len(r.outlet.frames(FEED_POLYMARKET)) > at + 100)
        assert "disconnected" not in r.outlet.states(FEED_POLYMARKET)


async def test_coinbase_that_is_silent_while_polymarket_moves_is_given_up_before_its_own_watchdog() -> None:
    async with rig(feeds=quick_feeds(silence_s=30), checks=CHECKS) as r:
        await r.until(lambda: len(r.outlet.frames(FEED_COINBASE)) > 60)
        fault = r.exchange.inject("frozen", venue="coinbase")
        await r.until(lambda: "disconnected" in r.outlet.states(FEED_COINBASE))
        r.exchange.lift(fault)
        gone = next(notice for notice in r.outlet.notices(FEED_COINBASE) if notice.state == "disconnected")
        assert gone.why.startswith("frozen_feed: no price of any product")
        assert [notice.conn for notice in frozen(r, FEED_COINBASE)] == [gone.conn]


async def test_the_way_to_kafka_is_on_the_pulse_and_drops_are_reported_where_they_are_missed() -> None:
    backlog = Backlog()
    async with rig() as r:
        urls = r.exchange.urls
        endpoints = Endpoints(urls.polymarket_ws, urls.clob_rest, urls.gamma_rest, urls.coinbase_ws)
        recorder = Recorder(quick_feeds(), endpoints, "sim", r.exchange.clock, r.outlet, backlog=lambda: backlog)
        backlog = Backlog(away=True, spool_records=7, spool_mib=1.5, undelivered=9, oldest_s=2.5)
        recorder._look_back()
        assert (recorder.pulse.status, recorder.pulse.last_reason) == (
            "warning",
            "Kafka takes no records: they wait on disk",
        )
        gauges = {name: gauge() for name, gauge in recorder.pulse.gauges.items()}
        assert gauges["spool_records"] == 7 and gauges["undelivered"] == 9 and gauges["oldest_s"] == 2.5
        backlog = Backlog(away=True, full=True, dropped={FEED_CLOCK: 2, FEED_COINBASE: 5})
        recorder._look_back()
        assert recorder.pulse.last_reason.startswith("spool_full: ")
        assert not [notice for notice in r.outlet.notices(FEED_CLOCK) if notice.state == "spool_full"]
        backlog = Backlog(dropped={FEED_CLOCK: 2, FEED_COINBASE: 6})
        recorder._look_back()
        recorder._look_back()
        assert recorder.pulse.counts["dropped"] == 8
        backlog = Backlog(full=True, dropped={FEED_CLOCK: 2, FEED_COINBASE: 10})
        recorder._look_back()
        recorder._look_back(ending=True)
    for topic, dropped in ((FEED_CLOCK, [2]), (FEED_COINBASE, [6, 4])):
        reported = [notice for notice in r.outlet.notices(topic) if notice.state == "spool_full"]
        assert [notice.frames for notice in reported] == dropped


async def test_answers_of_rest_are_counted_by_status() -> None:
    async with rig(speed=5) as r:
        await r.until(lambda: len(r.outlet.markets()) >= 1)
        await r.until(lambda: "gamma_http_200" in r.recorder.pulse.counts)
    last = totals_of(m for m in r.outlet.messages if m.topic == TELEMETRY)
    assert last["recorder"].counts.get("gamma_http_200")
