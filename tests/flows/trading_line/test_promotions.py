"""What a promotion does at the desk: sizes and entries, and who may send one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models.contracts import RiskEvent
from models.control import SetInstance, public_key
from models.inputs import Promotion
from models.promotion.sections import PromotionSettings
from models.promotion.signing import signed_promotion
from models.settings import OperatorSettings, Settings
from models.strategies.instance import InstanceTable
from tests.flows.trading_line.desk import Scene, settings
from tests.flows.trading_line.test_operator import OTHER, TOKEN, say

NAME = "updown_fair_value"


def scene_of(state: Any = "shadow", **promotion: Any) -> Scene:
    given = settings(portfolio={"cooldown_s": 1}).model_dump() | {
        "instances": (InstanceTable(id=NAME, strategy=NAME, state=state),),
        "operator": OperatorSettings(public_key=public_key(TOKEN)),
        "promotion": PromotionSettings(**promotion),
        "run_name": "evening",
    }
    scene = Scene(Settings.model_validate(given))
    scene.warm_up()
    return scene


def promote(scene: Scene, state: Any, token: str = TOKEN, **changes: Any) -> RiskEvent:
    """Send a promotion with all that it needs, but for the changes; the row that it leads to."""
    scene.later(0.01)
    said = Promotion("m", NAME, scene.now, state, "shown", "evening", f"p{scene.seq}", 500.0, 400.0)
    said = msgspec.structs.replace(said, **changes)
    signed = signed_promotion(said, token) if token else said
    records = scene.input("models", msgspec.json.encode(signed).decode())
    (row,) = [each for each in records if isinstance(each, RiskEvent)]
    return row


def bought(scene: Scene) -> int:
    """Micro-shares of the next entry; 0 where it is refused."""
    before = len(scene.orders("submitted"))
    scene.later(2)
    scene.buy()
    scene.settle_order()
    orders = scene.orders("submitted")[before:]
    return orders[0].size if orders else 0


def test_each_state_enters_at_its_part_of_the_size() -> None:
    sizes = {}
    for state in ("shadow", "canary", "active", "reduced", "disabled"):
        scene = scene_of("shadow" if state != "shadow" else "active")
        promote(scene, state)
        sizes[state] = bought(scene)
    full = bought(scene_of("active"))
    assert (sizes["shadow"], sizes["disabled"]) == (0, 0)
    assert sizes["active"] == full
    assert sizes["canary"] == pytest.approx(full / 4, rel=0.05)
    assert sizes["reduced"] == pytest.approx(full / 2, rel=0.05)


def test_a_promotion_is_told_with_its_decision_and_seen_on_telemetry() -> None:
    scene = scene_of("shadow")
    row = promote(scene, "canary", decision="p9-1-x")
    assert (row.subject, row.name, row.old, row.new, row.reason) == (
        "promotion", NAME, "shadow", "canary", "promoted",
    )  # fmt: skip
    assert row.numbers == {"decision": "p9-1-x", "e_value": 500.0, "e_threshold": 400.0}
    scene.later(2)
    scene.clock()
    assert scene.books.modules["gate.state"].gauges[f"promoted:{NAME}"] == "canary"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"token": ""}, "unsigned"),
        ({"token": OTHER}, "unsigned"),
        ({"run": "morning"}, "wrong_run"),
        ({"instance": "nobody"}, "unknown_name"),
        ({"t": 0}, "repeated"),
        ({"decision": ""}, "criteria_missing"),
        ({"e_value": 399.0}, "criteria_missing"),
        ({"e_threshold": 0.0}, "criteria_missing"),
    ],
)
@pytest.mark.parametrize("state", ["canary", "active"])
def test_nothing_is_raised_without_signature_run_and_evidence(state: str, changes: dict[str, Any], reason: str) -> None:
    scene = scene_of("shadow")
    row = promote(scene, state, **changes)
    assert (row.reason, row.old) == (reason, row.new) and "refused" in row.text
    assert bought(scene) == 0


def test_what_was_signed_is_what_counts() -> None:
    """A signature of one promotion is none of another."""
    scene = scene_of("shadow")
    scene.later(0.01)
    small = signed_promotion(Promotion("m", NAME, scene.now, "canary", "", "evening", "p1", 500.0, 400.0), TOKEN)
    forged = msgspec.structs.replace(small, state="active")
    (row,) = [
        each for each in scene.input("models", msgspec.json.encode(forged).decode()) if isinstance(each, RiskEvent)
    ]
    assert row.reason == "unsigned"


def test_down_it_goes_without_evidence_and_out_of_disabled_by_the_operator_alone() -> None:
    scene = scene_of("active")
    assert promote(scene, "disabled", decision="", e_value=0.0, e_threshold=0.0).new == "disabled"
    assert bought(scene) == 0
    span = scene.decisions("block")[-1].spans[-1]
    assert (span.module, span.reason) == ("gate.state", "demoted")
    assert promote(scene, "active").reason == "demoted"
    assert say(scene, SetInstance(NAME, enabled=True)).verdict == "pass"
    assert bought(scene) > 0


def test_no_promotion_raises_above_the_operator_s_switch() -> None:
    scene = scene_of("shadow")
    say(scene, SetInstance(NAME, enabled=False))
    promote(scene, "active")
    assert bought(scene) == 0
    say(scene, SetInstance(NAME, enabled=True, size=0.5))
    assert bought(scene) == pytest.approx(bought(scene_of("active")) / 2, rel=0.05)


@pytest.mark.parametrize("state", ["paused", "twin"])
def test_what_is_paused_or_a_twin_stays_what_it_is(state: str) -> None:
    scene = scene_of(state)
    assert promote(scene, "active" if state == "paused" else "disabled").reason == "configured"
    assert bool(bought(scene)) is (state == "twin")


def test_switched_off_promotions_change_nothing() -> None:
    scene = scene_of("shadow", enabled=False)
    assert promote(scene, "active").reason == "configured"
    assert bought(scene) == 0


def test_another_key_may_be_that_of_promotions() -> None:
    scene = scene_of("shadow", public_key=public_key(OTHER))
    assert promote(scene, "canary").reason == "unsigned"
    assert promote(scene, "canary", token=OTHER).reason == "promoted"
