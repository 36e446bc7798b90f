"""A dollar that is split: one share of each outcome, both halves or none, no money made or lost by it.

Then both legs are sold by ordinary orders; and what becomes of one that is not."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from models.contracts import Posting, VenueCommand
from models.money import DOLLAR, PIP, SHARE
from models.reasons import Reason
from models.release import GATES, LIVE
from models.settings import InstanceTable, LiveSettings, Settings
from models.timestamps import SECOND
from tests.flows.trading_line.desk import END, Scene, settings

SPLIT_S = 3


def chosen(**execution: Any) -> Settings:
    return settings(fair_value={"enabled": False}, parity={"split": True}, execution={"split_s": SPLIT_S} | execution)


@pytest.fixture
def scene() -> Scene:
    scene = Scene(chosen())
    scene.market()
    return scene


def bids(scene: Scene, up: int, down: int, size: int = 1_000, down_size: int | None = None) -> None:
    """Both books of one moment, with these bids in cents and asks a cent above."""
    scene.later(0.3)
    for name, bid, shown in (("up", up, size), ("down", down, down_size or size)):
        shares = shown * SHARE
        setattr(scene, name, scene.token(name, ((bid * 100, shares),), ((bid * 100 + 100, shares),)))
    scene.book()


def wait(scene: Scene, seconds: float = SPLIT_S) -> None:
    """Time goes on, the quotes standing."""
    for _ in range(round(seconds * 4)):
        scene.later(0.25)
        scene.clock()


def test_a_dollar_becomes_a_share_of_each_and_nothing_else(scene: Scene) -> None:
    bids(scene, 56, 50)
    (decision,) = scene.decisions("enter")
    up, down = scene.orders("submitted")
    assert decision.order_ids == [up.id, down.id]
    assert (up.kind, down.kind, up.size == down.size, up.limit + down.limit) == ("SPLIT", "SPLIT", True, PIP)
    assert up.due == down.due == scene.now + SPLIT_S * SECOND
    wait(scene, SPLIT_S - 0.5)
    assert scene.fills() == [], "the chain takes its time"
    bids(scene, 56, 50)
    scene.later(0.3)
    scene.clock()
    one, other = scene.fills()
    assert {one.outcome, other.outcome} == {"Up", "Down"}
    assert one.evidence == other.evidence == "split"
    assert one.gross + other.gross == up.size, "a dollar a pair, to the micro-dollar"
    assert one.fee == other.fee == 0
    assert scene.books.balance("position:parity:") == up.size
    assert scene.books.accounts["cash"] + scene.books.accounts["reserved"] == 10_000 * DOLLAR - up.size
    assert scene.books.balance("pnl:") == 0, "a split makes no profit"


def test_both_legs_are_sold_at_once_and_bring_more_than_their_dollar(scene: Scene) -> None:
    bids(scene, 56, 50)
    wait(scene, SPLIT_S - 0.5)
    bids(scene, 56, 50)
    wait(scene, 1.5)
    exits = scene.decisions("exit")
    assert [each.reason for each in exits] == [Reason.PAIR_SOLD, Reason.PAIR_SOLD]
    assert exits[0].journal == exits[1].journal, "neither leg waits for the other"
    sold = [each for each in scene.fills() if each.side == "sell"]
    assert {each.outcome for each in sold} == {"Up", "Down"}
    assert sum(each.size for each in sold if each.outcome == "Up") == sum(
        each.size for each in sold if each.outcome == "Down"
    )
    assert scene.books.balance("position:") == 0
    assert scene.books.accounts["cash"] > 10_000 * DOLLAR
    earned = sum(each.gross - each.fee for each in sold) - sold[0].size
    assert scene.books.accounts["cash"] == 10_000 * DOLLAR + earned


@pytest.mark.parametrize("payout", [PIP, 0, PIP // 2])
def test_a_pair_that_finds_no_buyer_any_more_gets_its_dollar_back(scene: Scene, payout: int) -> None:
    bids(scene, 56, 50)
    wait(scene, 1)
    bids(scene, 50, 48)  # gone before the chain was done
    wait(scene, 4)
    assert scene.decisions("exit") == []
    assert len(scene.fills()) == 2
    scene.now = END + 20 * SECOND
    scene.resolve(payout)
    assert scene.books.accounts["cash"] == 10_000 * DOLLAR
    assert scene.outcomes()[0].pnl == {"parity": 0}


def test_of_a_pair_that_was_sold_in_part_no_leg_stays_alone(scene: Scene) -> None:
    """Down's bid is gone when the sales arrive: Up is sold, Down is not. Alone it is a bet, and sold at once."""
    bids(scene, 56, 50)
    wait(scene, SPLIT_S - 0.5)
    bids(scene, 56, 50)
    scene.later(0.3)
    scene.clock()
    assert len(scene.orders("submitted")) == 4
    scene.later(-0.2)  # a tenth of a second after the sales were sent: they are still on their way
    bids(scene, 56, 20)
    wait(scene, 8)
    bids(scene, 56, 20)
    wait(scene, 2)
    reasons = [str(each.reason) for each in scene.decisions("exit")]
    assert reasons[:2] == ["pair_sold", "pair_sold"]
    assert reasons[2:] and set(reasons[2:]) == {"leg_broken"}
    assert scene.books.balance("position:") == 0
    assert scene.books.accounts["reserved"] == 0


def test_a_market_that_ends_before_the_chain_is_done_splits_neither_half(scene: Scene) -> None:
    scene.now = END - 11 * SECOND
    bids(scene, 56, 50)
    assert len(scene.orders("submitted")) == 2
    scene.now = END - 1 * SECOND
    scene.market(end=scene.now)  # the exchange moved its end
    wait(scene, 4)
    assert {each.reason for each in scene.orders("rejected")} <= {Reason.MARKET_CLOSED}
    filled = {each.outcome for each in scene.fills()}
    assert filled in (set(), {"Up", "Down"})
    assert scene.books.accounts["reserved"] == 0


@pytest.mark.parametrize("gate", GATES)
def test_at_the_live_gates_it_is_refused_and_says_so(gate: str) -> None:
    scene = Scene(chosen().model_copy(update={"live": LiveSettings(enabled=True)}))
    scene.market()
    scene.clock()
    desk = scene.line.trading._desk._desk
    desk._gate.gate = gate
    desk._gate.stated = 50 * DOLLAR
    desk._gate._armed_until = scene.now + 3_600 * SECOND
    bids(scene, 56, 50)
    if gate in LIVE:
        (refusal,) = scene.decisions("block")
        assert refusal.reason == Reason.NO_LIVE_SPLIT
        assert scene.orders("submitted") == []
    else:
        assert len(scene.orders("submitted")) == 2
    assert [each for each in scene.books.of(VenueCommand) if each.do == "send"] == []


def test_a_paper_twin_splits_at_every_gate() -> None:
    tables = (
        InstanceTable(id="parity", strategy="parity", parameters={"enabled": False}),
        InstanceTable(id="beside", strategy="parity", state="twin"),
    )
    scene = Scene(chosen().model_copy(update={"instances": tables, "live": LiveSettings(enabled=True)}))
    scene.market()
    scene.clock()
    scene.line.trading._desk._desk._gate.gate = "LIVE_DRY_RUN"
    bids(scene, 56, 50)
    assert {each.kind for each in scene.orders("submitted")} == {"SPLIT"}
    assert [each for each in scene.books.of(VenueCommand) if each.do == "send"] == []


def test_a_crash_at_any_moment_changes_no_row() -> None:
    def told(crashes: bool) -> list[bytes]:
        scene = Scene(chosen(time_out_rate=0.3, jitter_ms=30))
        scene.market()

        def crash() -> None:
            if crashes:
                scene.line.trading = pickle.loads(pickle.dumps(scene.line.trading))

        for number in range(40):
            crash()
            bids(scene, 56 if number % 7 else 50, 50, size=20 + number)
            crash()
            wait(scene, 0.75)
        scene.now = END + 20 * SECOND
        scene.resolve(PIP)
        wait(scene, 12)
        assert scene.books.balance("position:") == 0
        assert any(isinstance(each, Posting) and each.kind == "sell" for each in scene.books.records)
        ids = [each.id for each in scene.fills()]
        assert len(ids) == len(set(ids))
        return [each.canonical() for each in scene.books.records]

    assert told(True) == told(False)


def test_caps_hold_for_the_reservation_of_a_split() -> None:
    """The bookkeeper checks them after every event; here that they bind."""
    scene = Scene(settings(fair_value={"enabled": False}, parity={"split": True}, portfolio={"cap_market": 30}))
    scene.market()
    bids(scene, 56, 50)
    up, down = scene.orders("submitted")
    assert 29 * SHARE < up.size <= 30 * SHARE and up.size == down.size
