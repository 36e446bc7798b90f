"""Settlement waits for the truth: evidence in any order ends in the right payout, or in a question that stays open and
is loud. The model here is written from the exchange's rules alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.journal import Market
from models.money import PIP
from models.reasons import Reason
from models.timestamps import SECOND
from models.topics import FEED_MARKETS
from tests.flows.market_line.feeds import CONDITION, DOWN, END, UP, Rig, definition

HALF = PIP // 2
PAID = {"up": (PIP, 0), "down": (0, PIP), "half": (HALF, HALF)}
PRICES = {"up": ("1", "0"), "down": ("0", "1"), "half": ("0.5", "0.5")}


def gamma(prices: Any, status: str | None, closed: Any = True, encode: bool = True) -> tuple[str, bytes]:
    body = json.loads(definition().gamma()) | {
        "closed": closed, "outcomePrices": json.dumps(prices) if encode else prices, "umaResolutionStatus": status,
    }  # fmt: skip
    return "gamma", json.dumps(body).encode()


def clob(winners: tuple[bool, bool], closed: Any = True, split: Any = None) -> tuple[str, bytes]:
    tokens = [
        {"token_id": token, "outcome": name, "winner": won, "price": 0.5}
        for token, name, won in ((UP, "Up", winners[0]), (DOWN, "Down", winners[1]))
    ]
    return "clob", json.dumps(
        {"condition_id": CONDITION, "closed": closed, "is_50_50_outcome": split, "tokens": tokens}
    ).encode()


#: What is no resolution, whatever stands in it.
OPEN = [
    gamma(("0.5", "0.5"), "proposed"), gamma(("1", "0"), "proposed"), gamma(("0", "1"), "disputed"),
    gamma(("0", "0"), None), gamma(("0", "0"), "resolved"), gamma(None, "resolved"), gamma(("1", "1"), "resolved"),
    gamma(("0.98", "0.02"), None), gamma(("0.9995", "0.0005"), "resolved"), gamma(("1", "0"), "resolved", closed=False),
    gamma(None, None, encode=False), gamma((None, None), None), clob((False, False)), clob((False, False), split=False),
    clob((True, False), closed=False), clob((True, True)), clob((False, False), closed=None, split=True),
]  # fmt: skip


def final(outcome: str, source: str, as_list: bool) -> tuple[str, bytes]:
    if source == "clob":
        return clob((outcome == "up", outcome == "down"), split=outcome == "half")
    status = "resolved" if source == "gamma" else None
    prices: Any = PRICES[outcome] if not as_list else [float(each) for each in PRICES[outcome]]
    return gamma(prices, status, encode=not as_list)


def take(rig: Rig, evidence: tuple[str, bytes]) -> None:
    rig.pass_time(1)
    rig.record(FEED_MARKETS, evidence[1], evidence[0])


def reported(rig: Rig) -> Market:
    return next(event for event in reversed(rig.events) if isinstance(event, Market))


@settings(max_examples=120, deadline=None)
@given(
    before=st.lists(st.sampled_from(OPEN), max_size=8),
    outcome=st.sampled_from(["up", "down", "half"]),
    source=st.sampled_from(["gamma", "without status", "clob"]),
    as_list=st.booleans(),
    after=st.lists(st.sampled_from(OPEN), max_size=4),
)
def test_only_a_final_resolution_pays(
    before: list[tuple[str, bytes]], outcome: str, source: str, as_list: bool, after: list[tuple[str, bytes]]
) -> None:
    rig = Rig()
    rig.define()
    rig.now = END + SECOND
    for evidence in before:
        take(rig, evidence)
        assert reported(rig).payout_up is None, "an open question is not answered"
    assert rig.letters == []
    take(rig, final(outcome, source, as_list))
    assert (reported(rig).payout_up, reported(rig).payout_down) == PAID[outcome]
    for evidence in after:
        take(rig, evidence)
    assert (reported(rig).payout_up, reported(rig).payout_down) == PAID[outcome]
    assert Reason.RESOLUTION_CONFLICT not in rig.reasons()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(OPEN), max_size=12))
def test_an_unresolved_market_warns(evidence: list[tuple[str, bytes]]) -> None:
    rig = Rig()
    rig.define()
    rig.now = END + SECOND
    for each in evidence:
        take(rig, each)
    rig.now = END + 901 * SECOND
    rig.tick()
    assert reported(rig).payout_up is None
    assert rig.reasons().count(Reason.RESOLUTION_LATE) == 1


WORTH = {"socket": 1, "clob": 2, "gamma": 3}
said = st.tuples(st.sampled_from(sorted(WORTH)), st.sampled_from(["up", "down"]))


@settings(max_examples=150, deadline=None)
@given(st.lists(said, min_size=1, max_size=8))
def test_the_first_resolution_is_paid_and_each_conflicting_one_is_a_finding(answers: list[tuple[str, str]]) -> None:
    """The truth is the latest word of the best source so far; where it differs from what was paid, the journal says
    what should have been paid."""
    rig = Rig()
    rig.define()
    rig.now = END + SECOND
    truth, by = "", 0
    paid = answers[0][1]
    latest: tuple[str, str] | None = None
    for source, outcome in answers:
        before = rig.reasons().count(Reason.RESOLUTION_CONFLICT)
        if source == "socket":
            rig.pass_time(1)
            token = UP if outcome == "up" else DOWN
            rig.poly({"event_type": "market_resolved", "market": CONDITION, "winning_asset_id": token,
                      "timestamp": rig.exchange_ms(None)})  # fmt: skip
        else:
            take(rig, final(outcome, source, False))
        contradicts = bool(truth) and outcome != truth
        is_news = contradicts and (WORTH[source] >= by or latest != (source, outcome))
        if contradicts:
            latest = (source, outcome)
        if not truth or WORTH[source] >= by:
            truth, by = outcome, WORTH[source]
        assert rig.reasons().count(Reason.RESOLUTION_CONFLICT) - before == is_news
        market = reported(rig)
        assert (market.payout_up, market.payout_down) == PAID[paid], "what was told first stands"
        corrected = (market.corrected_up, market.corrected_down)
        assert corrected == ((None, None) if truth == paid else PAID[truth])
        assert bool(market.corrected_by) is (truth != paid)


@pytest.mark.parametrize("late_s", [1_800, 7_200])
def test_a_resolution_of_the_clob_is_corrected_by_gamma_hours_later(late_s: int) -> None:
    rig = Rig()
    rig.define()
    rig.now = END + 100 * SECOND
    take(rig, clob((False, False), split=True))
    assert (reported(rig).payout_up, reported(rig).resolved_by) == (HALF, "clob")
    rig.now = END + late_s * SECOND
    rig.tick()
    take(rig, gamma(("1", "0"), "resolved"))
    market = reported(rig)
    assert (market.payout_up, market.payout_down) == (HALF, HALF)
    assert (market.corrected_up, market.corrected_down, market.corrected_by) == (PIP, 0, "gamma")
    assert market.checks == (Reason.RESOLUTION_CONFLICT,)


def test_two_hours_that_share_a_slug_are_two_markets() -> None:
    """Clocks go back on 1 November 2026: 1 AM is at 05:00 and at 06:00 UTC. The first one's outcome pays but that."""
    rig = Rig()
    slug = "bitcoin-up-or-down-november-1-2026-1am-et"
    hours = []
    for hour in (5, 6):
        body = json.loads(definition().gamma()) | {
            "slug": slug, "conditionId": f"0x{hour}", "clobTokenIds": json.dumps([f"{hour}1", f"{hour}2"]),
            "eventStartTime": f"2026-11-01T0{hour}:00:00Z", "endDate": f"2026-11-01T0{hour + 1}:00:00Z",
        }  # fmt: skip
        hours.append(body)
        take(rig, ("gamma", json.dumps(body).encode()))
    won = {"closed": True, "outcomePrices": '["0", "1"]', "umaResolutionStatus": "resolved"}
    take(rig, ("gamma", json.dumps(hours[0] | won).encode()))
    last = {event.key: event for event in rig.events if isinstance(event, Market)}
    assert [(event.start // (3600 * SECOND) % 24, event.up_token, event.payout_up) for event in last.values()] == [
        (5, "51", 0),
        (6, "61", None),
    ]
    assert Reason.RESOLUTION_CONFLICT not in rig.reasons() and rig.letters == []
