"""What an instance does by its state and its own rules, also when it is configured no more; who hears inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from flows.state import OwnedState
from flows.trading import schemas
from flows.trading_line.desk import Desk
from flows.trading_line.items import Judged
from flows.trading_line.members import Member
from models.configuration import configuration_id, relevant
from models.inputs import AnyInput, ExecutionReport, Promotion
from models.journal import Configuration, Input
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.instance import InstanceTable
from models.topics import CONFIGURATION, EXECUTIONS, MODELS
from models.trace import Step
from tests.flows.trading_line.desk import START, Scene, settings

NAME = "updown_fair_value"
#: A loss of ten cents is too much for the one and nothing to the other.
QUICK: dict[str, Any] = {"take_profit": 1.0, "stop_loss": 0.05, "edge_decay": 1.0}
SLOW: dict[str, Any] = {"take_profit": 1.0, "stop_loss": 1.0, "edge_decay": 1.0}


def with_instances(*tables: InstanceTable, **sections: dict[str, Any]) -> Settings:
    return Settings.model_validate(settings(**sections).model_dump() | {"instances": tables})


def configure(scene: Scene, chosen: Settings) -> None:
    head = scene._head(CONFIGURATION, "")
    stated = msgspec.json.encode(relevant(chosen)).decode()
    scene.put(Configuration(**head, flow="trading", run="r", configuration=configuration_id(chosen), settings=stated))
    scene.books.under(chosen)


@pytest.mark.parametrize(("own", "default", "sells"), [(QUICK, SLOW, True), (SLOW, QUICK, False)])
def test_an_instance_that_is_configured_no_more_leaves_by_its_own_rules(
    own: dict[str, Any], default: dict[str, Any], sells: bool
) -> None:
    eager = InstanceTable(id="eager", strategy=NAME, parameters={"warm_up_s": 0, **own})
    off = {"fair_value": default | {"enabled": False}, "portfolio": {"cooldown_s": 60}}
    scene = Scene(with_instances(eager, **off))
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    assert {fill.strategy for fill in scene.fills()} == {"eager"}
    configure(scene, with_instances(**off))
    scene.later(61)
    scene.quote(50, 51)
    assert [(each.strategy, each.reason) for each in scene.decisions("exit")] == (
        [("eager", Reason.STOP_LOSS)] if sells else []
    )


def test_its_rules_outlive_a_restart() -> None:
    eager = InstanceTable(id="eager", strategy=NAME, parameters=QUICK)
    _, _, desks = schemas()
    owned: OwnedState[Any] = desks.begin(with_instances(eager, fair_value=SLOW))
    owned.configure(relevant(with_instances(fair_value=SLOW)))
    again = desks.resume(owned.snapshot(), Settings())
    desk: Desk = again.state._desk
    found = desk._floor.instances["eager"]
    assert (found.parameters.stop_loss, found.enabled) == (0.05, False)


@pytest.mark.parametrize(
    ("state", "verdict", "reason"),
    [("shadow", Verdict.HOLD, Reason.SHADOW), ("paused", Verdict.BLOCK, Reason.PAUSED), ("active", None, None)],
)
def test_the_default_instance_may_be_set_aside(state: Any, verdict: Verdict | None, reason: Reason | None) -> None:
    table = InstanceTable(id=NAME, strategy=NAME, state=state)
    scene = Scene(with_instances(table, fair_value={"min_edge": 0.001}))
    scene.warm_up()
    scene.buy()
    assert [each.strategy for each in scene.scans()] != [], "it is judged and shown in every state"
    assert bool(scene.orders("submitted")) == (verdict is None)
    if verdict is not None:
        last = scene.decisions("block")[-1].spans[-1]
        assert (last.module, last.verdict, last.reason) == ("gate.state", verdict, reason)


class Listener(Member):
    module = "listener"

    def __init__(self) -> None:
        self.heard: list[tuple[AnyInput, int]] = []

    def on_input(self, said: AnyInput, t: int) -> Iterable[Step]:
        self.heard.append((said, t))
        return ()


def test_members_hear_inputs_before_any_market_is_known() -> None:
    desk, listener = Desk(settings()), Listener()
    desk._floor.members = (*desk._floor.members, listener)
    report = '{"type": "report", "order": "o", "state": "filled", "t": 5, "price": 5000, "size": 1000000}'
    promotion = '{"model": "gbm-3", "instance": "fair", "t": 5, "state": "canary"}'
    for seq, (topic, payload) in enumerate(((EXECUTIONS, report), (MODELS, promotion))):
        event = Input(seq, START + seq, (topic, 0, 0), "", (), topic, payload)  # type: ignore[arg-type]
        desk.take([Judged("", seq, 1, event, ())])
    assert listener.heard == [
        (ExecutionReport("o", "filled", 5, price=5000, size=1_000_000), START),
        (Promotion("gbm-3", "fair", 5, "canary"), START + 1),
    ]
