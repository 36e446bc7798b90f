"""Odd input of the kinds that were met on live feeds, each with what is right by the exchange's rules, and properties
over all of a kind: what speaks of others never touches ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.journal import Book, Feed, Market
from models.markers import Notice
from models.money import SHARE
from models.reasons import Reason
from models.settings import Checks
from models.topics import FEED_MARKETS, FEED_POLYMARKET
from tests.flows.market_line.feeds import CONDITION, DOWN, POLY, SLUG, UP, Rig, definition


@pytest.fixture
def rig() -> Rig:
    """A market whose both books are sound."""
    rig = Rig()
    rig.open_market()
    return rig


def sound(rig: Rig) -> tuple[bool, bool]:
    book = rig.latest_book()
    return bool(book.up and book.up.ok), bool(book.down and book.down.ok)


def gamma(rig: Rig, **changes: Any) -> None:
    rig.record(FEED_MARKETS, json.dumps(json.loads(definition().gamma()) | changes).encode(), "gamma")


# --- text beside the messages -----------------------------------------------------------------------------------------

TEXTS = [
    "INVALID OPERATION",
    "NO NEW ASSETS",
    "",
    " ",
    "{}",
    "null",
    "true",
    "429 too many requests",
    "ping",
    "überlastet",
]


@pytest.mark.parametrize("text", TEXTS)
def test_plain_text_is_counted_and_the_books_stand(text: str, rig: Rig) -> None:
    for _ in range(2):  # said again it is no frame that comes twice
        rig.record(FEED_POLYMARKET, text.encode(), POLY)
        assert [type(event) for event in rig.made] == [Feed]
    rig.pass_time(0.25)
    rig.poly(rig.change((UP, "BUY", "0.49", "33"), (DOWN, "SELL", "0.51", "33")))
    assert sound(rig) == (True, True)
    assert rig.reasons() == [Reason.CONTROL_TEXT] * 2
    assert rig.letters == []


@pytest.mark.parametrize(
    "frame", [b'{"event_type":"book","asset', b"{{", b"[", b"\x00\xff", b'{"a":1}}', b"<html>{</html>"]
)
def test_what_may_have_been_a_message_costs_the_books_of_its_connection(frame: bytes, rig: Rig) -> None:
    rig.record(FEED_POLYMARKET, frame, POLY)
    assert sound(rig) == (False, False)
    assert rig.reasons() == [Reason.DECODE_ERROR] and len(rig.letters) == 1


def test_text_on_the_spot_feed_leaves_the_price_alone(rig: Rig) -> None:
    rig.spot()
    rig.record("feed.coinbase", b"too many subscriptions", "coin-1")
    rig.ticker("60001")
    assert rig.latest_spot().ok and rig.reasons() == [Reason.CONTROL_TEXT]


# --- others -----------------------------------------------------------------------------------------------------------

others = st.sampled_from(["0xother", "0xabc", "0x"])
strange = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
    st.lists(st.text(max_size=3), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
fields = st.dictionaries(
    st.sampled_from(
        ["price", "size", "side", "bids", "asks", "hash", "slug", "assets_ids", "outcomes", "winning_asset_id",
         "best_bid", "best_ask", "new_tick_size", "tick_size", "last_trade_price", "fee_schedule", "tags", "timestamp"]
    ),
    strange,
    max_size=6,
)  # fmt: skip
kinds = st.sampled_from(
    ["book", "price_change", "best_bid_ask", "last_trade_price", "tick_size_change", "market_resolved", "new_market",
     "x", "", None, 7, ["book"]]
)  # fmt: skip


@st.composite
def foreign(draw: st.DrawFn) -> Any:
    """A message that names another market and another token, with whatever else in it; or what is no message."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.one_of(st.none(), st.integers(), st.text(max_size=5)))
    message = draw(fields) | {
        "event_type": draw(kinds),
        "market": draw(others),
        "asset_id": draw(st.sampled_from(["77", 77])),
    }
    if draw(st.booleans()):
        entry = draw(fields) | {"asset_id": draw(st.sampled_from(["77", "78"]))}
        message["price_changes"] = [entry]
    return message


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.lists(foreign(), min_size=1, max_size=4)), min_size=1, max_size=12))
def test_foreign_messages_between_ours_never_touch_our_books(steps: list[tuple[bool, list[Any]]]) -> None:
    rig, alone = Rig(Checks(stale_feed_s=600)), Rig(Checks(stale_feed_s=600))
    for each in (rig, alone):
        each.open_market()
    for number, (beside, foreign_frames) in enumerate(steps):
        for each in (rig, alone):
            each.pass_time(0.1)
        ours = rig.change((UP, "BUY", "0.49", str(number + 1)), (DOWN, "SELL", "0.51", str(number + 1)))
        if beside:  # in one array with ours
            half = len(foreign_frames) // 2
            frame = json.dumps([*foreign_frames[:half], ours, *foreign_frames[half:]]).encode()
            rig.record(FEED_POLYMARKET, frame, POLY)
        else:
            for foreign_frame in foreign_frames:
                rig.record(FEED_POLYMARKET, json.dumps(foreign_frame).encode(), POLY)
            rig.poly(ours)
        alone.poly(ours)
        mine, true = rig.latest_book(), alone.latest_book()
        for book, other in ((mine.up, true.up), (mine.down, true.down)):
            assert book is not None and other is not None
            assert (book.ok, book.bids, book.asks, book.x) == (True, other.bids, other.asks, other.x)
    assert len(rig.letters) == rig.reasons().count(Reason.DECODE_ERROR), "each is kept and counted"
    assert [event.seq for event in rig.events] == list(range(len(rig.events)))


@settings(max_examples=150, deadline=None)
@given(good=st.integers(0, 3), bad=st.lists(fields, min_size=1, max_size=3), token=st.sampled_from([UP, DOWN]))
def test_an_element_that_cannot_be_read_costs_only_what_it_names(good: int, bad: list[Any], token: str) -> None:
    rig = Rig()
    rig.open_market()
    rig.pass_time(0.1)
    other = DOWN if token == UP else UP
    ours = rig.snapshot(other, bids=(("0.49", str(good + 1)),), asks=(("0.50", "5"),))
    spoilt = [each | {"event_type": "book", "market": CONDITION, "asset_id": token, "asks": "none"} for each in bad]
    rig.poly(*spoilt[:1], ours, *spoilt[1:])
    book = rig.latest_book()
    hit, spared = (book.up, book.down) if token == UP else (book.down, book.up)
    assert hit is not None and spared is not None
    assert not hit.ok and Reason.DECODE_ERROR in hit.checks
    assert spared.ok and spared.bids[0] == (4900, (good + 1) * SHARE)


# --- best prices of one moment ----------------------------------------------------------------------------------------


def entry(token: str, side: str, price: str, size: str, bid: str, ask: str) -> dict[str, str]:
    return {"asset_id": token, "side": side, "price": price, "size": size, "best_bid": bid, "best_ask": ask}


def crossing(rig: Rig, ms: int) -> list[dict[str, Any]]:
    """An order for 12 shares takes the ask of 10 and rests with 2 as a bid: three messages, all with the final best."""
    up, down = ("0.5", "0.51"), ("0.49", "0.5")
    return [
        rig.change(entry(UP, "BUY", "0.5", "2", *up), entry(DOWN, "SELL", "0.5", "2", *down), ms=ms),
        rig.change(entry(UP, "SELL", "0.5", "0", *up), entry(DOWN, "BUY", "0.5", "0", *down), ms=ms),
        rig.change(entry(UP, "BUY", "0.48", "21", *up), entry(DOWN, "SELL", "0.52", "31", *down), ms=ms),
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("in_one", [True, False])
def test_messages_of_one_order_are_compared_after_the_last(order: tuple[int, ...], in_one: bool, rig: Rig) -> None:
    rig.poly(
        rig.snapshot(DOWN, bids=(("0.48", "20"), ("0.49", "10"), ("0.5", "10")), asks=(("0.52", "30"), ("0.51", "20")))
    )
    rig.pass_time(1)
    rig.findings.clear()
    ms = rig.now // 1_000_000 - 20
    messages = crossing(rig, ms)
    if in_one:
        rig.poly(*(messages[at] for at in order))
    else:
        for at in order:
            rig.poly(messages[at])
            rig.now += 1_000_000
    assert sound(rig) == (True, True), rig.latest_book()
    rig.pass_time(1)
    rig.tick()
    rig.poly(rig.change(entry(UP, "BUY", "0.47", "3", "0.5", "0.51")))
    assert sound(rig) == (True, True) and Reason.BEST_MISMATCH not in rig.reasons()


def test_in_between_nothing_may_be_traded_on(rig: Rig) -> None:
    rig.pass_time(1)
    rig.poly(crossing(rig, rig.now // 1_000_000 - 20)[0])
    assert sound(rig)[0] is False and Reason.BEST_MISMATCH not in rig.reasons()


@pytest.mark.parametrize("how", ["a later message", "time"])
def test_a_message_that_never_came_is_found_when_its_moment_is_over(how: str, rig: Rig) -> None:
    rig.pass_time(1)
    rig.poly(crossing(rig, rig.now // 1_000_000 - 20)[0])
    rig.pass_time(0.25)
    if how == "time":
        rig.tick()
    else:
        rig.poly(rig.change(entry(UP, "BUY", "0.47", "3", "0.5", "0.51")))
    assert sound(rig)[0] is False
    assert Reason.BEST_MISMATCH in rig.reasons()


# --- ticks ------------------------------------------------------------------------------------------------------------


def fine_books(rig: Rig) -> None:
    rig.poly(
        rig.snapshot(UP, bids=(("0.963", "7"),), asks=(("0.965", "4"),)),
        rig.snapshot(DOWN, bids=(("0.035", "4"),), asks=(("0.037", "7"),)),
    )


def change_tick(rig: Rig, to: str = "0.001") -> None:
    for token in (UP, DOWN):
        rig.poly(rig.of_token("tick_size_change", token, old_tick_size="0.01", new_tick_size=to))


@pytest.mark.parametrize("when", ["at once", "after a disconnect"])
def test_an_older_definition_does_not_undo_the_streams_tick(when: str, rig: Rig) -> None:
    change_tick(rig)
    if when == "after a disconnect":
        rig.own(FEED_POLYMARKET, Notice(POLY, "disconnected", "closed", 9))
        rig.numbers[POLY] = 0
    gamma(rig, orderPriceMinTickSize=0.01, events=[{"eventMetadata": {"priceToBeat": 61234.5}}])
    fine_books(rig)
    assert sound(rig) == (True, True)


def test_a_finer_tick_of_a_definition_counts_once_the_streams_tick_change_has_ended(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, tick_size="0.01"), rig.snapshot(DOWN, tick_size="0.01"))
    rig.own(FEED_POLYMARKET, Notice(POLY, "disconnected", "closed", 9))
    rig.numbers[POLY] = 0
    gamma(rig, orderPriceMinTickSize=0.001)
    fine_books(rig)
    assert sound(rig) == (True, True)


# --- asked for anew ---------------------------------------------------------------------------------------------------


def test_a_requested_snapshot_starts_the_book_whatever_its_time(rig: Rig) -> None:
    rig.pass_time(10)
    now = rig.now // 1_000_000
    rig.poly(rig.change((UP, "BUY", "0.49", "3"), ms=now + 1_500))  # a clock that was ahead for a moment
    rig.poly(rig.change((UP, "BUY", "0.49", "4"), ms=now))
    assert sound(rig)[0] is False
    rig.poly(rig.snapshot(UP, ms=now))
    assert sound(rig)[0] is False
    rig.own(FEED_POLYMARKET, Notice(POLY, "renewed", "no_snapshot: no sound book for 2.0 s", 0, (UP, "999")))
    assert isinstance(rig.made[0], Feed) and rig.made[0].what == "renewed"
    rig.poly(rig.snapshot(UP, ms=now))
    assert sound(rig) == (True, True)


def test_a_new_subscription_invalidates_no_valid_book(rig: Rig) -> None:
    rig.own(FEED_POLYMARKET, Notice(POLY, "renewed", "no_snapshot: …", 0, (UP, DOWN)))
    rig.poly(rig.change((UP, "BUY", "0.49", "3"), (DOWN, "SELL", "0.51", "3")))
    assert sound(rig) == (True, True) and rig.reasons() == []


def test_the_old_form_of_a_change_is_applied(rig: Rig) -> None:
    rig.poly(rig.of_token("price_change", UP, hash="h", changes=[{"price": "0.49", "side": "BUY", "size": "77"}]))
    book = rig.only(Book)
    assert book.up is not None and book.up.bids[0] == (4900, 77 * SHARE)


# --- definitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"outcomePrices": None}, {"outcomePrices": ""}, {"outcomes": ["Up", "Down"], "clobTokenIds": [UP, DOWN]},
        {"outcomePrices": [0.5, 0.5]}, {"outcomePrices": ["0.5", "0.5"]}, {"orderMinSize": "5"}, {"closed": None},
        {"orderPriceMinTickSize": "0.01"}, {"events": None}, {"events": [{"eventMetadata": None}]},
        {"events": [{"eventMetadata": {"priceToBeat": 0}}]}, {"events": [{"eventMetadata": {"priceToBeat": "0"}}]},
        {"clobTokenIds": [int(UP), int(DOWN)]}, {"feeSchedule": {"rate": "0.07", "exponent": "1"}}, {"events": [None]},
        {"feeSchedule": {"rate": None, "exponent": None}}, {"feeSchedule": {"rate": ""}}, {"secondsDelay": ""},
        {"outcomePrices": [None, None]}, {"outcomePrices": "null"}, {"umaResolutionStatuses": [None]},
    ],
)  # fmt: skip
def test_a_definition_is_read_in_every_form_it_comes_in(changes: dict[str, Any]) -> None:
    rig = Rig()
    gamma(rig, **changes)
    market = rig.only(Market)
    assert (market.key, market.up_token, market.down_token, market.tick) == (SLUG, UP, DOWN, 100)
    assert (market.strike, market.payout_up, market.fee_rate) == (None, None, 70_000)
    assert rig.letters == []


@pytest.mark.parametrize("changes", [
        {"clobTokenIds": None}, {"outcomes": None}, {"clobTokenIds": "[]"}, {"clobTokenIds": [None, None]},
        {"clobTokenIds": "[null, null]"}, {"clobTokenIds": "null"}, {"clobTokenIds": ["", ""]},
    ],
)  # fmt: skip
def test_what_has_no_tokens_yet_is_no_market_and_no_fault(changes: dict[str, Any]) -> None:
    rig = Rig()
    gamma(rig, **changes)
    assert isinstance(rig.only(Feed), Feed) and rig.letters == []
    gamma(rig)
    assert rig.only(Market).key == SLUG
