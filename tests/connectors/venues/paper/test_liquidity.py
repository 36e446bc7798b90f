"""What we took of the exchange's display: it is ours once, and comes back by trades and by time alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import PIP, SHARE, SIZE_STEP
from models.orders import FINAL
from models.reasons import Reason
from models.timestamps import SECOND
from tests.connectors.venues.paper.exchange import END, MS, Floor, parameters


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.book()
    return floor


def test_the_same_displayed_shares_are_not_filled_twice(floor: Floor) -> None:
    assert floor.filled(floor.take(size=8 * SHARE)) == 8
    assert floor.filled(floor.take(size=8 * SHARE)) == 2
    assert floor.end(floor.take(size=8 * SHARE)) == ("rejected", Reason.NOT_FILLED)


def test_a_changed_display_is_no_new_shares(floor: Floor) -> None:
    floor.take()
    floor.book(asks=((5000, 9 * SHARE),))
    assert floor.filled(floor.take()) == 0
    floor.book(asks=((5000, 12 * SHARE),))
    assert floor.filled(floor.take()) == 2
    floor.book(asks=((5100, 5 * SHARE),))
    floor.book(asks=((5000, 12 * SHARE),))
    assert floor.filled(floor.take()) == 0


def test_the_mirrored_tokens_shares_are_the_same(floor: Floor) -> None:
    """Who buys Up at 0.50 takes the bid for Down at 0.50."""
    assert floor.filled(floor.take(size=8 * SHARE)) == 8
    assert floor.filled(floor.take(outcome="Down", side="sell", limit=5000)) == 2


def test_the_other_side_of_the_book_is_other_shares() -> None:
    floor = Floor()
    floor.book(asks=((5000, 10 * SHARE),), bids=((4900, 10 * SHARE),))
    floor.take()
    floor.book(asks=((5100, 10 * SHARE),), bids=((5000, 10 * SHARE),))
    assert floor.filled(floor.take(side="sell", limit=5000)) == 10


@pytest.mark.parametrize(
    ("price", "shares", "side", "token", "left"),
    [
        pytest.param(5000, 4, "BUY", "up", 4, id="a trade there gives back its size"),
        pytest.param(5000, 40, "BUY", "up", 10, id="and no more than was taken"),
        pytest.param(5000, 4, "SELL", "down", 4, id="told for the other token"),
        pytest.param(5100, 4, "BUY", "up", 0, id="not one at another price"),
        pytest.param(5000, 4, "SELL", "up", 0, id="nor one on the other side"),
    ],
)
def test_trades_at_the_price_give_back(price: int, shares: int, side: str, token: str, left: int, floor: Floor) -> None:
    floor.take()
    floor.trade(price, shares, side, token)
    floor.book()
    assert floor.filled(floor.take()) == left


def test_time_gives_back(floor: Floor) -> None:
    floor.take(size=5 * SHARE)
    taken_at = floor.of("o0")[0].t
    floor.take(size=5 * SHARE)
    name = floor.send(due=taken_at + 5 * SECOND - 1, book_age=60 * SECOND)
    later = floor.send(due=taken_at + 5 * SECOND, book_age=60 * SECOND)
    floor.wait(6 * SECOND)
    assert floor.filled(name) == 0
    assert floor.filled(later) == 5, "each part after its own time"


def test_a_fok_that_failed_took_nothing(floor: Floor) -> None:
    floor.take(time_in_force="FOK", size=11 * SHARE)
    assert floor.filled(floor.take()) == 10


def test_a_resting_order_filled_by_a_display_took_it_too(floor: Floor) -> None:
    floor.rest(limit=4900, size=6 * SHARE)
    floor.book(asks=((4900, 10 * SHARE),), bids=((4800, 10 * SHARE),))
    assert floor.filled("o0") == 6
    assert floor.filled(floor.take(limit=4900)) == 4


# --- over any sequence --------------------------------------------------------------------------------------------

prices = st.integers(46, 54).map(lambda cents: cents * 100)
sizes = st.integers(0, 4_000).map(lambda hundredths: hundredths * SIZE_STEP)


@st.composite
def shows(draw: Any) -> tuple[str, dict[str, Any]]:
    """A display that is not crossed, told of one token or both."""
    middle = draw(prices)
    asks = draw(st.dictionaries(st.integers(1, 6), sizes, min_size=1, max_size=6))
    bids = draw(st.dictionaries(st.integers(1, 6), sizes, min_size=1, max_size=6))
    return "book", {
        "asks": tuple((middle + 100 * step, size) for step, size in sorted(asks.items()) if size),
        "bids": tuple((middle - 100 * step, size) for step, size in sorted(bids.items()) if size),
        "of": draw(st.sampled_from(["up", "down", "both"])),
    }


orders = st.tuples(
    st.just("send"),
    st.fixed_dictionaries(
        {
            "outcome": st.sampled_from(["Up", "Down"]),
            "side": st.sampled_from(["buy", "sell"]),
            "time_in_force": st.sampled_from(["FAK", "FOK", "GTC", "GTD"]),
            "post_only": st.sampled_from([False, False, False, True]),
            "limit": st.integers(42, 58).map(lambda cents: cents * 100),
            "size": st.integers(5, 60).map(lambda shares: shares * SHARE),
            "expires": st.just(END - SECOND),
        }
    ),
)
trades = st.tuples(
    st.just("trade"),
    st.fixed_dictionaries(
        {
            "price": prices,
            "shares": st.integers(1, 50_000).map(lambda thousandths: thousandths / 1000),
            "side": st.sampled_from(["BUY", "SELL"]),
            "token": st.sampled_from(["up", "down"]),
        }
    ),
)
waits = st.tuples(st.just("wait"), st.fixed_dictionaries({"span": st.integers(1, 300).map(lambda ms: ms * MS)}))
cancels = st.tuples(st.just("cancel"), st.fixed_dictionaries({"number": st.integers(0, 30)}))
queries = st.tuples(st.just("query"), st.fixed_dictionaries({"number": st.integers(0, 30)}))


def play(floor: Floor, steps: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """Do the steps; the kind of each, when it is done."""
    for kind, keys in steps:
        if kind in ("cancel", "query"):
            getattr(floor.venue, kind)(f"o{keys['number']}", floor.now)
        else:
            getattr(floor, kind)(**keys)
        yield kind


class Shown:
    """The most that each level of the Up book ever showed, kept beside the venue."""

    def __init__(self) -> None:
        self.most: dict[tuple[str, int], int] = {}

    def look(self, floor: Floor) -> None:
        for token, is_up in ((floor.up, True), (floor.down, False)):
            if token is None:
                continue
            for side, levels in (("ask", token.asks), ("bid", token.bids)):
                for price, size in levels:
                    level = (side, price) if is_up else ("bid" if side == "ask" else "ask", PIP - price)
                    self.most[level] = max(self.most.get(level, 0), size)


def level_taken(floor: Floor, name: str, price: int) -> tuple[str, int]:
    """The level of the Up book that a fill of an order at ``price`` of its token consumed."""
    order = floor.sent[name]
    is_up = order.outcome == "Up"
    return ("ask" if (order.side == "buy") == is_up else "bid"), (price if is_up else PIP - price)


@given(steps=st.lists(st.one_of(shows(), orders, waits, cancels), min_size=5, max_size=40))
def test_between_trades_what_is_filled_is_at_most_what_was_ever_shown(steps: list[tuple[str, dict[str, Any]]]) -> None:
    floor, shown = Floor(parameters(replenish=3_600 * SECOND), is_pickled=False), Shown()
    for kind in play(floor, [*steps, ("wait", {"span": SECOND})]):
        if kind == "book":
            shown.look(floor)
    makers: dict[tuple[str, int], int] = {}
    takers: dict[tuple[str, int], int] = {}
    for report in floor.reports:
        if report.fill is not None:
            assert report.fill.evidence == "book_cross"
            level = level_taken(floor, report.order, report.fill.price)
            each = takers if report.fill.fee else makers
            each[level] = each.get(level, 0) + report.fill.size
    for level, size in takers.items():
        assert size <= shown.most[level]
    # a maker's fill is at its own price and consumed that one or better: up to each price, all fills together
    for side, sign in (("ask", 1), ("bid", -1)):
        for bound in range(4000, 6100, 100):
            filled = offered = 0
            for each in (takers, makers):
                filled += sum(size for (of, at), size in each.items() if of == side and sign * (at - bound) <= 0)
            offered += sum(size for (of, at), size in shown.most.items() if of == side and sign * (at - bound) <= 0)
            assert filled <= offered


@given(
    steps=st.lists(st.one_of(shows(), orders, trades, waits, cancels, queries), min_size=10, max_size=60),
    lost=st.sampled_from([0, 0, 300_000]),
    seed=st.integers(0, 99),
)
def test_any_sequence_of_events_and_commands(steps: list[tuple[str, dict[str, Any]]], lost: int, seed: int) -> None:
    """The floor asserts that every report may follow the one before. Here: limits, sizes, fees, evidence; that a trade
    gives no more than it traded; that every order ends, and that it is the same twice."""
    given_ = parameters(jitter=80 * MS, lost_answers=lost, seed=seed)
    floor, again = Floor(given_), Floor(given_, is_pickled=False)
    traded: dict[int, int] = {}  # journal number -> size
    for each in (floor, again):
        for (kind, keys), _ in zip(steps, play(each, steps), strict=True):
            if kind == "trade":
                traded[each.seq] = round(keys["shares"] * SHARE)
        for name in each.sent:
            each.venue.query(name, END)
        each.wait(SECOND)
        each.clock(END + SECOND - each.now)
    assert floor.reports == again.reports
    left: dict[tuple[int, str], int] = {}  # of each trade, for the orders on either side
    for report in floor.reports:
        if report.fill is not None and report.fill.trade >= 0:
            at = (report.fill.trade, level_taken(floor, report.order, report.fill.price)[0])
            left[at] = left.get(at, traded[at[0]]) - report.fill.size + SIZE_STEP  # an order may have a fraction over
    assert all(size >= 0 for size in left.values())
    for name, order in floor.sent.items():
        assert order.state in FINAL
        assert order.filled <= order.size
        assert (order.state == "filled") == (order.filled == order.size)
        assert order.state != "rejected" or not order.filled
        for fill in floor.fills(name):
            assert fill.size > 0
            assert fill.size % SIZE_STEP == 0
            assert fill.gross * PIP == fill.price * fill.size
            assert fill.price <= order.limit if order.side == "buy" else fill.price >= order.limit
            if fill.evidence != "book_cross":
                assert (fill.fee, fill.price) == (0, order.limit)
                assert fill.trade >= 0
            else:
                assert fill.book >= 0
        if order.time_in_force == "FOK":
            assert order.filled in (0, order.size)
        if order.post_only:
            assert all(fill.fee == 0 for fill in floor.fills(name))
