"""The paper venue's contract, row by row, and what holds for any book and order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.venues.paper import Execution, PaperVenue, Pending
from models.fees import taker_fee
from models.journal import NO_SRC, Levels, Market, TokenBook
from models.money import PIP, SHARE, SIZE_STEP
from models.reasons import Reason
from models.settlement import Rule
from models.timestamps import SECOND

NOW = 1_795_000_200 * SECOND
END = NOW + 300 * SECOND
REPLENISH = 5 * SECOND
ASKS: Levels = ((5000, 10 * SHARE), (5100, 20 * SHARE), (5300, 30 * SHARE))
BIDS: Levels = ((4900, 10 * SHARE), (4800, 20 * SHARE), (4600, 30 * SHARE))


def market(**changes: Any) -> Market:
    fields: dict[str, Any] = {
        "seq": 1, "t": NOW, "src": NO_SRC, "lane": "BTC", "checks": (), "key": "m", "market": "0xm", "asset": "BTC",
        "horizon": "5m", "start": NOW, "end": END, "up_token": "up", "down_token": "down", "tick": 100,
        "min_size": 5 * SHARE, "fee_rate": 70_000, "fee_exponent": 1, "rule": Rule("spot", 0),
    }  # fmt: skip
    return Market(**{**fields, **changes})


def book(asks: Levels = ASKS, bids: Levels = BIDS, tick: int = 100, ok: bool = True, t: int = NOW) -> TokenBook:
    return TokenBook("up", bids, asks, tick, 7, t, t, NO_SRC, NO_SRC, ok)


def order(**changes: Any) -> Pending:
    fields: dict[str, Any] = {
        "id": "o", "decision": "d", "strategy": "s", "market_key": "m", "token": "up", "outcome": "Up", "side": "buy",
        "kind": "FAK", "limit": 5000, "size": 10 * SHARE, "due": NOW, "reserved": 0, "reason": "enter",
        "book_age": 5 * SECOND,
    }  # fmt: skip
    return Pending(**{**fields, **changes})


@pytest.fixture
def venue() -> PaperVenue:
    return PaperVenue(REPLENISH)


def amounts(fills: tuple[Execution, ...]) -> list[tuple[int, int]]:
    return [(fill.price, fill.size // SHARE) for fill in fills]


def test_an_order_within_the_touch_is_filled_whole_there(venue: PaperVenue) -> None:
    fills, reason = venue.execute(order(size=8 * SHARE), market(), book())
    assert (amounts(fills), reason) == ([(5000, 8)], Reason.FILLED)


def test_a_larger_one_walks_the_depth_up_to_its_limit(venue: PaperVenue) -> None:
    fills, reason = venue.execute(order(size=25 * SHARE, limit=5100), market(), book())
    assert (amounts(fills), reason) == ([(5000, 10), (5100, 15)], Reason.FILLED)


def test_fak_takes_what_is_there_and_drops_the_rest(venue: PaperVenue) -> None:
    fills, reason = venue.execute(order(size=40 * SHARE, limit=5200), market(), book())
    assert (amounts(fills), reason) == ([(5000, 10), (5100, 20)], Reason.PARTLY_FILLED)


def test_fok_is_all_or_nothing(venue: PaperVenue) -> None:
    assert venue.execute(order(kind="FOK", size=31 * SHARE, limit=5100), market(), book()) == ((), Reason.NOT_FILLED)
    fills, reason = venue.execute(order(kind="FOK", size=30 * SHARE, limit=5100), market(), book())
    assert (amounts(fills), reason) == ([(5000, 10), (5100, 20)], Reason.FILLED)


def test_a_limit_below_the_best_ask_is_not_filled(venue: PaperVenue) -> None:
    assert venue.execute(order(limit=4900), market(), book()) == ((), Reason.NOT_FILLED)


def test_a_better_price_than_the_limit_is_the_traders(venue: PaperVenue) -> None:
    fills, _ = venue.execute(order(limit=5900, size=5 * SHARE), market(), book())
    assert amounts(fills) == [(5000, 5)]


def test_a_sale_walks_the_bids_down_to_its_limit(venue: PaperVenue) -> None:
    fills, reason = venue.execute(order(side="sell", size=35 * SHARE, limit=4800), market(), book())
    assert (amounts(fills), reason) == ([(4900, 10), (4800, 20)], Reason.PARTLY_FILLED)
    assert venue.execute(order(side="sell", limit=5000), market(), book()) == ((), Reason.NOT_FILLED)


@pytest.mark.parametrize(
    ("order_changes", "market_changes", "the_book", "reason"),
    [
        ({"due": END}, {}, book(), Reason.MARKET_CLOSED),
        ({"due": END + 1}, {}, book(), Reason.MARKET_CLOSED),
        ({}, {"payout_up": PIP, "payout_down": 0}, book(), Reason.MARKET_CLOSED),
        ({}, {"payout_up": 0, "payout_down": PIP}, book(), Reason.MARKET_CLOSED),
        ({}, {}, None, Reason.BOOK_MISSING),
        ({}, {}, book(ok=False), Reason.BOOK_INVALID),
        ({}, {}, book(ok=False, t=NOW - 9 * SECOND), Reason.BOOK_INVALID),
        ({}, {}, book(t=NOW - 5 * SECOND - 1), Reason.STALE_BOOK),
        ({"side": "sell", "limit": 4900}, {}, book(t=NOW - 5 * SECOND - 1), Reason.STALE_BOOK),
        ({"book_age": SECOND}, {}, book(t=NOW - SECOND - 1), Reason.STALE_BOOK),
        ({"limit": 5050}, {}, book(), Reason.OFF_TICK),
        ({"limit": 50}, {}, book(tick=100), Reason.OFF_TICK),
        ({"limit": 0}, {}, book(), Reason.OFF_TICK),
        ({"limit": PIP}, {}, book(), Reason.OFF_TICK),
        ({"limit": -100}, {}, book(), Reason.OFF_TICK),
        ({"size": 5 * SHARE - SIZE_STEP}, {}, book(), Reason.BELOW_MIN_SIZE),
        ({"size": 6 * SHARE + 1}, {}, book(), Reason.BELOW_MIN_SIZE),
        ({"size": 5 * SHARE, "limit": 1900}, {}, book(asks=((1900, SHARE),)), Reason.BELOW_MIN_SIZE),
    ],
)
def test_each_refusal(
    order_changes: dict[str, Any],
    market_changes: dict[str, Any],
    the_book: TokenBook | None,
    reason: Reason,
    venue: PaperVenue,
) -> None:
    assert venue.execute(order(**order_changes), market(**market_changes), the_book) == ((), reason)


def test_a_book_that_the_clock_called_stale_fills_nothing_however_young(venue: PaperVenue) -> None:
    assert venue.execute(order(), market(), book(), stale=True) == ((), Reason.STALE_BOOK)
    assert venue.execute(order(), market(), book())[1] == Reason.FILLED


def test_a_book_exactly_as_old_as_allowed_fills(venue: PaperVenue) -> None:
    assert venue.execute(order(), market(), book(t=NOW - 5 * SECOND))[1] == Reason.FILLED


def test_one_moment_before_the_end_the_market_is_open(venue: PaperVenue) -> None:
    fills, _ = venue.execute(order(due=END - 1), market(), book(t=END - 1))
    assert fills


def test_a_finer_tick_of_the_book_counts_and_not_the_definitions(venue: PaperVenue) -> None:
    fine = book(asks=((9710, 10 * SHARE),), tick=10)
    fills, _ = venue.execute(order(limit=9710, size=5 * SHARE), market(tick=100), fine)
    assert amounts(fills) == [(9710, 5)]


def test_a_sale_has_no_least_value_in_dollars(venue: PaperVenue) -> None:
    cheap = book(bids=((100, 50 * SHARE),))
    fills, reason = venue.execute(order(side="sell", limit=100, size=5 * SHARE), market(), cheap)
    assert (amounts(fills), reason) == ([(100, 5)], Reason.FILLED)


def test_fractions_below_a_hundredth_of_a_share_are_left(venue: PaperVenue) -> None:
    odd = book(asks=((5000, 6 * SHARE + SIZE_STEP + 1234),))
    fills, reason = venue.execute(order(), market(), odd)
    assert [fill.size for fill in fills] == [6 * SHARE + SIZE_STEP]
    assert reason == Reason.PARTLY_FILLED


def test_the_same_displayed_shares_are_not_filled_twice(venue: PaperVenue) -> None:
    venue.execute(order(size=8 * SHARE), market(), book())
    fills, reason = venue.execute(order(size=8 * SHARE, due=NOW + SECOND), market(), book())
    assert (amounts(fills), reason) == ([(5000, 2)], Reason.PARTLY_FILLED)
    assert venue.execute(order(size=8 * SHARE, due=NOW + SECOND), market(), book()) == ((), Reason.NOT_FILLED)


def test_a_changed_display_is_new_shares(venue: PaperVenue) -> None:
    venue.execute(order(), market(), book())
    fills, _ = venue.execute(order(due=NOW + SECOND), market(), book(asks=((5000, 12 * SHARE),)))
    assert amounts(fills) == [(5000, 10)]


def test_an_unchanged_display_is_replenished_after_its_time(venue: PaperVenue) -> None:
    venue.execute(order(), market(), book())
    late = order(due=NOW + REPLENISH - 1)  # the book, too, is as old as it may be
    assert venue.execute(late, market(), book()) == ((), Reason.NOT_FILLED)
    fills, _ = venue.execute(order(due=NOW + REPLENISH), market(), book())
    assert amounts(fills) == [(5000, 10)]


def test_what_was_taken_by_a_buyer_is_still_there_for_a_seller_and_for_another_token(venue: PaperVenue) -> None:
    same_price = book(asks=((5000, 10 * SHARE),), bids=((5000, 10 * SHARE),))
    venue.execute(order(), market(), same_price)
    assert venue.execute(order(side="sell"), market(), same_price)[1] == Reason.FILLED
    assert venue.execute(order(token="other"), market(), same_price)[1] == Reason.FILLED


def test_a_fok_that_failed_took_nothing(venue: PaperVenue) -> None:
    venue.execute(order(kind="FOK", size=11 * SHARE), market(), book())
    assert venue.execute(order(), market(), book())[1] == Reason.FILLED


def test_a_forgotten_token_starts_afresh(venue: PaperVenue) -> None:
    venue.execute(order(), market(), book())
    venue.forget("up")
    assert venue.execute(order(), market(), book())[1] == Reason.FILLED


levels = st.lists(
    st.tuples(st.integers(1, 99).map(lambda cents: cents * 100), st.integers(0, 50 * SHARE)),
    max_size=10,
    unique_by=lambda level: level[0],
)
orders = st.builds(
    order,
    side=st.sampled_from(["buy", "sell"]),
    kind=st.sampled_from(["FAK", "FOK"]),
    limit=st.integers(1, 99).map(lambda cents: cents * 100),
    size=st.integers(500, 6_000).map(lambda hundredths: hundredths * SIZE_STEP),
)


@given(asks=levels, bids=levels, several=st.lists(orders, min_size=1, max_size=6), rate=st.integers(0, 200_000))
def test_fills_never_exceed_depth_nor_limit_nor_size_and_pay_the_exact_fee(
    asks: list[tuple[int, int]], bids: list[tuple[int, int]], several: list[Pending], rate: int
) -> None:
    venue = PaperVenue(REPLENISH)
    shown = book(asks=tuple(sorted(asks)), bids=tuple(sorted(bids, reverse=True)))
    displayed = {"buy": dict(asks), "sell": dict(bids)}
    taken: dict[tuple[str, int], int] = {}
    for each in several:
        fills, reason = venue.execute(each, market(fee_rate=rate), shown)
        filled = 0
        for fill in fills:
            assert fill.price <= each.limit if each.side == "buy" else fill.price >= each.limit
            assert fill.size > 0
            assert fill.size % SIZE_STEP == 0
            assert fill.gross == Decimal(fill.price) * fill.size / PIP
            assert fill.fee == taker_fee(fill.price, fill.size, rate)
            taken[each.side, fill.price] = taken.get((each.side, fill.price), 0) + fill.size
            filled += fill.size
        prices = [fill.price for fill in fills]
        assert prices == sorted(prices, reverse=each.side == "sell"), "the best price first"
        assert filled <= each.size
        assert each.kind == "FAK" or filled in (0, each.size)
        if fills:
            assert reason == (Reason.FILLED if filled == each.size else Reason.PARTLY_FILLED)
        else:
            assert reason in (Reason.NOT_FILLED, Reason.BELOW_MIN_SIZE)
    for (side, price), size in taken.items():
        assert size <= displayed[side][price]
