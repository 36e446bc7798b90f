"""Books of the tokens: what changes them, and what makes them unfit for trading."""

from __future__ import annotations

from typing import Any

import pytest

from models.journal import Book, Feed, Rejected, Trade
from models.markers import Notice
from models.money import SHARE
from models.reasons import Reason
from models.settings import Checks
from models.timestamps import MILLISECOND, SECOND
from models.topics import FEED_POLYMARKET
from tests.flows.market_line.feeds import ASKS, BIDS, DOWN, POLY, SLUG, START, UP, Levels, Rig, book_hash


@pytest.fixture
def rig() -> Rig:
    """A market whose both books are sound."""
    rig = Rig()
    rig.open_market()
    return rig


def test_a_snapshot_is_the_book_best_first(rig: Rig) -> None:
    book = rig.only(Book)
    assert (book.key, book.lane, book.pair_ok, book.checks) == (SLUG, "BTC", True, ())
    assert book.up is not None
    assert book.up.bids == ((4900, 10 * SHARE), (4800, 20 * SHARE), (4700, 30 * SHARE))
    assert book.up.asks == ((5000, 10 * SHARE), (5100, 20 * SHARE), (5200, 30 * SHARE))
    assert (book.up.ok, book.up.tick, book.up.t, book.up.seq) == (True, 100, rig.now, book.seq)
    assert book.up.x == rig.now - 20 * MILLISECOND


def test_a_snapshot_in_any_order_is_the_same_book(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, bids=tuple(reversed(BIDS)), asks=(ASKS[1], ASKS[2], ASKS[0])))
    book = rig.only(Book)
    assert book.up is not None
    assert [price for price, _ in book.up.bids] == [4900, 4800, 4700]
    assert [price for price, _ in book.up.asks] == [5000, 5100, 5200]


def test_a_change_replaces_the_level_and_zero_removes_it(rig: Rig) -> None:
    rig.poly(rig.change((UP, "BUY", "0.48", "7"), (UP, "SELL", "0.5", "0"), (UP, "SELL", ".53", "1.5")))
    book = rig.only(Book)
    assert book.up is not None
    assert book.up.bids == ((4900, 10 * SHARE), (4800, 7 * SHARE), (4700, 30 * SHARE))
    assert book.up.asks == ((5100, 20 * SHARE), (5200, 30 * SHARE), (5300, 1_500_000))
    assert book.up.ok


def test_one_frame_for_both_tokens_is_one_event_of_one_moment(rig: Rig) -> None:
    rig.poly(rig.change((UP, "BUY", "0.49", "11"), (DOWN, "SELL", "0.51", "11")))
    book = rig.only(Book)
    assert book.up is not None
    assert book.down is not None
    assert book.up.seq == book.down.seq == book.seq
    assert book.pair_ok


def test_the_other_token_is_reported_unchanged(rig: Rig) -> None:
    before = rig.latest_book().down
    rig.pass_time(1)
    rig.poly(rig.change((UP, "BUY", "0.49", "11")))
    book = rig.only(Book)
    assert book.down == before
    assert not book.pair_ok, "books a second apart are not of one moment"


def test_a_removed_level_that_was_not_there_changes_nothing(rig: Rig) -> None:
    before = rig.latest_book().up
    rig.poly(rig.change((UP, "BUY", "0.33", "0")))
    after = rig.only(Book).up
    assert before is not None
    assert after is not None
    assert (after.bids, after.asks, after.ok) == (before.bids, before.asks, True)


def test_best_prices_that_agree_leave_the_book_alone(rig: Rig) -> None:
    rig.poly(
        rig.change({"asset_id": UP, "side": "BUY", "price": "0.49", "size": "1", "best_bid": "0.49", "best_ask": "0.5"})
    )
    assert rig.latest_book().up is not None
    assert rig.reasons() == []
    made = rig.poly(rig.of_token("best_bid_ask", best_bid="0.490", best_ask=".5", spread="0.01"))
    assert [type(event) for event in made] == [Feed]


@pytest.mark.parametrize(
    "stated",
    [
        {"best_bid": "0.48", "best_ask": "0.5"},
        {"best_bid": "0.49", "best_ask": "0.51"},
        {"best_bid": "0", "best_ask": "0.5"},
        {"best_bid": "0.49", "best_ask": "1"},
    ],
)
@pytest.mark.parametrize("kind", ["price_change", "best_bid_ask"])
def test_best_prices_that_differ_end_the_book_until_a_snapshot(kind: str, stated: dict[str, str], rig: Rig) -> None:
    if kind == "price_change":
        rig.poly(rig.change({"asset_id": UP, "side": "BUY", "price": "0.47", "size": "1", **stated}))
    else:
        rig.poly(rig.of_token(kind, UP, None, **stated))
    up = rig.only(Book).up
    assert up is not None
    assert (up.ok, up.checks, up.bids) == (False, (Reason.BEST_MISMATCH,), ()), "not to be traded on at once"
    assert rig.reasons() == [], "and called wrong when all messages of that moment have come"
    rig.pass_time(0.25)
    rig.tick()
    assert rig.reasons() == [Reason.BEST_MISMATCH]
    rig.poly(rig.change((UP, "BUY", "0.49", "11")))
    assert not rig.latest_book().up.ok  # type: ignore[union-attr]
    rig.poly(rig.snapshot(UP))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]


def test_empty_sides_are_stated_as_zero_and_one_or_not_at_all(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, bids=()))
    rig.findings.clear()
    for bid in ("0", "", "0.00"):
        rig.poly(rig.of_token("best_bid_ask", best_bid=bid, best_ask="0.5"))
    rig.poly(rig.snapshot(UP, asks=()))
    rig.findings.clear()
    for ask in ("1", "", "1.0"):
        rig.poly(rig.of_token("best_bid_ask", best_bid="0.49", best_ask=ask))
    assert Reason.BEST_MISMATCH not in rig.reasons()


def test_a_last_trade_is_reported_with_the_takers_side(rig: Rig) -> None:
    rig.poly(rig.of_token("last_trade_price", price="0.456", size="219.217767", side="BUY", fee_rate_bps="0"))
    trade = rig.only(Trade)
    assert (trade.key, trade.lane, trade.token) == (SLUG, "BTC", UP)
    assert (trade.price, trade.size, trade.side) == (4560, 219_217_767, "BUY")


def test_a_tick_size_change_ends_the_book_until_a_snapshot_on_the_new_grid(rig: Rig) -> None:
    rig.poly(rig.of_token("tick_size_change", old_tick_size="0.01", new_tick_size="0.001"))
    up = rig.only(Book).up
    assert up is not None
    assert (up.ok, up.checks, up.tick) == (False, (Reason.NO_SNAPSHOT,), 10)
    rig.poly(rig.snapshot(UP, bids=(("0.481", "5"),), asks=(("0.492", "5"),)))
    up = rig.only(Book).up
    assert up is not None
    assert (up.ok, up.tick) == (True, 10)


@pytest.mark.parametrize("size", ["0", "0.02", "0.5", "-0.01", "2", "0.0003"])
@pytest.mark.parametrize("way", ["tick_size_change", "book"])
def test_a_tick_that_is_none_of_the_exchanges_is_refused_and_forgotten(way: str, size: str, rig: Rig) -> None:
    if way == "book":
        rig.poly(rig.snapshot(UP, tick_size=size))
    else:
        rig.poly(rig.of_token(way, old_tick_size="0.01", new_tick_size=size))
    assert rig.only(Rejected).checks == (Reason.DECODE_ERROR,)
    assert len(rig.letters) == 1
    message = rig.snapshot(UP, hash="x", last_trade_price="0.5")
    rig.poly(message | {"hash": book_hash(message, "0.5")})
    up = rig.only(Book).up
    assert up is not None
    assert (up.ok, up.tick) == (True, 100)


# --- checks -----------------------------------------------------------------------------------------------------------


def one(price: str, size: str = "10") -> Levels:
    return ((price, size),)


@pytest.mark.parametrize(
    ("bids", "asks", "reason"),
    [
        (one("0.50"), one("0.49"), Reason.CROSSED_BOOK),
        (one("0.50"), one("0.50"), Reason.LOCKED_BOOK),
        ((), one("0.50"), Reason.ONE_SIDED_BOOK),
        (one("0.50"), (), Reason.ONE_SIDED_BOOK),
        ((), (), Reason.EMPTY_BOOK),
        (one("0.40"), one("0.51"), Reason.SPREAD_TOO_WIDE),
        (one("0.485"), one("0.50"), Reason.OFF_TICK),
        (one("0.49"), one("0.505"), Reason.OFF_TICK),
        ((("0", "1"), ("0.49", "10")), one("0.50"), Reason.PRICE_OUT_OF_RANGE),
        (one("0.49"), (("1", "1"), ("0.50", "10")), Reason.PRICE_OUT_OF_RANGE),
        (one("0.49"), (("1.01", "1"), ("0.50", "10")), Reason.PRICE_OUT_OF_RANGE),
    ],
)
@pytest.mark.parametrize("way", ["snapshot", "changes"])
def test_each_fault_of_a_book_is_named_counted_and_blocks(
    way: str, bids: Levels, asks: Levels, reason: Reason, rig: Rig
) -> None:
    if way == "snapshot":
        rig.poly(rig.snapshot(UP, bids, asks))
    else:
        away = [(UP, "BUY", price, "0") for price, _ in BIDS] + [(UP, "SELL", price, "0") for price, _ in ASKS]
        put = [(UP, "BUY", *level) for level in bids] + [(UP, "SELL", *level) for level in asks]
        rig.poly(rig.change(*away, *put))
    book = rig.only(Book)
    assert book.up is not None
    assert not book.up.ok
    assert not book.pair_ok
    assert reason in book.up.checks
    assert reason in book.checks
    assert rig.reasons().count(reason) == 1
    assert (rig.findings[0].feed, rig.findings[0].market, rig.findings[0].t) == ("feed.polymarket", SLUG, rig.now)


def test_a_spread_at_the_bound_is_allowed(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, one("0.40"), one("0.50")))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]


def test_mirrored_books_that_drift_apart_break_parity(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, one("0.46"), one("0.47")), rig.snapshot(DOWN, one("0.50"), one("0.51")))
    book = rig.only(Book)
    assert Reason.PARITY_BROKEN in book.checks
    assert rig.reasons() == [Reason.PARITY_BROKEN]


def test_a_difference_within_the_tolerance_is_parity(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, one("0.48"), one("0.49")), rig.snapshot(DOWN, one("0.49"), one("0.50")))
    assert rig.only(Book).checks == ()


def test_parity_is_not_judged_on_books_of_different_moments(rig: Rig) -> None:
    rig.pass_time(1)
    rig.poly(rig.snapshot(UP, one("0.20"), one("0.21")))
    assert rig.only(Book).checks == ()


@pytest.mark.parametrize(
    ("ahead_ms", "reason"),
    [(-5_001, Reason.TIMESTAMP_OLD), (2_001, Reason.TIMESTAMP_AHEAD)],
)
def test_an_exchange_time_far_from_receipt_blocks(ahead_ms: int, reason: Reason, rig: Rig) -> None:
    rig.pass_time(60)
    now_ms = rig.now // MILLISECOND
    rig.poly(rig.snapshot(UP, ms=now_ms + ahead_ms))
    up = rig.only(Book).up
    assert up is not None
    assert (up.ok, up.checks) == (False, (reason,))
    rig.poly(rig.snapshot(UP, ms=now_ms + ahead_ms // 2))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("behind_ms", "reason"), [(1, Reason.OUT_OF_ORDER), (100, Reason.OUT_OF_ORDER), (101, Reason.TIMESTAMP_BACKWARDS)]
)
@pytest.mark.parametrize("kind", ["book", "price_change"])
def test_a_frame_older_than_one_of_its_kind_ends_the_book_until_a_newer_snapshot(
    kind: str, behind_ms: int, reason: Reason, rig: Rig
) -> None:
    rig.pass_time(10)
    latest = rig.now // MILLISECOND - 20

    def say(ms: int) -> None:
        size = str(ms % 1_000 + 1)
        bids = (("0.48", "20"), ("0.49", size))
        rig.poly(rig.snapshot(UP, bids, ms=ms) if kind == "book" else rig.change((UP, "BUY", "0.49", size), ms=ms))

    say(latest)
    assert rig.reasons() == []
    say(latest - behind_ms)
    up = rig.only(Book).up
    assert up is not None
    assert (up.ok, up.checks) == (False, (reason,))
    assert rig.reasons() == [reason]
    rig.poly(rig.change((UP, "BUY", "0.49", "3"), ms=latest + 1))
    assert not rig.latest_book().up.ok, "a change does not mend a book of unknown content"  # type: ignore[union-attr]
    rig.poly(rig.snapshot(UP, ms=latest + 1))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]
    assert rig.reasons() == [reason]


def test_times_may_run_backwards_by_a_little_across_kinds(rig: Rig) -> None:
    rig.pass_time(10)
    latest = rig.now // MILLISECOND - 20
    rig.poly(rig.snapshot(UP, ms=latest))
    rig.poly(rig.change((UP, "BUY", "0.49", "3"), ms=latest - 100))
    assert rig.reasons() == []
    rig.poly(rig.change((UP, "BUY", "0.49", "4"), ms=latest - 101))
    assert rig.reasons() == [Reason.TIMESTAMP_BACKWARDS]


def test_after_a_reconnect_times_begin_anew(rig: Rig) -> None:
    rig.own(FEED_POLYMARKET, Notice(POLY, "disconnected", "closed", 3))
    rig.findings.clear()
    rig.poly(rig.snapshot(UP, ms=rig.now // MILLISECOND - 900), conn="poly-2")
    assert rig.latest_book().up.ok  # type: ignore[union-attr]
    assert rig.reasons() == []


def test_the_same_frame_twice_counts_once_and_changes_nothing(rig: Rig) -> None:
    frame = rig.change((UP, "BUY", "0.49", "11"))
    rig.poly(frame)
    rig.poly(rig.change((UP, "BUY", "0.49", "12")))
    made = rig.poly(frame)
    assert [(type(event), event.checks) for event in made] == [(Feed, (Reason.DUPLICATE_FRAME,))]
    assert rig.reasons() == [Reason.DUPLICATE_FRAME]
    assert rig.latest_book().up.bids[0] == (4900, 12 * SHARE)  # type: ignore[union-attr]


def test_a_snapshot_that_mends_a_book_may_be_the_one_of_before(rig: Rig) -> None:
    snapshot = rig.snapshot(UP)
    rig.poly(snapshot)
    rig.own(FEED_POLYMARKET, Notice(POLY, "frozen", "asked for anew", 0, (UP,)))
    assert not rig.latest_book().up.ok  # type: ignore[union-attr]
    rig.poly(snapshot)
    assert rig.latest_book().up.ok  # type: ignore[union-attr]
    assert rig.reasons() == [Reason.FROZEN_BOOK]


def test_changes_before_a_snapshot_make_no_book() -> None:
    rig = Rig()
    rig.define()
    rig.poly(rig.change((UP, "BUY", "0.49", "11")))
    up = rig.only(Book).up
    assert up is not None
    assert (up.ok, up.checks, up.bids) == (False, (Reason.NO_SNAPSHOT,), ())


def test_a_token_of_an_unknown_market_is_a_finding() -> None:
    rig = Rig()
    rig.poly(rig.snapshot("999"))
    book = rig.only(Book)
    assert (book.key, book.lane, book.checks) == ("", "", (Reason.UNKNOWN_ASSET,))
    assert rig.reasons() == [Reason.UNKNOWN_ASSET]


# --- checksum ---------------------------------------------------------------------------------------------------------


def hashed(rig: Rig, last: str, **more: Any) -> dict[str, Any]:
    message = rig.snapshot(UP, **more)
    return message | {"hash": book_hash(message, last)}


def test_a_right_checksum_passes_and_a_wrong_one_blocks(rig: Rig) -> None:
    rig.poly(hashed(rig, "0.480", last_trade_price="0.480", tick_size="0.01"))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]
    wrong = hashed(rig, "0.480", last_trade_price="0.480", tick_size="0.01")
    wrong["bids"][0]["size"] = "31"
    rig.poly(wrong)
    up = rig.only(Book).up
    assert up is not None
    assert (up.ok, up.checks) == (False, (Reason.HASH_MISMATCH,))
    assert rig.reasons() == [Reason.HASH_MISMATCH]
    rig.poly(rig.change((UP, "BUY", "0.49", "11")))
    assert not rig.latest_book().up.ok, "a change does not mend a book of unknown content"  # type: ignore[union-attr]


def test_later_snapshots_are_checked_with_the_last_trade_price_that_is_known(rig: Rig) -> None:
    rig.poly(rig.of_token("last_trade_price", price="0.48", size="1", side="BUY"))
    rig.poly(hashed(rig, "0.480"))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]
    rig.poly(rig.of_token("last_trade_price", price="0.5", size="1", side="BUY"))
    rig.pass_time(0.001)
    rig.poly(hashed(rig, "0.480"))
    assert rig.reasons() == [Reason.HASH_MISMATCH]


def test_without_a_last_trade_price_the_checksum_cannot_be_judged(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, hash="0" * 40))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]


def test_a_checksum_of_an_array_frame_is_of_its_own_book(rig: Rig) -> None:
    up = hashed(rig, "0.480", last_trade_price="0.480", tick_size="0.01")
    down = rig.snapshot(DOWN, last_trade_price="0.520", tick_size="0.01")
    rig.poly(up, down | {"hash": book_hash(down, "0.520")})
    assert rig.reasons() == []
    assert rig.latest_book().pair_ok


# --- silence ----------------------------------------------------------------------------------------------------------


def test_silence_makes_book_and_feed_stale_by_the_clock_alone() -> None:
    rig = Rig(Checks(stale_feed_s=5, stale_book_s=10))
    rig.open_market()
    stale: list[tuple[float, bool, bool]] = []
    for _ in range(48):
        rig.pass_time(0.25)
        (clock,) = rig.tick()
        assert clock.__class__.__name__ == "Clock"
        age = (rig.now - START - SECOND) / SECOND
        stale.append((age, "feed.polymarket" in clock.stale_feeds, UP in clock.stale_books))  # type: ignore[union-attr]
    assert all(feed is (age > 5) and book is (age > 10) for age, feed, book in stale)
    assert rig.reasons().count(Reason.STALE_FEED) == 1
    assert rig.reasons().count(Reason.STALE_BOOK) == 2, "one for each token, told once"
    rig.both()
    (clock,) = rig.tick()
    assert (clock.stale_feeds, clock.stale_books) == ((), ())  # type: ignore[union-attr]


def test_a_book_of_a_market_that_has_ended_is_not_stale() -> None:
    rig = Rig()
    rig.open_market()
    rig.now = START + 301 * SECOND
    (clock,) = rig.tick()
    assert clock.stale_books == ()  # type: ignore[union-attr]


def test_connections_do_not_share_a_fate(rig: Rig) -> None:
    rig.both(conn="poly-2")
    rig.numbers[POLY] += 1
    rig.poly({"event_type": "strange"}, conn=POLY)
    rig.poly(rig.change((UP, "BUY", "0.49", "11")), conn="poly-2")
    assert rig.only(Book).up.ok  # type: ignore[union-attr]
