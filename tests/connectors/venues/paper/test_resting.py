"""Orders that rest: the queue, trades through the price, opposite displays, and both tokens as one book."""

from __future__ import annotations

import pytest

from models.journal import Levels
from models.money import PIP, SHARE
from models.reasons import Reason
from tests.connectors.venues.paper.exchange import ASKS, BIDS, MS, Floor, mirrored


def levels(*pairs: tuple[int, float]) -> Levels:
    return tuple((price, round(size * SHARE)) for price, size in pairs)


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.book()
    return floor


# --- the queue ----------------------------------------------------------------------------------------------------


def test_trades_at_the_price_fill_us_when_those_ahead_are_served(floor: Floor) -> None:
    name = floor.rest()  # behind the ten displayed at 0.49
    floor.trade(4900, 6)
    floor.book(bids=levels((4900, 4)))
    assert floor.filled(name) == 0
    floor.trade(4900, 7)
    assert floor.amounts(name) == [(4900, 3)]
    floor.trade(4900, 50)
    assert floor.amounts(name) == [(4900, 3), (4900, 7)]
    assert floor.states(name) == ["accepted", "partly_filled", "filled"]
    for fill in floor.fills(name):
        assert (fill.evidence, fill.fee) == ("queue", 0)
        assert fill.gross * PIP == fill.price * fill.size
    assert [(fill.book, fill.trade) for fill in floor.fills(name)] == [(5, 6), (5, 7)]


def test_who_comes_later_stands_behind(floor: Floor) -> None:
    name = floor.rest()
    floor.book(bids=levels((4900, 500)))
    floor.trade(4900, 15)
    assert floor.filled(name) == 5


def test_cancels_leave_in_proportion(floor: Floor) -> None:
    name = floor.rest()  # ten ahead
    floor.book(bids=levels((4900, 40)))  # thirty behind
    floor.book(bids=levels((4900, 20)))  # half of all were cancelled: five ahead
    floor.trade(4900, 6)
    assert floor.filled(name) == 1


def test_what_a_trade_explains_is_no_cancel(floor: Floor) -> None:
    name = floor.rest()
    floor.book(bids=levels((4900, 40)))
    floor.trade(4900, 4)  # six ahead
    floor.book(bids=levels((4900, 36)))
    floor.trade(4900, 6)
    assert floor.filled(name) == 0
    floor.trade(4900, 1)
    assert floor.filled(name) == 1


def test_a_trade_reported_after_the_display_that_shows_it_is_still_a_trade(floor: Floor) -> None:
    name = floor.rest()
    floor.book(bids=levels((4900, 40)))
    floor.book(bids=levels((4900, 36)), x=floor.now + MS)
    floor.trade(4900, 4, x=floor.now)  # not one of ten by cancels but four by the trade: six ahead
    floor.trade(4900, 7)
    assert floor.filled(name) == 1


def test_a_level_that_vanished_leaves_nobody_ahead(floor: Floor) -> None:
    name = floor.rest()
    floor.book(bids=levels((4800, 20)))
    floor.book(bids=levels((4900, 30), (4800, 20)))
    floor.trade(4900, 2)
    assert floor.filled(name) == 2


def test_a_new_price_of_our_own_has_nobody_ahead() -> None:
    floor = Floor()
    floor.book(asks=levels((5200, 10)), bids=levels((4900, 10)))
    name = floor.rest(limit=5000)
    floor.trade(5000, 3)
    assert floor.amounts(name) == [(5000, 3)]


def test_beyond_the_ten_displayed_everything_is_ahead_until_seen() -> None:
    floor = Floor()
    ten = levels(*((4900 - 100 * number, 10) for number in range(10)))
    floor.book(bids=ten)
    name = floor.rest(limit=3900)
    floor.trade(3900, 1_000)
    assert floor.filled(name) == 0
    floor.book(bids=levels((3900, 8), (3800, 9)))
    floor.trade(3900, 9)
    assert floor.filled(name) == 1


def test_the_queue_of_an_offer_is_the_same_in_the_mirror() -> None:
    """A sale of Up at 0.50 and a purchase of Down at 0.50 stand on one level."""
    for changes in ({"side": "sell", "limit": 5000}, {"outcome": "Down", "limit": 5000}):
        floor = Floor()
        floor.book()
        name = floor.rest(**changes)
        floor.trade(5000, 12, side="BUY")  # a buyer of Up
        assert floor.filled(name) == 2
        floor.trade(5000, 3, side="SELL", token="down")  # a seller of Down is one as well
        assert floor.filled(name) == 5


def test_two_of_our_orders_share_a_trade(floor: Floor) -> None:
    first, second = floor.rest(), floor.rest()
    floor.trade(4900, 25)
    assert floor.filled(first) + floor.filled(second) == 15
    assert floor.filled(first) == 10


def test_a_trade_by_a_buyer_does_not_fill_a_bid_below_it(floor: Floor) -> None:
    name = floor.rest()
    floor.trade(5000, 50, side="BUY")
    assert floor.filled(name) == 0


def test_fills_below_a_hundredth_of_a_share_add_up(floor: Floor) -> None:
    name = floor.rest()
    floor.trade(4900, 10)
    for _ in range(4):
        floor.trade(4900, 0.004)
    assert floor.amounts(name) == [(4900, 0.01)]


# --- trades through the price -------------------------------------------------------------------------------------


def test_a_trade_through_the_price_fills_at_most_what_was_traded(floor: Floor) -> None:
    name = floor.rest()
    floor.trade(4800, 4)
    assert floor.amounts(name) == [(4900, 4)], "at our price, whatever is ahead"
    fill = floor.fills(name)[0]
    assert (fill.evidence, fill.fee, fill.book, fill.trade) == ("trade_through", 0, -1, floor.seq)


def test_better_orders_of_ours_are_served_first(floor: Floor) -> None:
    worse, better = floor.rest(limit=4700), floor.rest(limit=4800)
    floor.trade(4600, 13)
    assert (floor.filled(better), floor.filled(worse)) == (10, 3)


def test_a_mirrored_trade_is_counted_once(floor: Floor) -> None:
    name = floor.rest()
    floor.trade(4800, 4)
    floor.trade(5200, 4, side="BUY", token="down", x=floor.now)
    assert floor.filled(name) == 4
    floor.trade(5200, 4, side="BUY", token="down")  # at another moment it is another one
    assert floor.filled(name) == 8


def test_two_equal_trades_of_one_token_are_two(floor: Floor) -> None:
    name = floor.rest()
    floor.trade(4800, 4)
    floor.trade(4800, 4, x=floor.now)
    floor.trade(5200, 4, side="BUY", token="down", x=floor.now - MS)
    floor.trade(5200, 4, side="BUY", token="down", x=floor.now - 2 * MS)
    assert floor.filled(name) == 8


def test_a_buyer_who_paid_no_more_than_our_bid_would_have_met_a_seller_who_met_us_first(floor: Floor) -> None:
    name = floor.rest()
    floor.trade(4900, 3, side="BUY")
    assert [(fill.evidence, fill.size) for fill in floor.fills(name)] == [("trade_through", 3 * SHARE)]


# --- opposite displays --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [4900, 4800])
def test_an_opposite_display_at_or_through_the_price_fills_what_it_shows(price: int, floor: Floor) -> None:
    name = floor.rest()
    floor.book(asks=levels((price, 4)), bids=levels((4700, 9)))
    assert floor.amounts(name) == [(4900, 4)]
    fill = floor.fills(name)[0]
    assert (fill.evidence, fill.fee, fill.book, fill.trade) == ("book_cross", 0, floor.seq, -1)


def test_the_same_display_fills_once(floor: Floor) -> None:
    name = floor.rest()
    for _ in range(3):
        floor.book(asks=levels((4900, 4)), bids=levels((4700, 9)))
    assert floor.filled(name) == 4
    floor.book(asks=levels((4900, 6)), bids=levels((4700, 9)))
    assert floor.filled(name) == 6


def test_both_tokens_tell_one_display(floor: Floor) -> None:
    name = floor.rest()
    floor.book(asks=levels((4900, 4)), bids=levels((4700, 9)), of="down")
    assert floor.filled(name) == 4
    floor.book(asks=levels((4900, 4)), bids=levels((4700, 9)), of="up")
    assert floor.filled(name) == 4


def test_what_a_trade_takes_of_a_display_that_we_took_is_not_filled_again(floor: Floor) -> None:
    name = floor.rest()
    floor.book(asks=levels((4900, 4)), bids=levels((4700, 9)))
    floor.trade(4900, 4, side="BUY")
    assert floor.filled(name) == 4


def test_a_book_that_is_not_sound_fills_nothing(floor: Floor) -> None:
    name = floor.rest()
    floor.book(asks=levels((4800, 4)), ok=False)
    assert floor.filled(name) == 0


def test_our_own_orders_never_fill_each_other(floor: Floor) -> None:
    bid = floor.rest(limit=4900)
    ask = floor.take(side="sell", limit=4900)  # takes the ten that the exchange displays
    assert floor.amounts(ask) == [(4900, 10)]
    again = floor.take(side="sell", limit=4900)
    assert floor.end(again) == ("rejected", Reason.NOT_FILLED)
    resting = floor.send(time_in_force="GTC", side="sell", limit=4900)
    floor.wait(300 * MS)
    floor.book()
    assert floor.filled(bid) == 0
    assert floor.filled(resting) == 0


def test_an_older_display_of_the_other_token_says_nothing_new(floor: Floor) -> None:
    name = floor.rest()
    floor.book(asks=levels((4900, 4)), bids=levels((4700, 9)), of="down", x=floor.now - 500 * MS)
    assert floor.filled(name) == 0


def test_mirrored_books_agree_on_the_queue(floor: Floor) -> None:
    name = floor.rest()
    floor.book(bids=levels((4900, 40)), of="down")
    floor.book(bids=levels((4900, 40)), of="up", x=floor.now)
    floor.book(bids=levels((4900, 20)), of="up")
    floor.book(bids=levels((4900, 20)), of="down", x=floor.now)
    floor.trade(4900, 6)
    assert floor.filled(name) == 1
    assert mirrored(mirrored(BIDS)) == BIDS
    assert ASKS[0][0] > BIDS[0][0]
