"""Spot: sequence numbers, books and tickers of Coinbase."""

from __future__ import annotations

import pytest

from models.journal import Feed, Rejected, Spot
from models.markers import Notice
from models.money import DOLLAR
from models.reasons import Reason
from models.timestamps import MILLISECOND, SECOND
from models.topics import FEED_COINBASE
from tests.flows.market_line.feeds import COIN, Rig


@pytest.fixture
def rig() -> Rig:
    """A sound spot book of BTC at 60000 to 60001."""
    rig = Rig()
    rig.spot()
    return rig


def test_a_snapshot_is_the_book_and_its_mid_the_price(rig: Rig) -> None:
    spot = rig.only(Spot)
    assert (spot.product, spot.lane, spot.ok, spot.checks) == ("BTC-USD", "BTC", True, ())
    assert spot.price == 60_000_500_000
    assert spot.bids == ((60_000 * DOLLAR, 1_000_000),)
    assert spot.asks == ((60_001 * DOLLAR, 2_000_000),)
    assert spot.x == rig.now - 10 * MILLISECOND


def test_updates_are_absolute_and_zero_removes(rig: Rig) -> None:
    rig.level2("update", [("bid", "60000.5", "3"), ("bid", "60000", "0.00000000"), ("offer", "60001", "4")])
    spot = rig.only(Spot)
    assert spot.bids == ((60_000_500_000, 3_000_000),)
    assert spot.asks == ((60_001 * DOLLAR, 4_000_000),)
    assert spot.price == (60_000_500_000 + 60_001 * DOLLAR) // 2


def test_a_new_snapshot_replaces_all(rig: Rig) -> None:
    rig.spot("61000", "61002")
    assert rig.only(Spot).bids == ((61_000 * DOLLAR, 1_000_000),)


def test_trades_carry_the_aggressors_side_as_their_sign(rig: Rig) -> None:
    trades = [
        {"product_id": "BTC-USD", "price": "60001", "size": "0.5", "side": "SELL"},
        {"product_id": "BTC-USD", "price": "60000", "size": "0.25", "side": "BUY"},
    ]
    rig.coin("market_trades", [{"type": "update", "trades": trades}])
    assert rig.only(Spot).trades == ((60_001 * DOLLAR, 500_000), (60_000 * DOLLAR, -250_000))


def coin_trades(rig: Rig, kind: str, *ids: int) -> tuple[tuple[int, int], ...]:
    """Trades of these ids, each of as many millionths of a coin; what the journal says of them."""
    trades = [
        {"trade_id": str(each), "product_id": "BTC-USD", "price": "60001", "size": f"{each / 1e6:.6f}", "side": "SELL"}
        for each in ids
    ]
    rig.coin("market_trades", [{"type": kind, "trades": trades}])
    return rig.only(Spot).trades


def test_the_trades_of_a_snapshot_are_past_ones(rig: Rig) -> None:
    """Each subscription begins with one, so that each reconnection brings hours of trades again."""
    assert coin_trades(rig, "snapshot", 5, 4, 3) == ()
    assert [size for _, size in coin_trades(rig, "update", 7, 6)] == [7, 6]
    assert coin_trades(rig, "snapshot", 9, 8, 7, 6, 5) == ()


def test_a_trade_counts_once(rig: Rig) -> None:
    coin_trades(rig, "snapshot", 5, 4)
    assert [size for _, size in coin_trades(rig, "update", 6, 5)] == [6]
    assert [size for _, size in coin_trades(rig, "update", 8, 7, 6)] == [8, 7]
    assert coin_trades(rig, "update", 8) == ()


def test_another_product_has_ids_of_its_own(rig: Rig) -> None:
    coin_trades(rig, "update", 1_000)
    trade = {"trade_id": "7", "product_id": "ETH-USD", "price": "3000", "size": "1", "side": "BUY"}
    rig.coin("market_trades", [{"type": "update", "trades": [trade]}])
    assert rig.only(Spot).trades == ((3_000 * DOLLAR, -1_000_000),)


@pytest.mark.parametrize(
    ("bid", "ask", "reason"),
    [("60001", "60000", Reason.CROSSED_BOOK), ("60000", "60000", Reason.LOCKED_BOOK)],
)
def test_a_crossed_or_locked_spot_is_invalid(bid: str, ask: str, reason: Reason, rig: Rig) -> None:
    rig.spot(bid, ask)
    spot = rig.only(Spot)
    assert (spot.ok, spot.checks) == (False, (reason,))
    assert rig.reasons() == [reason]


def test_a_spot_with_one_side_is_invalid(rig: Rig) -> None:
    rig.level2("update", [("offer", "60001", "0")])
    assert (rig.only(Spot).ok, rig.only(Spot).checks) == (False, (Reason.ONE_SIDED_BOOK,))
    rig.level2("update", [("bid", "60000", "0")])
    assert rig.only(Spot).checks == (Reason.EMPTY_BOOK,)


def test_a_gap_ends_the_book_until_the_next_snapshot(rig: Rig) -> None:
    rig.level2("update", [("bid", "60000.5", "3")], number=3)
    spot = rig.latest_spot()
    assert not spot.ok
    assert Reason.SEQUENCE_GAP in spot.checks
    assert spot.bids == ()
    rig.level2("update", [("bid", "60000.5", "3")])
    assert not rig.only(Spot).ok
    assert rig.only(Spot).checks == (Reason.SEQUENCE_GAP,)
    rig.spot("60010", "60011")
    assert rig.only(Spot).ok
    assert Reason.SEQUENCE_GAP in rig.reasons()


def test_a_ticker_does_not_mend_a_book_that_was_lost(rig: Rig) -> None:
    rig.level2("update", [("bid", "60000.5", "3")], number=3)
    rig.ticker("60002")
    assert not rig.latest_spot().ok
    rig.level2("update", [("bid", "60000.5", "3")])
    assert not rig.latest_spot().ok
    rig.spot("60010", "60011")
    assert rig.latest_spot().ok


def test_a_gap_concerns_every_product_of_the_connection_and_no_other(rig: Rig) -> None:
    rig.level2("snapshot", [("bid", "3000", "1"), ("offer", "3001", "1")], product="ETH-USD")
    rig.level2("snapshot", [("bid", "150", "1"), ("offer", "151", "1")], product="SOL-USD", conn="coin-2")
    rig.level2("update", [("bid", "60000.5", "3")], number=9)
    rig.level2("update", [("bid", "3000", "2")], product="ETH-USD")
    assert not rig.only(Spot).ok
    rig.level2("update", [("bid", "150", "2")], product="SOL-USD", conn="coin-2")
    assert rig.only(Spot).ok


def test_numbers_run_over_all_channels(rig: Rig) -> None:
    rig.coin("heartbeats", [{"heartbeat_counter": 1}])
    rig.coin("subscriptions", [])
    rig.level2("update", [("bid", "60000.5", "3")])
    assert rig.only(Spot).ok
    assert rig.reasons() == []


@pytest.mark.parametrize(("number", "reason"), [(1, Reason.DUPLICATE_FRAME), (0, Reason.OUT_OF_ORDER)])
def test_a_duplicate_frame_is_a_finding_and_ignored(number: int, reason: Reason, rig: Rig) -> None:
    rig.level2("update", [("bid", "60000.5", "3")])
    before = rig.latest_spot()
    rig.level2("update", [("bid", "1", "9"), ("bid", "60000.5", "0")], number=number)
    event = rig.only(Feed)
    assert (event.what, event.checks) == ("ignored", (reason,))
    assert rig.reasons() == [reason]
    rig.sequences[COIN] = 2
    rig.level2("update", [("bid", "60000.2", "1")])
    assert rig.only(Spot).price == before.price
    assert rig.only(Spot).ok


def test_a_reconnect_starts_its_numbers_afresh_and_needs_a_snapshot(rig: Rig) -> None:
    rig.own(FEED_COINBASE, Notice(COIN, "disconnected", "closed", 1))
    assert rig.reasons() == [Reason.DISCONNECTED]
    rig.level2("update", [("bid", "60000.5", "3")], conn="coin-2")
    assert not rig.only(Spot).ok
    rig.spot("60010", "60011", conn="coin-2")
    assert rig.only(Spot).ok


def test_where_there_is_no_book_the_ticker_is_the_price() -> None:
    rig = Rig()
    rig.ticker("60123.45")
    spot = rig.only(Spot)
    assert (spot.price, spot.ok, spot.bids) == (60_123_450_000, True, ())


def test_a_book_goes_before_the_ticker(rig: Rig) -> None:
    rig.ticker("70000")
    assert rig.only(Spot).price == 60_000_500_000


def test_an_unknown_channel_is_a_finding(rig: Rig) -> None:
    rig.coin("of tomorrow", [{"type": "x"}])
    assert rig.only(Feed).checks == (Reason.UNKNOWN_FRAME,)
    assert rig.reasons() == [Reason.UNKNOWN_FRAME]


@pytest.mark.parametrize(("seconds", "reason"), [(-6, Reason.TIMESTAMP_OLD), (3, Reason.TIMESTAMP_AHEAD)])
def test_an_exchange_time_far_from_receipt_blocks(seconds: int, reason: Reason, rig: Rig) -> None:
    rig.level2("update", [("bid", "60000.5", "3")], t=rig.now + seconds * SECOND)
    assert (rig.only(Spot).ok, rig.only(Spot).checks) == (False, (reason,))


@pytest.mark.parametrize(
    "updates",
    [
        [("bid", "abc", "1")],
        [("bid", "60000", "NaN")],
        [("bid", "60000", "-1")],
        [("both", "60000", "1")],
        [("bid", "1e400", "1")],
    ],
)
def test_a_frame_that_makes_no_sense_ends_the_book(updates: list[tuple[str, str, str]], rig: Rig) -> None:
    rig.level2("update", updates)
    assert rig.only(Rejected).checks == (Reason.DECODE_ERROR,)
    assert [letter.reason for letter in rig.letters] == [Reason.DECODE_ERROR]
    rig.level2("update", [("bid", "60000.5", "3")])
    assert (rig.only(Spot).ok, rig.only(Spot).checks) == (False, (Reason.DECODE_ERROR,))
    rig.spot()
    assert rig.only(Spot).ok


def test_silence_makes_the_spot_stale_by_the_clock_alone(rig: Rig) -> None:
    rig.pass_time(5)
    (clock,) = rig.tick()
    assert (clock.stale_spots, clock.stale_feeds) == ((), ())  # type: ignore[union-attr]
    rig.pass_time(0.25)
    (clock,) = rig.tick()
    assert (clock.stale_spots, clock.stale_feeds) == (("BTC",), (FEED_COINBASE,))  # type: ignore[union-attr]
    assert sorted(rig.reasons()) == sorted([Reason.STALE_FEED, Reason.STALE_SPOT])
    rig.spot()
    (clock,) = rig.tick()
    assert (clock.stale_spots, clock.stale_feeds) == ((), ())  # type: ignore[union-attr]


def test_heartbeats_keep_the_feed_alive_but_not_the_price(rig: Rig) -> None:
    for _ in range(8):
        rig.pass_time(1)
        rig.coin("heartbeats", [{"heartbeat_counter": 1}])
    (clock,) = rig.tick()
    assert (clock.stale_spots, clock.stale_feeds) == (("BTC",), ())  # type: ignore[union-attr]


def test_a_loss_next_to_an_unreadable_price_is_found_at_the_next_frame(rig: Rig) -> None:
    """Such a frame uses up its own number and no other: it hides no loss after it, and tells of none before it."""
    rig.level2("update", [("bid", "", "1")])
    rig.sequences[COIN] += 1  # lost
    assert rig.reasons() == [Reason.DECODE_ERROR]
    rig.coin("heartbeats", [])
    assert rig.reasons() == [Reason.DECODE_ERROR, Reason.SEQUENCE_GAP]
    rig.sequences[COIN] += 1
    rig.level2("update", [("bid", "", "1")])
    assert rig.reasons()[2:] == [Reason.DECODE_ERROR]
    rig.coin("heartbeats", [])
    assert rig.reasons()[3:] == [Reason.SEQUENCE_GAP]
