"""Quotes that stand: sent, moved, pulled and filled at the desk, with every law of its money checked on the way."""

from __future__ import annotations

import msgspec
import pytest

from flows.trading_line.quotes import Quotes
from models.contracts import Order
from models.orders import example_order
from models.reasons import Reason
from models.settings import Settings
from models.strategies.instance import InstanceTable
from tests.flows.trading_line.desk import FIRST_TWO, Scene, settings

QUOTES = "quote_fair"


def quoting(state: str = "active", **parameters: float) -> Settings:
    """``quote_fair`` alone, warm at once."""
    chosen = settings(fair_value={"enabled": False}, parity={"enabled": False})
    own = {"enabled": True, "warm_up_s": 0, "sample_s": 1, "half_life_s": 60, "brake_move": 0.2, **parameters}
    table = InstanceTable(id=QUOTES, strategy=QUOTES, state=state, parameters=own)  # type: ignore[arg-type]
    return chosen.model_copy(update={"instances": (table,)})


@pytest.fixture
def scene() -> Scene:
    """Spot at the strike, a wide book around it, and both quotes standing in it."""
    made = Scene(quoting())
    made.market()
    made.later(2)
    for second in range(20):
        made.later(1)
        made.spot(60_000.0 + (1.5 if second % 2 else -1.5))
        made.quote(40, 60)
        made.clock()
    for _ in range(6):  # spot rests, and so do the quotes
        made.later(0.5)
        made.spot(60_000.0)
        made.quote(40, 60)
        made.clock()
    return made


def working(scene: Scene) -> dict[str, Order]:
    """The latest row of each quote that is not done, by outcome."""
    latest = {order.id: order for order in scene.books.of(Order)}
    return {each.outcome: each for each in latest.values() if each.status in ("submitted", "accepted", "partly_filled")}


def test_both_quotes_stand_below_their_fair_values_and_cost_less_than_a_dollar(scene: Scene) -> None:
    standing = working(scene)
    assert set(standing) == {"Up", "Down"}
    assert all(each.post_only and each.kind == "GTC" and each.status == "accepted" for each in standing.values())
    assert sum(each.limit for each in standing.values()) <= 9_600
    ids = [each.id for each in scene.books.of(Order) if each.number == 0]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("bid", "ask"), [(46, 66), (40, 60)])
def test_a_quote_moves_with_fair_value_and_mid_one_at_a_time(scene: Scene, bid: int, ask: int) -> None:
    """Spot rises. Where the mid follows, so does the bid for Up; where it does not, who is wrong is not known: the bid
    stays below the mid. That for Down goes lower in both cases."""
    before = working(scene)
    for _ in range(12):
        scene.later(0.5)
        scene.spot(60_020.0)
        scene.quote(bid, ask)
        scene.clock()
        live = [o for o in {o.id: o for o in scene.books.of(Order)}.values() if o.status in ("submitted", "accepted")]
        assert len(live) == len({o.outcome for o in live}), "never two for one outcome"
    after = working(scene)
    assert (after["Up"].limit > before["Up"].limit) == (bid > 40)
    assert after["Up"].limit < (bid + ask) * 50 and after["Down"].limit < before["Down"].limit


def test_quotes_are_pulled_when_the_data_is_not_sound(scene: Scene) -> None:
    scene.later(1)
    scene.quote(40, 60, ok=False)
    scene.later(0.5)
    scene.clock()
    scene.later(0.5)
    scene.clock()
    assert working(scene) == {}
    assert {o.reason for o in scene.books.of(Order) if o.status == "cancelled"} >= {Reason.CANCELLED}


def test_quotes_that_nobody_confirms_are_pulled(scene: Scene) -> None:
    quotes = Quotes()
    order = example_order()
    resting = msgspec.structs.replace(order, id="resting", post_only=True, time_in_force="GTC")
    assert [each.id for each in quotes.forsaken(scene.now, [order, resting])] == ["resting"]


def test_a_fill_leads_to_less_of_the_same_and_never_beyond_the_bound(scene: Scene) -> None:
    first = working(scene)["Up"]
    scene.later(1)
    scene.quote(30, first.limit // 100)  # the market comes down to the bid
    scene.later(1)
    scene.clock()
    held = sum(fill.size for fill in scene.fills() if fill.outcome == "Up")
    assert 0 < held <= 60_000_000
    assert {fill.fee for fill in scene.fills()} == {0}
    for _ in range(10):
        scene.later(0.6)
        scene.spot()
        scene.quote(40, 60)
        scene.clock()
    again = working(scene)
    assert "Up" not in again or (again["Up"].limit < first.limit and again["Up"].size <= 60_000_000 - held)
    assert "Down" in again


def test_a_shadow_sends_nothing() -> None:
    scene = Scene(quoting("shadow"))
    scene.warm_up()
    scene.quote(40, 60)
    scene.later(1)
    scene.clock()
    assert scene.books.of(Order) == []
    blocked = [each for each in scene.decisions("block") if each.strategy == QUOTES]
    assert blocked and {each.reason for each in blocked} == {Reason.SHADOW}


def test_the_others_are_off() -> None:
    assert QUOTES in {getattr(each, "section", name) for name, each in FIRST_TWO.items()}
