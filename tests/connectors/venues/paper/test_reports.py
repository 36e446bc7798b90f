"""Cancels that race fills, answers that are lost, and queries that find out."""

from __future__ import annotations

import pytest

from models.money import SHARE
from models.reasons import Reason
from models.timestamps import SECOND
from tests.connectors.venues.paper.exchange import MS, NOW, Floor, parameters


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.book()
    return floor


@pytest.fixture
def deaf() -> Floor:
    """Every answer to a command is lost."""
    floor = Floor(parameters(lost_answers=1_000_000))
    floor.book()
    return floor


# --- cancels ------------------------------------------------------------------------------------------------------


def test_a_cancel_takes_its_time(floor: Floor) -> None:
    name = floor.rest()
    sent = floor.now
    floor.venue.cancel(name, sent)
    floor.wait(50 * MS)
    assert floor.states(name) == ["accepted"]
    floor.wait(1)
    assert floor.end(name) == ("cancelled", Reason.CANCELLED)
    assert floor.of(name)[-1].t == sent + 50 * MS


def test_a_fill_that_comes_first_wins(floor: Floor) -> None:
    name = floor.rest()
    floor.venue.cancel(name, floor.now)
    floor.trade(4800, 4, after=49 * MS)
    floor.trade(4800, 4, after=2 * MS)
    assert floor.states(name) == ["accepted", "partly_filled", "cancelled"]
    assert floor.filled(name) == 4


def test_a_cancel_of_what_is_done_is_answered_by_nothing(floor: Floor) -> None:
    name = floor.rest()
    floor.venue.cancel(name, floor.now)
    floor.trade(4800, 40)
    floor.wait(SECOND)
    assert floor.states(name) == ["accepted", "filled"]
    floor.venue.cancel(name, floor.now)
    floor.venue.cancel("never sent", floor.now)
    assert floor.wait(SECOND) == []


def test_an_order_that_is_held_cannot_be_cancelled(floor: Floor) -> None:
    name = floor.send(time_in_force="GTC", limit=5000, size=25 * SHARE)
    floor.wait(60 * MS)
    floor.venue.cancel(name, floor.now)
    floor.wait(300 * MS)
    assert floor.states(name) == ["partly_filled", "cancelled"]
    assert floor.of(name)[-1].t == NOW + MS + 200 * MS


def test_a_cancel_that_overtakes_its_order_waits_for_it() -> None:
    floor = Floor(parameters(jitter=400 * MS, seed=3))
    floor.book()
    for _ in range(20):
        floor.book()
        name = floor.send(time_in_force="GTC", limit=4900)
        floor.venue.cancel(name, floor.now)
        floor.wait(SECOND)
        assert floor.states(name) == ["accepted", "cancelled"]


def test_two_cancels_are_one(floor: Floor) -> None:
    name = floor.rest()
    floor.venue.cancel(name, floor.now)
    floor.venue.cancel(name, floor.now + MS)
    floor.wait(SECOND)
    assert floor.states(name) == ["accepted", "cancelled"]


# --- lost answers -------------------------------------------------------------------------------------------------


def test_an_order_whose_answer_is_lost_lives_on_and_a_query_finds_its_fills(deaf: Floor) -> None:
    name = deaf.send(time_in_force="GTC", limit=4900)
    deaf.wait(60 * MS)
    assert deaf.end(name) == ("unknown", Reason.TIME_OUT)
    deaf.trade(4800, 3)
    deaf.trade(4800, 2)
    assert deaf.states(name) == ["unknown"]
    asked = deaf.now
    deaf.venue.query(name, asked)
    deaf.wait(400 * MS)
    assert deaf.states(name) == ["unknown"]
    deaf.wait(MS)
    assert deaf.states(name) == ["unknown", "accepted", "partly_filled", "partly_filled"]
    assert deaf.amounts(name) == [(4900, 3), (4900, 2)]
    assert [report.t for report in deaf.of(name)][1] == NOW + MS + 50 * MS, "when it became so"
    deaf.trade(4800, 9)
    assert deaf.states(name)[4:] == ["filled"], "it is heard of again"


def test_a_taker_whose_answer_is_lost_was_filled_all_the_same(deaf: Floor) -> None:
    name = deaf.send(size=25 * SHARE, limit=5100)
    deaf.wait(SECOND)
    assert deaf.states(name) == ["unknown"]
    deaf.venue.query(name, deaf.now)
    deaf.wait(SECOND)
    assert deaf.states(name) == ["unknown", "partly_filled", "filled"]


def test_what_nobody_asked_for_is_reported_when_the_market_resolves(deaf: Floor) -> None:
    """A settlement pays what is owned: it must not find out later that some of it had been sold."""
    name = deaf.send(size=25 * SHARE, limit=5100)
    deaf.wait(SECOND)
    assert deaf.states(name) == ["unknown"]
    deaf.tell_market(payout_up=10_000, payout_down=0)
    assert deaf.states(name) == ["unknown", "partly_filled", "filled"]


def test_a_rejection_that_was_lost_is_found(deaf: Floor) -> None:
    name = deaf.send(limit=4900)
    deaf.wait(SECOND)
    deaf.venue.query(name, deaf.now)
    deaf.wait(SECOND)
    assert deaf.states(name) == ["unknown", "rejected"]


def test_the_answer_to_a_cancel_can_be_lost() -> None:
    """About half of the answers are lost, so that some orders rest knowingly and are cancelled unheard."""
    floor = Floor(parameters(lost_answers=500_000, seed=1))
    floor.book()
    seen: set[tuple[str, ...]] = set()
    for _ in range(40):
        floor.book()
        name = floor.send(time_in_force="GTC", limit=4900)
        floor.wait(60 * MS)
        floor.venue.cancel(name, floor.now)
        floor.wait(60 * MS)
        floor.venue.query(name, floor.now)
        floor.wait(SECOND)
        seen.add(tuple(floor.states(name)))
    assert seen == {
        ("accepted", "cancelled"),
        ("accepted", "unknown", "cancelled"),
        ("unknown", "accepted", "cancelled"),
    }


def test_a_query_that_comes_before_its_order_waits_for_it(deaf: Floor) -> None:
    name = deaf.send(due=deaf.now + 2 * SECOND, time_in_force="GTC", limit=4900)
    deaf.venue.query(name, deaf.now)
    deaf.wait(3 * SECOND)
    assert deaf.states(name) == ["unknown", "accepted"]


def test_a_query_for_an_order_that_is_known_is_answered_by_nothing(floor: Floor) -> None:
    name = floor.rest()
    floor.venue.query(name, floor.now)
    floor.venue.query("never sent", floor.now)
    assert floor.wait(SECOND) == []


def test_answers_are_lost_at_the_rate_given() -> None:
    floor = Floor(parameters(lost_answers=100_000, seed=9))
    floor.book()
    for number in range(1_000):
        floor.send(id=f"x{number}", limit=4900)
    floor.wait(SECOND)
    lost = len([report for report in floor.reports if report.state == "unknown"])
    assert 60 <= lost <= 140  # 100 expected, four standard deviations
