"""The step ids of the flows: part of what a recovery store means, so a change is made knowingly or not at all."""

from __future__ import annotations

from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Operator, Stream
from bytewax.testing import TestingSink, TestingSource

from flows import audit, market, trading
from models.message import Message
from models.settings import Settings

WHY = (
    "The step ids of the {flow} flow changed. A step's id names its state in the recovery store: under another id a "
    "running system forgets that state at its next start, without a word. If that is meant, say so in the release "
    "notes, tell operators to start without the old recovery folder, and change the list here."
)

MARKET = {
    "count", "feeds", "findings", "market_out", "messages", "number", "one_order", "quality",
    "quality_out", "verify",
}  # fmt: skip
TRADING = {
    "at_desk", "by_lane", "count", "journal", "lanes", "messages", "number", "one_order", "portfolio", "quality",
    "quality_out", "route", "tallies", "trading_out",
}  # fmt: skip
AUDIT = {"archive_and_database", "topics"}


def nothing() -> TestingSource[Any]:
    return TestingSource([])


def attach(step_id: str, up: Stream[Message]) -> None:
    op.output(step_id, up, TestingSink([]))


def ids(flow: Dataflow) -> set[str]:
    """The flow's own steps, without what Bytewax makes of them inside."""
    names: set[str] = set()
    for step in flow.substeps:
        assert isinstance(step, Operator)
        names.add(step.step_name)
        assert step.step_id == f"{flow.flow_id}.{step.step_name}"
    return names


def stateful_ids(flow: Dataflow) -> set[str]:
    """Full ids of the steps that keep state: what a recovery store files it under."""
    found: set[str] = set()
    waiting: list[Operator] = list(flow.substeps)
    while waiting:
        step = waiting.pop()
        if type(step).__name__ == "stateful_batch":
            found.add(step.step_id)
        waiting.extend(step.substeps)
    return found


def test_market_flow() -> None:
    flow = market.build(nothing(), attach, Settings())
    assert flow.flow_id == "market"
    assert ids(flow) == MARKET, WHY.format(flow="market")
    assert stateful_ids(flow) == {"market.verify", "market.number", "market.count.window.stateful_batch"}, WHY.format(
        flow="market"
    )


def test_trading_flow() -> None:
    flow = trading.build(nothing(), attach, Settings())
    assert flow.flow_id == "trading"
    assert ids(flow) == TRADING, WHY.format(flow="trading")
    stored = {"trading.route", "trading.lanes", "trading.portfolio", "trading.number"}
    assert stateful_ids(flow) == stored | {"trading.count.window.stateful_batch"}, WHY.format(flow="trading")


def test_audit_flow() -> None:
    flow = audit.build(nothing(), TestingSink([]))
    assert flow.flow_id == "audit"
    assert ids(flow) == AUDIT, WHY.format(flow="audit")
    assert stateful_ids(flow) == set(), "the audit flow runs without a recovery store: it may keep no state"
