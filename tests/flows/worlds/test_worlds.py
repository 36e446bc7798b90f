"""Worlds: short ones live through the whole system, each kind is what it says, and a killed run goes on.

What 300 of them say together is a matter of hours (`make worlds`), and of seeds that nobody looked at before.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from flows.worlds import results
from flows.worlds.judge import Judge, StateChange
from flows.worlds.kinds import INSTANCE, PROOF_SEEDS, RULES, World, settings
from flows.worlds.results import KindSummary, live, read_results, run_worlds, summarise, table_of
from flows.worlds.world import WorldResult, play
from models.contracts import Fill, Outcome
from models.money import PIP
from models.strategies.instance import instances
from tests.commands import assert_explained, profit

SEED = 1  # of development


class Spy(Judge):
    """The judge, and all that it was told."""

    def __init__(self, world: World) -> None:
        super().__init__(RULES, world.begin * 10**9)
        self.fills: list[Fill] = []
        self.outcomes: list[Outcome] = []

    def fill(self, fill: Fill) -> None:
        self.fills.append(fill)
        super().fill(fill)

    def settled(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        super().settled(outcome)


def lived(world: World) -> tuple[Spy, WorldResult]:
    spy = Spy(world)
    return spy, play(world, spy)


def gains(spy: Spy) -> tuple[float, float]:
    """(from the mid to the payout, costs) a share, over all fills of markets that were settled."""
    paid = {each.market_key: each for each in spy.outcomes}
    gross = costs = shares = 0.0
    for fill in spy.fills:
        if fill.market_key not in paid:
            continue
        outcome = paid[fill.market_key]
        payout = outcome.payout_up if fill.outcome == "Up" else outcome.payout_down
        gross += (payout - fill.decision_mid) / PIP * fill.size
        costs += fill.gross + fill.fee - fill.decision_mid / PIP * fill.size
        shares += fill.size
    return gross / shares, costs / shares


@pytest.mark.takes(25)
def test_the_edge_is_there_and_dies() -> None:
    """Sixteen hours each: with the edge, what is bought is worth about thrice its costs more than its mid; after its
    death, about nothing."""
    spy, result = lived(World("edge", SEED, 16))
    gross, costs = gains(spy)
    assert 0.02 < costs < 0.08
    assert gross > 2.0 * costs and result.net > 0.0
    assert result.hours == 16.0 and len(result.observations) >= 8
    assert {each.account for each in spy.fills} == {INSTANCE}
    world = World("dying", SEED, 16)
    spy, result = lived(world)
    dies = world.dies
    assert dies == world.begin + 8 * 3600
    late = [each for each in spy.fills if each.timestamp > (dies + 600) * 10**9]
    assert late  # it trades on
    alive, dead = Spy(world), Spy(world)
    alive.fills = [each for each in spy.fills if each.timestamp < dies * 10**9]
    dead.fills = late
    alive.outcomes = dead.outcomes = spy.outcomes
    assert gains(alive)[0] > 0.1 > gains(dead)[0]


def test_the_same_world_is_lived_the_same_way() -> None:
    one, two = (live(World("null", SEED, 2), lambda share: None) for _ in range(2))
    assert msgspec.structs.replace(one, seconds=0.0) == msgspec.structs.replace(two, seconds=0.0)
    assert one.fills > 0 and one.promoted_h is None


def test_the_instance_is_alone_on_an_account_of_its_own() -> None:
    (only,) = instances(settings())
    assert (only.id, only.state) == (INSTANCE, "twin")


@pytest.mark.takes(20)
def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    command = ("worlds", "--kinds", "null,edge", "--seeds", "1:2", "--hours", "2", "--run", "few", "--json")
    done = profit(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)
    assert [(row["kind"], row["worlds"], row["promoted"]) for row in first] == [("null", 1, 0), ("edge", 1, 0)]
    folder = tmp_path / "data/worlds/few"
    kept = (folder / "null-1.json").read_bytes()
    (folder / "edge-1.json").unlink()
    again = json.loads(profit(tmp_path, *command).stdout)
    assert (folder / "null-1.json").read_bytes() == kept
    assert [{**row, "cost": 0} for row in again] == [{**row, "cost": 0} for row in first]
    other = profit(tmp_path, "worlds", "--seeds", "1:2", "--hours", "3", "--run", "few")
    assert_explained(other, "begun with another horizon")
    assert_explained(profit(tmp_path, "worlds", "--kinds", "nul"), "no worlds of kind nul")
    assert_explained(profit(tmp_path, "worlds", "--seeds", "5:5"), "The first must be below the second")
    assert_explained(profit(tmp_path, "worlds", "--show", "--run", "none"), "holds no world")


def test_what_was_made_counts_by_kind() -> None:
    """By hand: the budget is 200 dollars at the size that an instance has, whatever it was when its edge died."""

    def result(kind: str, seed: int, *steps: tuple[float, str], drawdown: float = 0.0) -> WorldResult:
        """``steps``: hours and new states; an edge of 20 hours dies after 10."""
        world = World(kind, seed, 20 if kind == "dying" else 10)  # type: ignore[arg-type]
        changes = [StateChange(world.begin * 10**9 + round(h * 3600e9), "", new, "") for h, new in steps]
        active = next((h for h, new in steps if new == "active"), None)
        demoted = next((h - 10 for h, new in steps if kind == "dying" and h > 10 and new != "active"), None)
        budget = 3.0 if drawdown >= 200 else None
        return WorldResult(world, changes, [], 0, 0.0, 0.0, 1.0, active, demoted, budget, drawdown, 10.0, 5.0)

    rows = summarise(
        [
            result("null", 1),
            result("null", 2, (4.0, "active")),
            result("edge", 1, (8.0, "active")),
            result("dying", 1, (9.0, "active"), (12.0, "reduced"), drawdown=120.0),
            result("dying", 2, (9.0, "active"), drawdown=210.0),
            result("dying", 3, (12.0, "active"), (13.0, "reduced")),  # active after its edge's death only
            result("dying", 4, (7.0, "active"), (8.0, "reduced"), (13.0, "disabled"), drawdown=105.0),
        ]
    )
    assert rows[0] == KindSummary("null", 2, 1, 0, 0, 0, 1, 4.0, 20.0, 0.5)
    dying = rows[2]
    assert (dying.promoted, dying.demoted, dying.already, dying.spent, dying.never) == (3, 3, 2, 1, 1)
    made_smaller = table_of([result("dying", 4, (7.0, "active"), (8.0, "reduced"), (13.0, "disabled"), drawdown=105.0)])
    assert (made_smaller[0]["state_at_death"], made_smaller[0]["drawdown_after_death_usd"]) == ("reduced", 105.0)


def test_results_are_read_back_and_the_proof_has_seeds_of_its_own(tmp_path: Path) -> None:
    run_worlds(tmp_path, [World("null", SEED, 2)], 1)
    (found,) = read_results(tmp_path)
    assert found.world == World("null", SEED, 2) and found.seconds > 0.0
    assert PROOF_SEEDS > 999 and results.PROOF == {"null": 200, "edge": 50, "dying": 50}


def test_a_world_ends_when_nothing_can_become_active_in_time_any_more() -> None:
    """A state lasts a day at least before a step up: in a world of 26 hours whoever is a shadow after two is late."""
    judge = Judge(RULES, 0)
    assert RULES.dwell_h == 24 and judge.earliest_active(5) == 5 + 24 * 3_600 * 10**9
    _, result = lived(World("null", SEED, 26))
    assert 2.0 <= result.hours <= 2.1 and result.promoted_h is None
    assert lived(World("null", SEED, 2))[1].hours == 2.0  # too short from the beginning: lived whole
