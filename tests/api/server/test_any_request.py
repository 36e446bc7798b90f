"""Whatever is asked by the document is answered without a 500, and as the document says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from api.server.app import build
from api.server.hub import Hub
from models.contracts import Answer
from models.control import Instruction
from models.reasons import Reason
from tests.api.server.records import answer, decision, fill, quality, risk_event, scan, stored, telemetry
from tests.api.server.rig import TOKEN, state_over

#: It does not end.
LEFT_OUT = ("/stream",)


def give(do: Instruction, by: str) -> Answer:
    return answer(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[Any]:
    """The document and the application, over a hub that has something of everything."""

    async def made() -> Hub:
        return Hub("r1")

    hub = asyncio.run(made())
    hub.board.kafka = "connected"
    hub.board.modules.ended = True  # nobody is late: /health answers 503 on purpose where somebody is
    rows = [telemetry("gate.spread", pass__ok=3), telemetry("integrity.polymarket", block__crossed_book=1)]
    rows += [telemetry("feed.coinbase"), telemetry("portfolio", 1), telemetry("portfolio", 2)]
    records = [
        *rows,
        decision(1),
        decision(2, "block", Reason.COOLDOWN),
        fill(1),
        scan(1),
        quality(1, "m", 2),
        answer(1),
        risk_event(1),
        risk_event(2, "gate", "release"),
        telemetry(
            "gate.breakers", gauges={"level:drawdown:portfolio:main": "reduced", "value:drawdown:portfolio:main": 0.06}
        ),
        telemetry("gate.release", gauges={"gate": "PAPER_FULL", "hours": 2.0, "sound": True}),
        telemetry("gate.state", gauges={"off:parity": "me", "size:parity": 0.5}),
        telemetry("concentration", gauges={"expiry:1790000100": 5.0, "cap_expiry": 1000.0}),
        telemetry("markouts", gauges={"gain_1s:parity": 0.01}),
    ]
    hub.take([(stored(each), False) for each in records])
    yield schemathesis.openapi.from_asgi("/openapi.json", build(state_over(hub, folder, give)))


def test_no_request_breaks_the_server(api: Any) -> None:
    asked = 0
    for found in api.get_all_operations():
        operation = found.ok()
        if operation.path in LEFT_OUT:
            continue
        asked += 1

        @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(
                headers={"Authorization": f"Bearer {TOKEN}"}, checks=[not_a_server_error, response_schema_conformance]
            )

        ask()
    assert asked > 30
