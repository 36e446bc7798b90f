"""Frozen books and feeds, REST's answers, and losses: each violation ends what it spoils and counts once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.supervisor.player import in_order
from connectors.simulator.exchange import ExchangeParameters
from flows.market_line.findings import Finding
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.journal import Feed, Rejected, Spot
from models.markers import Notice
from models.message import Lost
from models.money import SHARE
from models.reasons import Reason
from models.settings import Checks
from models.timestamps import MILLISECOND, SECOND
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET
from tests.flows.market_line.feeds import ASKS, BIDS, COIN, DOWN, END, POLY, SLUG, UP, Rig, levels
from tests.recordings import START as RECORDED
from tests.recordings import simulate

REST = "run.rest0"


@pytest.fixture
def rig() -> Rig:
    """Both books and spot are sound."""
    rig = Rig()
    rig.open_market()
    rig.spot()
    rig.tick()
    return rig


def beat(rig: Rig, seconds: float, up: bool = True, down: bool = True, spot: str = "60000") -> None:
    """Ticks of 250 ms with a change of what is not frozen before each; ``spot``: the bid, "" = silent."""
    for _ in range(round(seconds * 4)):
        rig.pass_time(0.25)
        size = str(rig.ticks % 50 + 5)
        changes = [(UP, "BUY", "0.49", size)] * up + [(DOWN, "SELL", "0.51", size)] * down
        if changes:
            rig.poly(rig.change(*changes))
        if spot:
            rig.spot(spot, str(float(spot) + 1))
        rig.tick()


def rest(rig: Rig, bids: Any = BIDS, asks: Any = ASKS, ms: int | None = None, token: str = UP) -> None:
    body = {
        "market": "0xc0", "asset_id": token, "timestamp": rig.exchange_ms(ms), "hash": "x", "bids": levels(bids),
        "asks": levels(asks), "min_order_size": "5", "tick_size": "0.01", "neg_risk": False, "last_trade_price": "",
    }  # fmt: skip
    rig.record(FEED_POLYMARKET, json.dumps(body).encode(), REST)


def test_one_frozen_token_is_invalid_until_its_next_snapshot_and_counts_once(rig: Rig) -> None:
    beat(rig, 2.75, up=False)
    assert rig.reasons() == []
    beat(rig, 5, up=False)
    assert [(each.reason, each.market, each.feed) for each in rig.findings] == [
        (Reason.FROZEN_BOOK, SLUG, FEED_POLYMARKET)
    ]
    book = rig.latest_book()
    assert book.up is not None
    assert book.down is not None
    assert (book.up.ok, book.up.checks, book.down.ok) == (False, (Reason.FROZEN_BOOK,), True)
    beat(rig, 1)
    assert not rig.latest_book().up.ok, "a change is not enough"  # type: ignore[union-attr]
    rig.poly(rig.snapshot(UP))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]
    beat(rig, 10)
    assert len(rig.findings) == 1


def test_a_quiet_market_is_not_frozen(rig: Rig) -> None:
    beat(rig, 9, up=False, down=False)
    assert rig.reasons() == [Reason.STALE_FEED]


def test_a_silent_connection_while_spot_moves_is_one_finding(rig: Rig) -> None:
    beat(rig, 4.5, up=False, down=False, spot="60100")
    assert [(each.reason, each.market) for each in rig.findings] == [(Reason.FROZEN_FEED, POLY)]
    book = rig.latest_book()
    assert (book.up.ok, book.down.ok) == (False, False)  # type: ignore[union-attr]
    rig.both()
    beat(rig, 2, spot="60100")
    assert (rig.latest_book().pair_ok, len(rig.findings)) == (True, 1)


def test_a_pong_is_no_sign_of_life_of_the_feed(rig: Rig) -> None:
    for _ in range(24):
        rig.pass_time(0.25)
        rig.record(FEED_POLYMARKET, b"PONG", POLY)
        rig.tick()
    assert (FEED_POLYMARKET, Reason.STALE_FEED) in {(each.feed, each.reason) for each in rig.findings}


@pytest.mark.parametrize("trades", [False, True])
def test_spot_that_sends_only_heartbeats_while_books_move_is_frozen_until_its_next_price(
    trades: bool, rig: Rig
) -> None:
    for _ in range(16):
        rig.coin("heartbeats", [{"heartbeat_counter": 3}])
        if trades:
            trade = {"product_id": "BTC-USD", "price": "60000", "size": "1", "side": "BUY"}
            rig.coin("market_trades", [{"type": "update", "trades": [trade]}])
        beat(rig, 0.25, spot="")
    assert [(each.reason, each.feed, each.market) for each in rig.findings] == [
        (Reason.FROZEN_FEED, FEED_COINBASE, COIN)
    ]
    assert not rig.latest_spot().ok
    rig.level2("update", [("bid", "60000", "3")])
    assert rig.latest_spot().ok


def test_a_frozen_notice_of_the_connection_counts_once_with_the_lines_own_finding(rig: Rig) -> None:
    rig.own(FEED_POLYMARKET, Notice(POLY, "frozen", "REST differs", 0, (UP,)))
    assert rig.only(Feed).checks == (Reason.FROZEN_BOOK,)
    assert not rig.latest_book().up.ok  # type: ignore[union-attr]
    rig.own(FEED_POLYMARKET, Notice(POLY, "frozen", "REST differs", 0, (UP,)))
    assert rig.only(Feed).checks == ()
    assert rig.reasons() == [Reason.FROZEN_BOOK]


def test_a_connection_is_frozen_by_its_own_notice(rig: Rig) -> None:
    rig.own(FEED_COINBASE, Notice(COIN, "frozen", "no price"))
    assert (rig.latest_spot().ok, rig.reasons()) == (False, [Reason.FROZEN_FEED])
    assert rig.findings[0].feed == FEED_COINBASE
    rig.own(FEED_POLYMARKET, Notice(POLY, "frozen", "no word"))
    assert not rig.latest_book().down.ok  # type: ignore[union-attr]
    assert [each.feed for each in rig.findings] == [FEED_COINBASE, FEED_POLYMARKET]


def test_a_full_spool_is_a_finding(rig: Rig) -> None:
    rig.own(FEED_POLYMARKET, Notice("recorder", "spool_full", "no room", 7))
    assert rig.reasons() == [Reason.SPOOL_FULL]


# --- REST -------------------------------------------------------------------------------------------------------------

OTHER = (("0.47", "30"), ("0.48", "20"), ("0.49", "99"))


def test_rest_that_is_newer_and_different_ends_the_book_after_the_grace(rig: Rig) -> None:
    rig.pass_time(0.1)
    rest(rig, OTHER)
    assert rig.only(Feed).what == "rest"
    for _ in range(3):
        rig.pass_time(0.25)
        rig.tick()
    assert rig.reasons() == []
    rig.pass_time(0.25)
    rig.tick()
    assert [(each.reason, each.market) for each in rig.findings] == [(Reason.REST_MISMATCH, SLUG)]
    assert rig.latest_book().up.checks == (Reason.REST_MISMATCH,)  # type: ignore[union-attr]
    beat(rig, 3, up=False, down=False)
    rig.poly(rig.snapshot(UP, OTHER))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]
    assert rig.reasons() == [Reason.REST_MISMATCH]


@pytest.mark.parametrize("case", ["older", "same", "caught up"])
def test_rest_that_does_not_contradict_is_only_noted(case: str, rig: Rig) -> None:
    before = rig.latest_book().up
    rig.pass_time(0.1)
    if case == "older":
        rest(rig, OTHER, ms=rig.now // MILLISECOND - 120)
    else:
        rest(rig, BIDS if case == "same" else OTHER)
    assert rig.latest_book().up == before, "REST is never applied"
    if case == "caught up":
        rig.pass_time(0.5)
        rig.poly(rig.change((UP, "BUY", "0.48", "1"), (DOWN, "SELL", "0.52", "1")))
    for _ in range(8):
        rig.pass_time(0.25)
        rig.tick()
    assert rig.reasons() == []


def test_rest_from_the_future_is_a_finding_and_not_compared(rig: Rig) -> None:
    rest(rig, OTHER, ms=rig.now // MILLISECOND + 2_001)
    rig.pass_time(2)
    rig.tick()
    assert rig.reasons() == [Reason.TIMESTAMP_AHEAD]


@pytest.mark.parametrize("body", [b'{"error":"not found"}', b"[]]", b'{"event_type":"book","asset_id":"1"}'])
def test_what_is_no_answer_is_rejected_and_leaves_the_books_alone(body: bytes, rig: Rig) -> None:
    rig.record(FEED_POLYMARKET, body, REST)
    assert [type(event) for event in rig.made] == [Rejected]
    assert rig.reasons() == [Reason.DECODE_ERROR]
    beat(rig, 0.25)
    assert rig.latest_book().pair_ok


def test_a_frame_of_the_stream_without_its_type_is_rejected(rig: Rig) -> None:
    body = rig.snapshot(UP)
    del body["event_type"]
    rig.record(FEED_POLYMARKET, json.dumps(body).encode(), POLY)
    assert isinstance(rig.made[-1], Rejected)
    assert not rig.latest_book().up.ok  # type: ignore[union-attr]


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_a_lost_first_frame_of_a_coinbase_connection_is_a_gap() -> None:
    rig = Rig()
    rig.spot(number=1)
    assert rig.reasons() == [Reason.SEQUENCE_GAP]


def test_a_frame_that_could_not_be_read_counts_as_that_and_not_as_a_gap_too(rig: Rig) -> None:
    rig.record(FEED_COINBASE, b'{"channel":"l2_data","sequence_num":"1"', COIN)
    assert rig.reasons() == [Reason.DECODE_ERROR]
    rig.spot(number=2)
    assert (rig.reasons(), rig.only(Spot).ok) == ([Reason.DECODE_ERROR], True)
    rig.spot(number=4)
    assert rig.reasons() == [Reason.DECODE_ERROR, Reason.SEQUENCE_GAP]


def test_a_loss_of_records_counts_each_of_them_and_no_gap_of_a_connection(rig: Rig) -> None:
    rig.numbers[POLY] += 1
    rig.numbers[COIN] += 2
    rig.sequences[COIN] += 2
    rig.take(Lost("run", 5, 7))
    rig.both()
    rig.spot()
    rig.poly(rig.snapshot(UP), conn="new")
    assert rig.reasons() == [Reason.RECORDER_GAP] * 3
    assert rig.latest_spot().ok
    rig.spot(number=rig.sequences[COIN] + 1)
    assert rig.reasons()[3:] == [Reason.SEQUENCE_GAP]


def test_a_market_that_does_not_resolve_is_reported_once() -> None:
    rig = Rig(Checks(resolution_late_s=60))
    rig.define()
    rig.now = END + 60 * SECOND
    rig.tick()
    assert rig.reasons() == []
    for _ in range(5):
        rig.pass_time(0.25)
        rig.tick()
    assert [(each.reason, each.feed, each.market) for each in rig.findings] == [
        (Reason.RESOLUTION_LATE, FEED_MARKETS, SLUG)
    ]


def test_a_market_that_resolved_or_is_only_announced_is_not_late() -> None:
    rig = Rig()
    rig.define()
    rig.define(("1", "0"))
    announced = {
        "event_type": "new_market", "market": "0xd1", "slug": "eth-updown-5m-1795000200", "timestamp": "1795000200000",
        "assets_ids": ["7", "8"], "outcomes": ["Up", "Down"],
    }  # fmt: skip
    rig.poly(announced)
    rig.now = END + 1_000 * SECOND
    rig.tick()
    assert Reason.RESOLUTION_LATE not in rig.reasons()


# --- a message is taken whole or not at all ---------------------------------------------------------------------------

BOTH, MINE, NONE = (UP, DOWN), (UP,), ()
PARTS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("book", {"asset_id": ""}, BOTH), ("book", {"timestamp": ""}, MINE), ("book", {"bids": None}, MINE),
    ("book", {"asks": None}, MINE), ("book", {"timestamp": 17}, MINE), ("book", {"asks": "?"}, MINE),
    ("price_change", {"timestamp": ""}, MINE), ("price_change", {"price_changes": None}, BOTH),
    ("last_trade_price", {"price": ""}, NONE), ("last_trade_price", {"side": "?"}, NONE),
    ("last_trade_price", {"size": ""}, NONE), ("tick_size_change", {"new_tick_size": ""}, MINE),
    ("tick_size_change", {"asset_id": ""}, BOTH), ("market_resolved", {"winning_asset_id": ""}, NONE),
    ("market_resolved", {"winning_asset_id": "999"}, NONE), ("best_bid_ask", {"timestamp": "soon"}, NONE),
    ("book", {"event_type": ""}, MINE), ("book", {"event_type": "", "asset_id": "", "market": "0xother"}, NONE),
    ("book", {"asset_id": "", "market": ""}, BOTH), ("price_change", {"event_type": None}, MINE),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "spoilt", "gone"), PARTS)
def test_a_message_that_lacks_something_costs_what_it_may_have_changed_and_not_its_siblings(
    kind: str, spoilt: dict[str, Any], gone: tuple[str, ...], rig: Rig
) -> None:
    messages = {
        "book": rig.snapshot(UP),
        "price_change": rig.change((UP, "BUY", "0.49", "1")),
        "last_trade_price": rig.of_token(kind, price="0.5", size="1", side="BUY"),
        "tick_size_change": rig.of_token(kind, old_tick_size="0.01", new_tick_size="0.001"),
        "best_bid_ask": rig.of_token(kind, best_bid="0.49", best_ask="0.5"),
        "market_resolved": {"event_type": kind, "market": "0xc0", "winning_asset_id": UP, "timestamp": "1"},
    }
    trade = rig.of_token("last_trade_price", DOWN, price="0.5", size="1", side="BUY")
    made = rig.poly(trade, messages[kind] | spoilt)
    assert isinstance(made[-1], Rejected)
    assert "trade" in {type(event).__name__.lower() for event in made}, "its sibling is taken"
    assert rig.reasons() == [Reason.DECODE_ERROR]
    assert len(rig.letters) == 1
    book = rig.latest_book()
    assert book.up is not None and book.down is not None
    assert (book.up.ok, book.down.ok) == (UP not in gone, DOWN not in gone)


@pytest.mark.parametrize(
    "spoilt", [{"price": ""}, {"size": None}, {"side": "buy"}, {"asset_id": ""}, {"price": 0.5}, {"best_bid": "x"}]
)
def test_an_entry_that_lacks_something_costs_its_own_token(spoilt: dict[str, Any], rig: Rig) -> None:
    good = {"asset_id": UP, "side": "BUY", "price": "0.49", "size": "7"}
    made = rig.poly(rig.change(good, {"asset_id": DOWN, "side": "SELL", "price": "0.51", "size": "7"} | spoilt))
    assert isinstance(made[-1], Rejected)
    book = rig.latest_book()
    assert book.up is not None and book.down is not None
    assert not book.down.ok
    assert book.up.ok is ("asset_id" not in spoilt), "who is meant by it cannot be told: either"
    if book.up.ok:
        assert book.up.bids[0] == (4900, 7 * SHARE)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"timestamp": ""}, {"sequence_num": -1}, {"events": [{"type": "update", "updates": []}]},
        {"events": [{"type": "", "product_id": "BTC-USD", "updates": []}]},
        {"events": [{"type": "update", "product_id": "BTC-USD"}]},
    ],
)  # fmt: skip
def test_a_coinbase_frame_that_lacks_something_is_rejected(spoilt: dict[str, Any], rig: Rig) -> None:
    update = {"side": "bid", "price_level": "60000", "new_quantity": "1"}
    good = {"channel": "l2_data", "timestamp": "2026-11-18T11:10:01Z", "sequence_num": 1,
            "events": [{"type": "update", "product_id": "BTC-USD", "updates": [update]}]}  # fmt: skip
    rig.record(FEED_COINBASE, json.dumps(good | spoilt).encode(), COIN)
    assert isinstance(rig.made[-1], Rejected)
    assert (rig.reasons(), rig.latest_spot().ok) == ([Reason.DECODE_ERROR], False)


@pytest.mark.parametrize("topic", [FEED_POLYMARKET, FEED_COINBASE, FEED_MARKETS])
def test_a_frame_nested_too_deep_is_rejected(topic: str, rig: Rig) -> None:
    rig.record(topic, b'{"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "any")
    assert isinstance(rig.made[-1], Rejected)


# --- no false alarm ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "frames", "assets"), [(1, 5.0, ("BTC", "ETH")), (2, 40.0, ("BTC",))])
def test_a_sound_exchange_gives_no_finding(seed: int, frames: float, assets: tuple[str, ...], tmp_path: Path) -> None:
    simulate(tmp_path / "a", 420, ExchangeParameters(seed=seed, frames_per_s=frames, assets=assets))
    line = MarketLine(bounds_of(Checks()), "main")
    found: dict[str, int] = {}

    began = (RECORDED + 1) * SECOND  # the recording gives some changes before the definitions they belong to
    for record in in_order(tmp_path / "a"):
        for out in line.advance(record):
            if isinstance(out, Finding) and began < out.t < began + 419 * SECOND:  # its last word is no silence
                found[out.reason] = found.get(out.reason, 0) + 1
    assert set(found) <= {Reason.EMPTY_BOOK, Reason.ONE_SIDED_BOOK}, found
