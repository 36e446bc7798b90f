"""The families: scores by hand, and what must hold whatever the numbers."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fees import fee_per_share
from models.journal import Book
from models.money import PIP, SHARE
from models.reasons import Reason, Verdict
from models.strategies import (
    book_imbalance,
    expiry_carry,
    horizon,
    lead_lag,
    overreaction,
    quote_fair,
    window_consistency,
)
from models.strategies.holding import Holding
from models.strategies.registry import STRATEGIES
from models.strategies.strategy import Inventory
from models.timestamps import SECOND
from tests.models.strategies.views import END, NOW, book, books, market, token, view

FEE = fee_per_share(0.50, 0.07)  # of the views' asks of 0.50: 1.75 cents
LATE = END - 30 * SECOND


def mirrored(side: str, bids: int, asks: int) -> Book:
    """Up at 0.49 and 0.50 with so many shares a side, Down in the mirror, and the sides swapped for ``Down``."""
    up = token("up", 4900, 5000, bids=((4900, bids * SHARE),), asks=((5000, asks * SHARE),))
    down = token("down", 5000, 5100, bids=((5000, asks * SHARE),), asks=((5100, bids * SHARE),))
    if side == "Up":
        return book(up, down)
    return book(
        msgspec.structs.replace(down, token="up"), msgspec.structs.replace(up, token="down")
    )  # as if the outcomes had changed their names


# --- lead_lag ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "late"),
    [
        pytest.param({"fair": 0.595, "fair_move": 0.10}, 0.10, id="quotes have not moved"),
        pytest.param({"fair": 0.595, "fair_move": 0.10, "mid_move": 0.02}, 0.08, id="they made a part"),
        pytest.param({"fair": 0.595, "fair_move": 0.10, "mid_move": -0.02}, 0.10, id="they made an older move"),
        pytest.param({"fair": 0.555, "fair_move": 0.10}, 0.06, id="they stand nearer than spot moved"),
    ],
)
def test_lead_lag_pays_for_the_late_part_alone(values: dict[str, float], late: float) -> None:
    signal = lead_lag.evaluate(view(spot_move=0.001, **values), lead_lag.LeadLagParameters())
    assert signal.verdict is Verdict.PASS and signal.intents[0].outcome == "Up"
    assert signal.score == pytest.approx(0.495 + late - 0.50 - FEE, abs=1e-6)
    assert signal.intents[0].worth == pytest.approx(0.495 + late)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"fair": 0.595, "fair_move": 0.0}, id="a lasting difference is no edge"),
        pytest.param({"fair": 0.495, "fair_move": 0.10}, id="quotes stand at fair value"),
        pytest.param({"fair": 0.395, "fair_move": 0.10}, id="they stand on the other side of it"),
        pytest.param({"fair": 0.595, "fair_move": 0.10, "mid_move": 0.10}, id="they made the move"),
        pytest.param({"fair": 0.595, "fair_move": 0.10, "spot_move": 0.00005}, id="spot moved too little"),
    ],
)
def test_lead_lag_holds(values: dict[str, float]) -> None:
    signal = lead_lag.evaluate(view(**{"spot_move": 0.001, **values}), lead_lag.LeadLagParameters())
    assert (signal.verdict, signal.reason) == (Verdict.HOLD, Reason.BELOW_THRESHOLD)
    assert signal.score < 0


@pytest.mark.parametrize("missing", ["fair_move", "mid_move", "fair"])
@pytest.mark.parametrize("family", [lead_lag, overreaction])
def test_what_was_not_seen_is_no_move(family: Any, missing: str) -> None:
    signal = family.STRATEGY.evaluate(view(**{missing: None}), family.STRATEGY.parameters(), ("Up", "Down"))
    assert signal.reason is Reason.UNKNOWN_MOVE


# --- overreaction --------------------------------------------------------------------------------------------------


def test_overreaction_buys_against_a_jump_that_spot_does_not_explain() -> None:
    """Up's middle is 0.615, spot explains 0.50 of it: of the lesser displacement of 0.09 four fifths come back."""
    values = {"mid_move": 0.09, "fair": 0.50, "book": books(6100, 6200)}
    signal = overreaction.evaluate(view(**values), overreaction.OverreactionParameters())
    worth = 1.0 - (0.615 - 0.8 * 0.09)
    assert signal.intents[0].outcome == "Down" and signal.intents[0].worth == pytest.approx(worth)
    assert signal.score == pytest.approx(worth - 0.39 - fee_per_share(0.39, 0.07), abs=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"fair_move": 0.10, "fair": 0.50}, id="spot explains it"),
        pytest.param({"fair": 0.62}, id="the quotes stand at fair value"),
        pytest.param({"fair": 0.72}, id="they have yet to reach it"),
        pytest.param({"mid_move": 0.03, "fair": 0.50}, id="too small"),
        pytest.param({"mid_move": 0.0, "fair_move": -0.10, "fair": 0.50}, id="they are late, and did not move"),
    ],
)
def test_overreaction_holds(values: dict[str, float]) -> None:
    given = {"mid_move": 0.10, "book": books(6100, 6200), **values}
    assert overreaction.evaluate(view(**given), overreaction.OverreactionParameters()).verdict is Verdict.HOLD


# --- book_imbalance ------------------------------------------------------------------------------------------------


def test_book_imbalance_by_hand() -> None:
    """900 against 100 shares: an imbalance of 0.8, and a microprice of 0.499."""
    signal = book_imbalance.evaluate(view(book=mirrored("Up", 900, 100)), book_imbalance.ImbalanceParameters())
    assert signal.score == pytest.approx(0.499 + 0.05 * 0.8 - 0.50 - FEE, abs=1e-6)


@given(st.integers(5, 5_000), st.integers(5, 5_000))
def test_book_imbalance_sees_down_as_up_in_the_mirror(bids: int, asks: int) -> None:
    up = book_imbalance.evaluate(view(book=mirrored("Up", bids, asks)), book_imbalance.ImbalanceParameters())
    down = book_imbalance.evaluate(view(book=mirrored("Down", bids, asks)), book_imbalance.ImbalanceParameters())
    assert up.score == pytest.approx(down.score, abs=2e-6) and up.verdict == down.verdict
    assert [each.outcome for each in up.intents] == [
        {"Up": "Down", "Down": "Up"}[each.outcome] for each in down.intents
    ]


def test_depth_beyond_the_bound_does_not_count() -> None:
    far = token("up", 4900, 5000, bids=((4900, 100 * SHARE), (4500, 90_000 * SHARE)))
    assert book_imbalance.imbalance(far, 300) == 0.0


# --- expiry_carry --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "verdict", "reason"),
    [
        ({"fair": 0.99}, Verdict.PASS, Reason.EDGE),
        ({"fair": 0.99, "t": END - 91 * SECOND}, Verdict.HOLD, Reason.NOT_YET),
        ({"fair": 0.92}, Verdict.HOLD, Reason.BELOW_THRESHOLD),
        ({"fair": 0.95}, Verdict.HOLD, Reason.BELOW_THRESHOLD),
        ({"fair": None}, Verdict.HOLD, Reason.AVERAGE_UNKNOWN),
    ],
)
def test_expiry_carry_buys_a_late_cheap_favourite(values: dict[str, Any], verdict: Verdict, reason: Reason) -> None:
    given = {"t": LATE, "book": books(9300, 9400), **values}
    signal = expiry_carry.evaluate(view(**given), expiry_carry.CarryParameters())
    assert (signal.verdict, signal.reason) == (verdict, reason)
    assert not signal.intents or signal.score == pytest.approx(
        0.99 - 0.005 - 0.94 - fee_per_share(0.94, 0.07), abs=1e-6
    )


def test_expiry_carry_never_buys_the_other_side() -> None:
    late = view(t=LATE, fair=0.99, book=books(9300, 9400))
    assert not expiry_carry.evaluate(late, expiry_carry.CarryParameters(), ("Down",)).intents


def holding(**changes: Any) -> Holding:
    fields: dict[str, Any] = {
        "t": NOW, "market": market(), "token": token("up", 4900, 5000), "size": 10 * SHARE, "basis": 5_000_000,
        "opened": NOW - 10 * SECOND, "fair": 0.5,
    }  # fmt: skip
    return Holding(**{**fields, **changes})


def test_expiry_carry_leaves_a_favourite_that_turned() -> None:
    given = expiry_carry.CarryParameters()
    assert expiry_carry.leave(holding(fair=0.51), given) is None
    assert expiry_carry.leave(holding(fair=-1.0), given) is None
    left = expiry_carry.leave(holding(fair=0.49), given)
    assert left is not None and (left.reason, left.size) == (Reason.STOP_LOSS, 10 * SHARE)


# --- window_consistency --------------------------------------------------------------------------------------------


@given(st.floats(0.03, 0.97), st.floats(59_000, 61_000), st.floats(59_000, 61_000), st.floats(1e-4, 1e-2))
def test_a_lower_strike_is_never_cheaper(middle: float, strike: float, other: float, spread: float) -> None:
    """``P(S > K)`` falls with K: what costs ``middle`` over one strike costs at least as much over a lower one."""
    found = window_consistency.implied(middle, strike, other, spread)
    assert (found >= middle - 1e-6) if strike <= other else (found <= middle + 1e-6)


def test_what_one_window_says_of_the_other_is_what_spot_says_of_both() -> None:
    spot, spread = 60_050.0, 0.001
    price = {strike: NormalDist().cdf(math.log(spot / strike) / spread) for strike in (60_000.0, 60_080.0)}
    assert window_consistency.implied(price[60_000.0], 60_080.0, 60_000.0, spread) == pytest.approx(
        price[60_080.0], abs=1e-6
    )


def test_window_consistency_by_hand() -> None:
    """The other window costs 0.65 and has the same strike: half of the difference to 0.495 is believed."""
    pair, parameters = window_consistency.example_pair()
    signal = window_consistency.evaluate(pair, parameters)
    assert signal.score == pytest.approx(0.495 + 0.5 * (0.65 - 0.495) - 0.50 - FEE, abs=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"end": END + 300 * SECOND}, id="another end"),
        pytest.param({"start": NOW + SECOND}, id="not begun"),
        pytest.param({"key": "unknown"}, id="no strike"),
    ],
)
def test_a_window_that_says_nothing_of_this_one_is_no_partner(changes: dict[str, Any]) -> None:
    pair, parameters = window_consistency.example_pair()
    (other,) = pair.siblings
    other = msgspec.structs.replace(other, market=msgspec.structs.replace(other.market, **changes))
    found = window_consistency.evaluate(msgspec.structs.replace(pair, siblings=(other,)), parameters)
    assert found.reason is Reason.NO_PARTNER


# --- quote_fair ----------------------------------------------------------------------------------------------------


@given(st.floats(0.001, 0.999), st.integers(1, 97), st.integers(1, 20))
def test_quotes_never_take_and_never_give_their_edge_away(fair: float, bid: int, width: int) -> None:
    ask = min(bid + width, 99)
    shown = books(bid * 100, ask * 100)
    given = quote_fair.QuoteParameters()
    signal = quote_fair.evaluate(view(fair=fair, book=shown), given)
    for intent in signal.intents:
        own, worth = (shown.up, fair) if intent.outcome == "Up" else (shown.down, 1.0 - fair)
        assert own is not None and intent.post_only and intent.side == "buy"
        assert intent.price < own.asks[0][0] and intent.price % own.tick == 0 and intent.price >= own.tick
        assert worth - intent.price / PIP >= given.half_spread - 1e-9
    both = [intent.price for intent in signal.intents]
    assert len(both) < 2 or sum(both) <= PIP - 2 * given.half_spread * PIP + 1e-6, "a pair costs less than a dollar"


@pytest.mark.parametrize("values", [{"fair_move": 0.02}, {"fair_move": -0.03}, {"flow": 150.0}, {"flow": -400.0}])
def test_the_brake_pulls_all_quotes(values: dict[str, float]) -> None:
    signal = quote_fair.evaluate(view(fair=0.5, book=books(4600, 5400), **values), quote_fair.QuoteParameters())
    assert (signal.reason, signal.intents) == (Reason.TOXIC_FLOW, ())


@given(st.integers(0, 100), st.integers(0, 100))
def test_inventory_is_never_bid_up_and_never_grows_beyond_its_bound(up: int, down: int) -> None:
    given_ = quote_fair.QuoteParameters()
    wanted = quote_fair.evaluate(view(fair=0.5, book=books(4600, 5400)), given_).intents
    prices = {intent.outcome: intent.price for intent in wanted}
    for intent in quote_fair.skew(wanted, Inventory(up * SHARE, down * SHARE, 100), given_):
        beyond = (up - down) if intent.outcome == "Up" else (down - up)
        assert intent.price <= prices[intent.outcome]
        assert intent.most / SHARE > 0 and beyond + intent.most / SHARE <= given_.max_shares
        assert beyond > 0 or intent.price == prices[intent.outcome]


# --- exits with a horizon ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "parameters", "reason"),
    [
        ({}, {}, None),
        ({"basis": 9_950_000}, {}, Reason.STOP_LOSS),
        ({"basis": 2_000_000}, {}, None),
        ({"basis": 2_000_000}, {"hold_s": 60}, Reason.TAKE_PROFIT),
        ({}, {"hold_s": 10}, Reason.HORIZON),
        ({}, {"hold_s": 11}, None),
    ],
)
def test_horizon(changes: dict[str, Any], parameters: dict[str, float], reason: Reason | None) -> None:
    left = horizon.leave(holding(**changes), horizon.HorizonParameters(**parameters))
    assert (left and left.reason) == reason


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_score_in_dollars_a_share_is_net_of_the_fee(name: str) -> None:
    """A free market has a better score by the fee of what would be bought, never a worse one."""
    strategy = STRATEGIES[name]
    for each in strategy.examples():
        free = msgspec.structs.replace(each, market=msgspec.structs.replace(each.market, fee_rate=0))
        taxed, untaxed = (strategy.evaluate(one, strategy.parameters(), ("Up", "Down")) for one in (each, free))
        assert untaxed.score >= taxed.score
