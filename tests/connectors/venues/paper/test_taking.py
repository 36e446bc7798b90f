"""Orders that take: the exchange's rules, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from models.fees import taker_fee
from models.money import PIP, SHARE, SIZE_STEP
from models.reasons import Reason
from models.timestamps import SECOND
from tests.connectors.venues.paper.exchange import ASKS, BIDS, END, MS, NOW, Floor, parameters


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.book()
    return floor


@pytest.mark.parametrize(
    ("changes", "amounts", "state", "reason"),
    [
        pytest.param({"size": 8 * SHARE}, [(5000, 8)], "filled", Reason.FILLED, id="within the touch"),
        pytest.param(
            {"size": 25 * SHARE, "limit": 5100}, [(5000, 10), (5100, 15)], "filled", Reason.FILLED, id="walks the depth"
        ),
        pytest.param(
            {"size": 40 * SHARE, "limit": 5200},
            [(5000, 10), (5100, 20)],
            "cancelled",
            Reason.REST_CANCELLED,
            id="FAK takes what is there and drops the rest",
        ),
        pytest.param(
            {"time_in_force": "FOK", "size": 31 * SHARE, "limit": 5100},
            [],
            "rejected",
            Reason.NOT_FILLED,
            id="FOK none",
        ),
        pytest.param(
            {"time_in_force": "FOK", "size": 30 * SHARE, "limit": 5100},
            [(5000, 10), (5100, 20)],
            "filled",
            Reason.FILLED,
            id="FOK all",
        ),
        pytest.param({"limit": 4900}, [], "rejected", Reason.NOT_FILLED, id="below the ask"),
        pytest.param({"limit": 5900, "size": 5 * SHARE}, [(5000, 5)], "filled", Reason.FILLED, id="price improvement"),
        pytest.param(
            {"side": "sell", "size": 35 * SHARE, "limit": 4800},
            [(4900, 10), (4800, 20)],
            "cancelled",
            Reason.REST_CANCELLED,
            id="a sale walks the bids",
        ),
        pytest.param({"side": "sell", "limit": 5000}, [], "rejected", Reason.NOT_FILLED, id="a sale above the bid"),
        pytest.param(
            {"outcome": "Down", "size": 30 * SHARE, "limit": 5200},
            [(5100, 10), (5200, 20)],
            "filled",
            Reason.FILLED,
            id="Down's asks are Up's bids",
        ),
        pytest.param(
            {"outcome": "Down", "side": "sell", "limit": 5000},
            [(5000, 10)],
            "filled",
            Reason.FILLED,
            id="a sale of Down",
        ),
    ],
)
def test_what_an_order_takes(
    changes: dict[str, Any], amounts: list[tuple[int, int]], state: str, reason: Reason, floor: Floor
) -> None:
    name = floor.take(**changes)
    assert floor.amounts(name) == amounts
    assert floor.end(name) == (state, reason)
    for fill in floor.fills(name):
        assert fill.gross * PIP == fill.price * fill.size
        assert fill.fee == taker_fee(fill.price, fill.size, 70_000)
        assert (fill.evidence, fill.book, fill.trade) == ("book_cross", 2, -1)


@pytest.mark.parametrize(
    ("changes", "mid", "touch"),
    [
        pytest.param({"size": 25 * SHARE, "limit": 5100}, 4950, 5000, id="a purchase of Up"),
        pytest.param({"side": "sell", "size": 15 * SHARE, "limit": 4800}, 4950, 4900, id="a sale of Up"),
        pytest.param({"outcome": "Down", "size": 30 * SHARE, "limit": 5200}, 5050, 5100, id="a purchase of Down"),
        pytest.param({"outcome": "Down", "side": "sell", "limit": 5000}, 5050, 5000, id="a sale of Down"),
    ],
)
def test_a_taker_knows_the_mid_and_the_touch_it_met(
    changes: dict[str, Any], mid: int, touch: int, floor: Floor
) -> None:
    for fill in floor.fills(floor.take(**changes)):
        assert (fill.mid, fill.touch) == (mid, touch)


@pytest.mark.parametrize(
    ("changes", "market_changes", "book_changes", "reason"),
    [
        pytest.param({}, {"end": NOW + 201 * MS}, {}, Reason.MARKET_CLOSED, id="due at the end"),
        pytest.param({}, {"payout_up": PIP, "payout_down": 0}, {}, Reason.MARKET_CLOSED, id="resolved for Up"),
        pytest.param({}, {"payout_up": 0, "payout_down": PIP}, {}, Reason.MARKET_CLOSED, id="resolved for Down"),
        pytest.param({}, {"accepting": False}, {}, Reason.NOT_ACCEPTING, id="the exchange takes no orders"),
        pytest.param({}, {}, {"ok": False}, Reason.BOOK_INVALID, id="an invalid book"),
        pytest.param({"outcome": "Down"}, {}, {"of": "up"}, Reason.BOOK_MISSING, id="no book of the token"),
        pytest.param({"book_age": 199 * MS}, {}, {}, Reason.STALE_BOOK, id="a book too old"),
        pytest.param({"limit": 5050}, {}, {}, Reason.OFF_TICK, id="between ticks"),
        pytest.param({"limit": 50}, {}, {}, Reason.OFF_TICK, id="below the least price"),
        pytest.param({"limit": 0}, {}, {}, Reason.OFF_TICK, id="nothing"),
        pytest.param({"limit": PIP}, {}, {}, Reason.OFF_TICK, id="a dollar"),
        pytest.param({"size": 5 * SHARE - SIZE_STEP}, {}, {}, Reason.BELOW_MIN_SIZE, id="below the minimum"),
        pytest.param({"size": 6 * SHARE + 1}, {}, {}, Reason.BELOW_MIN_SIZE, id="finer than a hundredth"),
        pytest.param({"size": 15 * SHARE}, {"min_size": 16 * SHARE}, {}, Reason.BELOW_MIN_SIZE, id="the market's own"),
        pytest.param(
            {"size": 5 * SHARE, "limit": 1900}, {}, {"asks": ((1900, 9 * SHARE),), "bids": ()}, Reason.BELOW_MIN_SIZE,
            id="worth less than a dollar",
        ),
        pytest.param({"size": 5 * SHARE + SIZE_STEP, "limit": 5100}, {}, {}, Reason.ODD_AMOUNT, id="2.5551 dollars"),
        pytest.param({"post_only": True}, {}, {}, Reason.POST_ONLY_TAKES, id="a post-only FAK"),
        pytest.param(
            {"post_only": True, "time_in_force": "FOK"}, {}, {}, Reason.POST_ONLY_TAKES, id="a post-only FOK"
        ),
    ],
)  # fmt: skip
def test_each_refusal(
    changes: dict[str, Any], market_changes: dict[str, Any], book_changes: dict[str, Any], reason: Reason
) -> None:
    floor = Floor(**market_changes)
    floor.book(**book_changes)
    name = floor.take(**changes)
    assert floor.of(name)[0].fill is None
    assert floor.end(name) == ("rejected", reason)


@pytest.mark.parametrize(
    ("changes", "book_changes"),
    [
        pytest.param(
            {"side": "sell", "limit": 100, "size": 5 * SHARE},
            {"bids": ((100, 50 * SHARE),)},
            id="a sale has no least value",
        ),
        pytest.param({"side": "sell", "limit": 4900, "size": 5 * SHARE + SIZE_STEP}, {}, id="nor whole cents"),
        pytest.param({"limit": 5010}, {"tick": 10, "asks": ((5010, 90 * SHARE),)}, id="the book's finer tick counts"),
        pytest.param({"book_age": 200 * MS}, {}, id="a book exactly as old as allowed"),
        pytest.param({}, {"asks": ASKS, "bids": BIDS, "of": "up"}, id="the other token's book is not needed"),
    ],
)
def test_what_is_not_refused(changes: dict[str, Any], book_changes: dict[str, Any]) -> None:
    floor = Floor()
    floor.book(**book_changes)
    assert floor.end(floor.take(**changes)) == ("filled", Reason.FILLED)


def test_fractions_below_a_hundredth_of_a_share_are_left() -> None:
    floor = Floor()
    floor.book(asks=((5000, 6 * SHARE + SIZE_STEP + 1234),))
    name = floor.take()
    assert [fill.size for fill in floor.fills(name)] == [6 * SHARE + SIZE_STEP]
    assert floor.end(name) == ("cancelled", Reason.REST_CANCELLED)


def test_the_clock_calls_a_book_stale_however_young(floor: Floor) -> None:
    floor.clock(stale=("up",))
    assert floor.end(floor.take()) == ("rejected", Reason.STALE_BOOK)
    floor.clock()
    assert floor.end(floor.take()) == ("filled", Reason.FILLED)


# --- when it meets the book ---------------------------------------------------------------------------------------


def test_an_order_meets_the_book_after_latency_and_delay_and_not_the_one_it_was_sent_on(floor: Floor) -> None:
    name = floor.send(limit=5100)
    floor.book(asks=((5100, 7 * SHARE),), after=199 * MS)
    floor.book(asks=((5000, 90 * SHARE),), after=2 * MS)
    assert floor.amounts(name) == [(5100, 7)]
    assert floor.of(name)[0].t == NOW + MS + 200 * MS


def test_what_is_shown_at_the_very_moment_it_is_due_comes_first(floor: Floor) -> None:
    name = floor.send()
    assert floor.book(asks=((5000, 3 * SHARE),), after=200 * MS) == []
    floor.wait(MS)
    assert floor.amounts(name) == [(5000, 3)]


def test_the_markets_own_delay_goes_before_the_parameter() -> None:
    for stated, moment in ((-1, 200), (0, 50), (1000, 1050)):
        floor = Floor(taker_delay_ms=stated)
        floor.book()
        name = floor.send()
        floor.wait(1200 * MS)
        assert floor.of(name)[0].t == NOW + MS + moment * MS


def test_an_order_that_is_not_marketable_when_it_comes_is_not_held_until_it_is(floor: Floor) -> None:
    """Only marketable orders are held; one without a match is ended when it comes."""
    name = floor.send(limit=5000)
    floor.book(asks=((5100, 9 * SHARE),), after=40 * MS)
    floor.wait(20 * MS)
    floor.book(asks=((5000, 9 * SHARE),))
    floor.wait(200 * MS)
    assert floor.end(name) == ("rejected", Reason.NOT_FILLED)
    assert floor.of(name)[0].t == NOW + MS + 50 * MS


def test_jitter_is_seeded_bounded_and_differs_by_order() -> None:
    given = parameters(jitter=30 * MS, seed=5)
    floor = Floor(given)
    ways = [floor.venue.arrival(f"o{number}", floor.market, 0, 0, takes=False) for number in range(200)]
    assert ways == [Floor(given).venue.arrival(f"o{n}", floor.market, 0, 0, takes=False) for n in range(200)]
    assert min(ways) >= 50 * MS
    assert max(ways) <= 80 * MS
    assert max(ways) - min(ways) > 25 * MS
    other = Floor(parameters(jitter=30 * MS, seed=6))
    assert ways != [other.venue.arrival(f"o{n}", floor.market, 0, 0, takes=False) for n in range(200)]


def test_our_own_lag_comes_on_top(floor: Floor) -> None:
    plain = floor.venue.arrival("o", floor.market, NOW, 0)
    assert floor.venue.arrival("o", floor.market, NOW, 3 * SECOND) == plain + 3 * SECOND


# --- moments nobody saw -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "is_seen"), [(2 * SECOND, True), (2 * SECOND + 1, False), (60 * SECOND, False)])
def test_an_order_due_where_nothing_was_observed_for_two_ticks_is_refused(
    gap: int, is_seen: bool, floor: Floor
) -> None:
    name = floor.send()
    floor.book(after=200 * MS + gap)
    assert floor.end(name) == (("filled", Reason.FILLED) if is_seen else ("rejected", Reason.UNOBSERVED))


def test_a_resting_order_that_arrives_unobserved_is_refused_too(floor: Floor) -> None:
    name = floor.send(time_in_force="GTC", limit=4900)
    floor.book(after=50 * MS + 3 * SECOND)
    assert floor.end(name) == ("rejected", Reason.UNOBSERVED)


@pytest.mark.parametrize(
    ("ticks", "tick"),
    [
        pytest.param([(1, 0), (2, 250), (3, 250)], 250, id="as the clock runs"),
        pytest.param([(1, 0), (2, 250), (3, 250), (4, 10), (5, 240)], 240, id="a command makes a tick of its own"),
        pytest.param([(1, 0), (2, 250), (3, 250), (0, 9_000)], 1000, id="another run of the recorder begins afresh"),
        pytest.param([(1, 0), (2, 250), (3, 250), (9, 9_000)], 1000, id="ticks are missing"),
        pytest.param([(1, 0), (2, 90_000)], 10_000, id="a pause is no slow clock"),
        pytest.param([(1, 0)], 1000, id="one tick is no interval"),
    ],
)
def test_the_tick_is_learned_from_the_journal(ticks: list[tuple[int, int]], tick: int, floor: Floor) -> None:
    for number, after in ticks:
        floor.clock(after * MS, number)
    for gap, state in ((2 * tick, "filled"), (2 * tick + 1, "rejected")):
        floor.book(asks=((5000, 99 * SHARE),))
        name = floor.send(book_age=100 * SECOND)
        floor.book(after=200 * MS + gap * MS)
        assert floor.states(name) == [state]


# --- orders that may rest, and take first -------------------------------------------------------------------------


def test_a_marketable_gtc_is_held_takes_and_rests_with_the_remainder(floor: Floor) -> None:
    name = floor.send(time_in_force="GTC", limit=5000, size=25 * SHARE)
    floor.wait(60 * MS)
    assert floor.states(name) == []
    floor.wait(150 * MS)
    assert floor.amounts(name) == [(5000, 10)]
    assert floor.end(name) == ("partly_filled", Reason.PARTLY_FILLED)
    assert floor.of(name)[-1].t == NOW + MS + 200 * MS
    floor.trade(5000, 4)  # a seller meets our bid, which stands alone at its price
    assert floor.amounts(name) == [(5000, 10), (5000, 4)]
    assert floor.fills(name)[0].fee > 0
    assert floor.fills(name)[1].fee == 0


def test_a_marketable_gtc_that_takes_all_is_filled(floor: Floor) -> None:
    name = floor.take(time_in_force="GTC", limit=5100, size=25 * SHARE)
    assert floor.states(name) == ["partly_filled", "filled"]


def test_one_that_is_no_longer_marketable_after_the_hold_rests_whole(floor: Floor) -> None:
    name = floor.send(time_in_force="GTC", limit=5000)
    floor.wait(60 * MS)
    floor.book(asks=((5100, 9 * SHARE),))
    floor.wait(150 * MS)
    assert floor.end(name) == ("accepted", Reason.RESTING)


def test_a_resting_order_has_no_taker_delay(floor: Floor) -> None:
    name = floor.rest()
    assert floor.of(name)[0].t == NOW + MS + 50 * MS


def test_a_small_resting_bid_needs_no_dollar_but_a_marketable_one_does(floor: Floor) -> None:
    assert floor.end(floor.rest(limit=100, size=5 * SHARE)) == ("accepted", Reason.RESTING)
    floor.book(asks=((1900, 9 * SHARE),), bids=((1800, 9 * SHARE),))
    assert floor.end(floor.take(time_in_force="GTC", limit=1900, size=5 * SHARE)) == (
        "rejected",
        Reason.BELOW_MIN_SIZE,
    )


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"limit": 5000}, ("rejected", Reason.WOULD_CROSS)),
        ({"limit": 5300}, ("rejected", Reason.WOULD_CROSS)),
        ({"limit": 4900}, ("accepted", Reason.RESTING)),
        ({"side": "sell", "limit": 4900}, ("rejected", Reason.WOULD_CROSS)),
        ({"side": "sell", "limit": 5000}, ("accepted", Reason.RESTING)),
        ({"outcome": "Down", "limit": 5100}, ("rejected", Reason.WOULD_CROSS)),
        ({"outcome": "Down", "limit": 5000}, ("accepted", Reason.RESTING)),
    ],
)
def test_post_only_rests_or_is_rejected(changes: dict[str, Any], end: tuple[str, Reason], floor: Floor) -> None:
    name = floor.send(time_in_force="GTC", post_only=True, **changes)
    floor.wait(60 * MS)
    assert floor.end(name) == end
    assert floor.of(name)[0].t == NOW + MS + 50 * MS, "it is never held"


def test_post_only_is_judged_by_the_book_it_meets(floor: Floor) -> None:
    name = floor.send(time_in_force="GTC", post_only=True, limit=4900)
    floor.book(asks=((4900, 9 * SHARE),), bids=((4800, 9 * SHARE),))
    floor.wait(60 * MS)
    assert floor.end(name) == ("rejected", Reason.WOULD_CROSS)


def test_post_only_crosses_what_the_other_tokens_later_book_shows(floor: Floor) -> None:
    floor.book(asks=((4900, 9 * SHARE),), bids=((4800, 9 * SHARE),), of="down")
    name = floor.send(time_in_force="GTC", post_only=True, limit=4900)
    floor.wait(60 * MS)
    assert floor.end(name) == ("rejected", Reason.WOULD_CROSS)


def test_gtd_expires_at_its_time(floor: Floor) -> None:
    name = floor.rest(time_in_force="GTD", expires=NOW + 150 * SECOND)
    floor.wait(160 * SECOND)
    assert floor.end(name) == ("expired", Reason.ORDER_EXPIRED)
    assert floor.of(name)[-1].t == NOW + 150 * SECOND


@pytest.mark.parametrize("span", [-1, 1, 100])
def test_gtd_must_have_two_minutes_to_live(span: int, floor: Floor) -> None:
    name = floor.take(time_in_force="GTD", limit=4900, expires=NOW + span * SECOND)
    assert floor.end(name) == ("rejected", Reason.EXPIRES_TOO_SOON)


def test_gtc_rests_until_the_markets_end(floor: Floor) -> None:
    name = floor.rest()
    floor.wait(END - floor.now)
    assert floor.states(name) == ["accepted"]
    floor.wait(1)
    assert floor.end(name) == ("expired", Reason.MARKET_CLOSED)
    assert floor.of(name)[-1].t == END


def test_a_market_that_resolves_ends_what_rests_in_it(floor: Floor) -> None:
    name = floor.rest()
    floor.tell_market(payout_up=PIP, payout_down=0)
    assert floor.end(name) == ("cancelled", Reason.MARKET_CLOSED)


def test_an_end_that_moved_ends_orders_when_it_comes(floor: Floor) -> None:
    name = floor.rest()
    floor.tell_market(end=NOW + 600 * SECOND)
    floor.wait(END + SECOND - floor.now)
    assert floor.states(name) == ["accepted"]
    floor.wait(NOW + 601 * SECOND - floor.now)
    assert floor.end(name) == ("expired", Reason.MARKET_CLOSED)


def test_after_a_market_is_forgotten_nothing_comes_of_it(floor: Floor) -> None:
    name = floor.rest()
    floor.send()
    floor.venue.cancel(name, floor.now)
    floor.venue.forget(floor.market)
    floor.trade(4800, 99)
    floor.wait(END + SECOND - floor.now)
    assert floor.states(name) == ["accepted"]


def test_the_later_of_both_tokens_displays_is_the_book(floor: Floor) -> None:
    floor.book(asks=((5000, 4 * SHARE), *ASKS[1:]), bids=BIDS, of="down")
    name = floor.take()
    assert floor.amounts(name) == [(5000, 4)]
    assert floor.fills(name)[0].book == 3


def test_an_id_is_sent_once(floor: Floor) -> None:
    floor.send(id="x")
    with pytest.raises(ValueError, match="x is at the venue already"):
        floor.send(id="x")
