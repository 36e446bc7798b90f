"""Definitions, strikes and resolutions, from whichever source says them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.journal import AnyEvent, Book, Feed, Market, Rejected
from models.money import DOLLAR, PIP, SHARE
from models.reasons import Reason
from models.settlement import Rule
from models.timestamps import SECOND
from models.topics import FEED_MARKETS
from tests.flows.market_line.feeds import CONDITION, DOWN, END, SLUG, START, UP, Rig, definition


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.define()
    return rig


def gamma(rig: Rig, **changes: Any) -> list[AnyEvent]:
    """The market's Gamma object with some of its wire fields changed."""
    body = json.loads(definition().gamma()) | changes
    return rig.record(FEED_MARKETS, json.dumps(body).encode(), "gamma")


def resolved(rig: Rig, winner: str) -> list[AnyEvent]:
    return rig.poly({"event_type": "market_resolved", "market": CONDITION, "winning_asset_id": winner,
                     "winning_outcome": "Up", "timestamp": rig.exchange_ms(None)})  # fmt: skip


def clob(rig: Rig, winner: str, closed: bool = True) -> list[AnyEvent]:
    tokens = [{"token_id": token, "outcome": "?", "winner": token == winner} for token in (UP, DOWN)]
    body = {"condition_id": CONDITION, "closed": closed, "tokens": tokens}
    return rig.record(FEED_MARKETS, json.dumps(body).encode(), "clob")


def test_a_definition_is_published_with_all_fields(rig: Rig) -> None:
    market = rig.only(Market)
    assert (market.key, market.market, market.asset, market.lane, market.horizon) == (
        SLUG,
        CONDITION,
        "BTC",
        "BTC",
        "5m",
    )
    assert (market.start, market.end, market.up_token, market.down_token) == (START, END, UP, DOWN)
    assert (market.tick, market.min_size, market.fee_rate, market.fee_exponent) == (100, 5 * SHARE, 70_000, 1)
    assert (market.rule, market.strike, market.payout_up) == (Rule("twap", 60), None, None)


def test_outcomes_are_read_by_their_label(rig: Rig) -> None:
    rig.define(slug=SLUG.replace("1795", "1796"), up_token="1", down_token="2")
    body = json.loads(definition(slug="btc-updown-5m-1797000000").gamma())
    body |= {"outcomes": '["Down", "Up"]', "clobTokenIds": '["5", "6"]'}
    rig.record(FEED_MARKETS, json.dumps(body).encode(), "gamma")
    assert (rig.only(Market).up_token, rig.only(Market).down_token) == ("6", "5")


def test_the_same_definition_again_is_nothing_new(rig: Rig) -> None:
    rig.define()
    assert "nothing new" in rig.only(Feed).note


def test_the_strike_comes_later(rig: Rig) -> None:
    gamma(rig, events=[{"eventMetadata": {"priceToBeat": 65048.078902260626}}])
    assert rig.only(Market).strike == 65_048_078_902
    gamma(rig)
    assert "nothing new" in rig.only(Feed).note, "an answer without it takes nothing away"


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ({"twapEnabled": True, "twapLookbackSeconds": 30}, Rule("twap", 30)),
        ({"twapEnabled": True, "twapLookbackSeconds": "60"}, Rule("twap", 60)),
        ({"twapEnabled": True}, Rule("twap", 60)),
        ({}, Rule("twap", 60)),
        (None, Rule("twap", 60)),
        # it denies what holds at its date: which of the two is right cannot be told
        ({"twapEnabled": False, "twapLookbackSeconds": 30}, None),
        ({"twapEnabled": False}, None),
    ],
)
def test_the_markets_own_rule_goes_before_the_date(config: dict[str, Any] | None, rule: Rule | None) -> None:
    rig = Rig()
    gamma(rig, cryptoMarketConfig=config)
    assert rig.only(Market).rule == rule


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (True, -1, 200_000)),
        ({"acceptingOrders": False}, (False, -1, 200_000)),
        ({"secondsDelay": 3}, (True, 3_000, 200_000)),
        ({"secondsDelay": 0}, (True, -1, 200_000)),
        ({"feeSchedule": {"rate": 0.07, "exponent": 1}}, (True, -1, 0)),
        ({"feeSchedule": {"rate": 0.07, "exponent": 1, "takerOnly": True, "rebateRate": "0.2"}}, (True, -1, 200_000)),
    ],
)
def test_what_the_market_says_of_orders(changes: dict[str, Any], expected: tuple[bool, int, int]) -> None:
    rig = Rig()
    gamma(rig, **changes)
    reported = rig.only(Market)
    assert (reported.accepting, reported.taker_delay_ms, reported.rebate_rate) == expected


@pytest.mark.parametrize(
    ("says", "delay"),
    [({"itode": False}, 0), ({"itode": True}, -1), ({"seconds_delay": 2}, 2_000), ({"seconds_delay": 0}, -1)],
)
def test_what_the_clob_says_of_orders(says: dict[str, Any], delay: int) -> None:
    rig = Rig()
    gamma(rig)
    body = {"condition_id": CONDITION, "closed": False, "accepting_orders": False, "tokens": [], **says}
    rig.record(FEED_MARKETS, json.dumps(body).encode(), "clob")
    assert (rig.only(Market).accepting, rig.only(Market).taker_delay_ms) == (False, delay)


def test_fees_that_are_off_are_none() -> None:
    rig = Rig()
    gamma(rig, feeSchedule=None, feesEnabled=False)
    assert rig.only(Market).fee_rate == 0


def test_a_new_market_is_learnt_from_the_socket() -> None:
    rig = Rig()
    rig.poly(
        {
            "event_type": "new_market",
            "slug": SLUG,
            "market": CONDITION,
            "assets_ids": [DOWN, UP],
            "outcomes": ["Down", "Up"],
            "timestamp": rig.exchange_ms(None),
            "order_price_min_tick_size": "0.001",
            "fees_enabled": True,
            "fee_schedule": {"exponent": "1", "rate": "0.05", "taker_only": True},
        }
    )
    market = rig.only(Market)
    assert (market.up_token, market.down_token, market.tick, market.fee_rate) == (UP, DOWN, 10, 50_000)
    rig.both()
    assert rig.only(Book).key == SLUG


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": "will-it-rain", "outcomes": ["Yes", "No"]},
        {"outcomes": ["Yes", "No"]},
        {"assets_ids": ["1"]},
    ],
)
def test_a_new_market_of_another_family_is_passed_by(changes: dict[str, Any]) -> None:
    rig = Rig()
    rig.poly({"event_type": "new_market", "slug": SLUG, "market": "0x", "assets_ids": ["1", "2"],
              "outcomes": ["Up", "Down"], "timestamp": "1"} | changes)  # fmt: skip
    assert "of no market we follow" in rig.only(Feed).note


@pytest.mark.parametrize(
    "changes",
    [
        {"clobTokenIds": '["1"]'},
        {"clobTokenIds": "not json"},
        {"outcomes": '["Yes", "No"]'},
        {"eventStartTime": "soon"},
        {"endDate": "2026-13-01T00:00:00Z"},
        {"orderPriceMinTickSize": 0.02},
        {"orderPriceMinTickSize": "small"},
        {"orderMinSize": -5},
        {"orderMinSize": "inf"},
        {"feeSchedule": {"rate": "inf", "exponent": 1}},
        {"feeSchedule": {"rate": -0.1, "exponent": 1}},
        {"feeSchedule": {"rate": 0.07, "exponent": -1}},
        {"feeSchedule": {"rate": 0.07, "exponent": 1e9}},
        {"feeSchedule": {"rate": "x", "exponent": 1}},
        {"cryptoMarketConfig": {"twapEnabled": True, "twapLookbackSeconds": "inf"}},
        {"cryptoMarketConfig": {"twapEnabled": True, "twapLookbackSeconds": -60}},
        {"events": [{"eventMetadata": {"priceToBeat": "inf"}}]},
        {"events": [{"eventMetadata": {"priceToBeat": "nan"}}]},
        {"events": [{"eventMetadata": {"priceToBeat": -1}}]},
        {"closed": True, "outcomePrices": '["one", "0"]'},
    ],
)
def test_a_definition_that_makes_no_sense_is_refused_and_named(changes: dict[str, Any]) -> None:
    rig = Rig()
    gamma(rig, **changes)
    assert rig.only(Rejected).checks == (Reason.DECODE_ERROR,)
    assert SLUG in rig.letters[0].detail
    assert rig.reasons() == [Reason.DECODE_ERROR]
    gamma(rig)
    assert rig.only(Market).key == SLUG, "a sound one after it is taken"


@pytest.mark.parametrize(
    ("prices", "payouts"),
    [(("1", "0"), (PIP, 0)), (("0", "1"), (0, PIP)), (("0.5", "0.5"), (PIP // 2, PIP // 2))],
)
def test_gamma_resolves(prices: tuple[str, str], payouts: tuple[int, int], rig: Rig) -> None:
    rig.define(prices)
    market = rig.only(Market)
    assert (market.payout_up, market.payout_down, market.resolved_by) == (*payouts, "gamma")


def test_an_outcome_that_an_import_derived_says_so(rig: Rig) -> None:
    rig.record(FEED_MARKETS, definition().gamma(("1", "0"), END, "", "the recorded spot at the end"), "gamma")
    market = rig.only(Market)
    assert (market.payout_up, market.resolved_by) == (PIP, "derived")


@pytest.mark.parametrize("prices", [("0.98", "0.02"), ("0", "0"), ("1", "1")])
def test_prices_that_are_no_payout_do_not_resolve(prices: tuple[str, str], rig: Rig) -> None:
    rig.define(prices)
    assert (rig.only(Market).payout_up, rig.only(Market).accepting) == (None, False)


def test_prices_of_an_open_market_do_not_resolve(rig: Rig) -> None:
    gamma(rig, outcomePrices='["1", "0"]')
    assert isinstance(rig.made[0], Feed)


@pytest.mark.parametrize(("winner", "payouts"), [(UP, (PIP, 0)), (DOWN, (0, PIP))])
@pytest.mark.parametrize("way", ["socket", "clob"])
def test_the_other_sources_resolve(way: str, winner: str, payouts: tuple[int, int], rig: Rig) -> None:
    (resolved if way == "socket" else clob)(rig, winner)
    market = rig.only(Market)
    assert (market.payout_up, market.payout_down) == payouts
    assert market.resolved_by == ("market_resolved" if way == "socket" else "clob")


def test_an_open_market_of_the_clob_does_not_resolve(rig: Rig) -> None:
    clob(rig, UP, closed=False)
    clob(rig, "")
    assert [type(event) for event in rig.events[1:]] == [Feed, Feed]


def test_a_second_resolution_that_agrees_is_nothing_new(rig: Rig) -> None:
    resolved(rig, UP)
    clob(rig, UP)
    assert isinstance(rig.made[0], Feed)
    rig.define(("1", "0"))
    again = rig.only(Market)  # news is only that no orders are taken any more
    assert (again.payout_up, again.resolved_by, again.accepting) == (PIP, "market_resolved", False)
    assert rig.reasons() == []


@pytest.mark.parametrize("way", ["socket", "clob", "gamma", "split"])
def test_a_second_resolution_that_differs_is_a_conflict_and_the_first_stands(way: str, rig: Rig) -> None:
    resolved(rig, UP)
    if way == "socket":
        resolved(rig, DOWN)
    elif way == "clob":
        clob(rig, DOWN)
    else:
        rig.define(("0", "1") if way == "gamma" else ("0.5", "0.5"))
    market = rig.only(Market)
    assert market.checks == (Reason.RESOLUTION_CONFLICT,)
    assert (market.payout_up, market.payout_down, market.resolved_by) == (PIP, 0, "market_resolved")
    assert rig.reasons() == [Reason.RESOLUTION_CONFLICT]


def test_a_winner_that_is_no_token_of_the_market_is_refused(rig: Rig) -> None:
    resolved(rig, "999")
    assert "neither Up nor Down" in rig.only(Rejected).detail


def test_a_resolution_of_an_unknown_market_is_passed_by() -> None:
    rig = Rig()
    resolved(rig, UP)
    assert "of no market we follow" in rig.only(Feed).note


def test_a_finer_tick_of_the_definition_does_not_spoil_the_book_that_stands(rig: Rig) -> None:
    rig.both()
    gamma(rig, orderPriceMinTickSize=0.001)
    assert rig.only(Market).tick == 10
    rig.poly(rig.change((UP, "BUY", "0.48", "3")))
    assert rig.only(Book).up.ok  # type: ignore[union-attr]


def test_a_settled_market_is_forgotten_half_an_hour_after_its_end(rig: Rig) -> None:
    resolved(rig, UP)
    rig.define(("1", "0"))
    rig.now = END + 1_800 * SECOND
    rig.tick()
    rig.poly(rig.snapshot(UP))
    assert rig.only(Book).key == SLUG
    rig.now = END + 1_801 * SECOND
    rig.tick()
    rig.poly(rig.snapshot(UP))
    assert rig.only(Book).checks == (Reason.UNKNOWN_ASSET,)


def test_an_unresolved_market_is_retained_for_a_day(rig: Rig) -> None:
    rig.now = END + 23 * 3_600 * SECOND
    rig.tick()
    resolved(rig, UP)
    assert rig.only(Market).payout_up == PIP


def test_strikes_are_in_micro_dollars(rig: Rig) -> None:
    gamma(rig, events=[{"eventMetadata": {"priceToBeat": "60000"}}])
    assert rig.only(Market).strike == 60_000 * DOLLAR
