"""What guards the portfolio, as the API says it: gates and their criteria, breakers, sizes, mark-outs, changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.server.board import Board
from api.server.guards import bounds_of, sizing_of
from api.server.holds import holds_of
from models.contracts import Number
from models.portfolio.sections import BreakerSettings
from models.reasons import Reason
from models.settings import InstanceTable, Settings
from tests.api.server.records import T0, decision, risk_event, scan, stored, telemetry
from tests.api.server.rig import Running, listen_to, serving, some

HOUR = 3_600 * 10**9


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path) as made:
        yield made


async def asked(running: Running, path: str, **params: Any) -> Any:
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
        response = await client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()


def canary(running: Running, **more: Any) -> None:
    gauges = {"gate": "PAPER_CANARY", "since": T0, "hours": 6.0, "rounds": 12, "clean_hours": 6.0, "quiet_hours": 2.0}
    row = telemetry("gate.release", gauges={**gauges, "sound": True, "net": -3.0, **more})
    running.hub.take([(stored(row), False)])


async def test_before_the_trading_flow_has_spoken_the_gate_is_dev_and_nothing_is_met(running: Running) -> None:
    told = await asked(running, "api/gates")
    assert told["gate"] == "DEV" and told["history"] == []
    missing = [each for each in told["gates"][1]["criteria"] if not each["met"]]
    assert missing[0]["name"] == "everything sound now"
    assert (await asked(running, "api/run"))["gate"] == ""


async def test_a_step_up_says_what_is_missing_and_when_it_could_be_met(running: Running) -> None:
    """24 h at the gate and 50 rounds are asked for: 12 rounds in 6 h are 2 an hour; a loss never becomes a gain."""
    canary(running)
    told = await asked(running, "api/gates")
    assert [each["state"] for each in told["gates"]] == ["passed", "here", "next", "later", "later"]
    criteria = {each["name"]: (each["met"], each["hours"]) for each in told["gates"][2]["criteria"]}
    assert criteria == {
        "everything sound now": (True, 0.0),
        "hours at this gate": (False, 18.0),
        "hours of clean reconciliation": (False, 18.0),
        "hours without a stop": (False, 22.0),
        "settled rounds at this gate": (False, 19.0),
        "net dollars at this gate": (False, None),
    }
    assert (await asked(running, "api/run"))["gate"] == "PAPER_CANARY"


async def test_the_page_meets_what_the_desk_meets_before_real_orders(running: Running) -> None:
    evidence: dict[str, Number] = {
        "gate": "LIVE_DRY_RUN", "hours": 30.0, "clean_hours": 30.0, "quiet_hours": 30.0, "rounds": 400, "sound": True,
        "net": 5.0, "preflight_hours": 0.1, "stated": 50.0, "dry_runs": 25, "dry_refused": 0,
    }  # fmt: skip
    running.hub.take([(stored(telemetry("gate.release", gauges=evidence)), False)])
    following = next(each for each in (await asked(running, "api/gates"))["gates"] if each["state"] == "next")
    assert following["gate"] == "LIVE_ARMED"
    assert [each["name"] for each in following["criteria"] if not each["met"]] == []


async def test_of_the_gates_beyond_the_next_nothing_is_met_yet(running: Running) -> None:
    canary(running, rounds=1_000, net=50.0)
    beyond = [each for each in (await asked(running, "api/gates"))["gates"] if each["state"] == "later"]
    assert [each["gate"] for each in beyond] == ["LIVE_DRY_RUN", "LIVE_ARMED"]
    for gate in beyond:
        met = [each["name"] for each in gate["criteria"] if each["met"]]
        assert met in ([], ["orders refused in the dry run"]), gate
        (preflight,) = (each for each in gate["criteria"] if "preflight" in each["name"])
        assert preflight["unknown"] and preflight["hours"] is None


async def test_the_history_of_gates_is_the_changes_of_gates_alone_the_latest_first(running: Running) -> None:
    events = [risk_event(1, "gate", "release"), risk_event(2), risk_event(3, "gate", "release")]
    running.hub.take([(stored(each), False) for each in events])
    assert [each["id"] for each in (await asked(running, "api/gates"))["history"]] == ["r3", "r1"]
    told = (await asked(running, "api/risk/events", limit=2))["events"]
    assert [(each["id"], each["kind"], each["subject"]) for each in told] == [
        ("r3", "gate", "release"),
        ("r2", "breaker", "drawdown"),
    ]
    assert told[0]["time"].startswith("2026-09-21T")
    async with httpx.AsyncClient(base_url=running.url) as client:
        assert (await client.get("api/risk/events", params={"limit": 0})).status_code == 422


async def test_breakers_have_their_bounds_those_that_hold_stand_first(running: Running) -> None:
    gauges = {
        "level:loss_streak:instance:parity": "clear",
        "value:loss_streak:instance:parity": 0.0,
        "level:daily_loss:instance:parity": "reduced",
        "value:daily_loss:instance:parity": 160.0,
        "since:daily_loss:instance:parity": T0,
        "level:daily_loss:portfolio:main": "stopped",
        "value:daily_loss:portfolio:main": 0.05,
        "since:daily_loss:portfolio:main": T0,
    }
    running.hub.take([(stored(telemetry("gate.breakers", gauges=gauges)), False)])
    told = (await asked(running, "api/risk"))["breakers"]
    assert [(each["id"], each["level"], each["reduce_at"], each["stop_at"]) for each in told] == [
        ("daily_loss:portfolio:main", "stopped", 0.02, 0.04),
        ("daily_loss:instance:parity", "reduced", 150.0, 300.0),
        ("loss_streak:instance:parity", "clear", 8.0, 16.0),
    ]
    assert all(each["meaning"] and each["release"] for each in told)
    holds = (await asked(running, "api/holds"))["holds"]
    held = {each["subject"]: each for each in holds if each["reason"] == "daily_loss"}
    assert held.keys() == {"daily_loss:portfolio:main", "daily_loss:instance:parity"}
    assert (
        "stops entries" in held["daily_loss:portfolio:main"]["what"]
        and held["daily_loss:portfolio:main"]["severity"] == 1
    )
    assert (
        "reduces sizes" in held["daily_loss:instance:parity"]["what"]
        and held["daily_loss:instance:parity"]["act"] == "wait"
    )
    assert "release --what breaker:daily_loss:instance:parity" in held["daily_loss:instance:parity"]["release"]
    assert held["daily_loss:portfolio:main"]["link"] == "/risk"


def test_every_kind_of_breaker_states_what_it_watches() -> None:
    told = bounds_of(BreakerSettings())
    assert {each.kind for each in told} == {
        *("daily_loss", "drawdown", "loss_streak", "negative_expectancy", "slippage", "feed_health"),
        *("fill_anomaly", "reconciliation"),
    }
    assert all(each.measure and each.release and each.reduce_at <= each.stop_at for each in told)


def shadow(name: str) -> InstanceTable:
    return InstanceTable(id=name, strategy="parity", state="shadow")


def test_what_a_shadow_waits_for_holds_nothing_back() -> None:
    board = Board(0.0)
    board.kafka = "connected"
    off = telemetry("gate.state", gauges={"off:parity": "trader"})
    for record in (telemetry("portfolio"), off, scan(1), decision(2, "block", Reason.SHADOW)):
        board.take(stored(record), 0.0)
    alone = [each for each in holds_of(board, 0.0).holds if each.subject.startswith("parity")]
    assert {each.reason for each in alone} == {"below_threshold", "shadow", "disabled"}
    holds = holds_of(board, 0.0, ["parity"]).holds
    assert [each.what for each in holds if "parity" in each.what] == [
        "one instance is a shadow, judged and never ordered: parity."
    ]


def test_a_size_is_the_product_of_what_was_realised_of_breakers_and_of_the_operator() -> None:
    tables = (InstanceTable(id="double", strategy="parity", state="twin"), shadow("quiet"))
    settings = Settings(instances=tables)
    board = Board(0.0)
    board.kafka = "connected"
    rows = [
        telemetry("allocation", gauges={"multiplier_parity": 0.8}),
        telemetry("gate.state", gauges={"off:updown_fair_value": "trader", "size:parity": 0.5}),
        telemetry(
            "gate.breakers", gauges={"level:drawdown:portfolio:main": "reduced", "value:drawdown:portfolio:main": 0.06}
        ),
    ]
    for row in rows:
        board.take(stored(row), 0.0)
    told = {each.instance: each for each in sizing_of(board, settings)}
    assert (told["parity"].realised, told["parity"].breakers, told["parity"].operator) == (0.8, 0.2, 0.5)
    assert told["parity"].size == pytest.approx(0.08)
    assert (told["updown_fair_value"].entries, told["updown_fair_value"].by) == ("off", "trader")
    assert told["updown_fair_value"].size == 0.0 and told["updown_fair_value"].realised == 0.5, "the floor"
    assert told["double"].breakers == 1.0, "a paper twin's money is not the portfolio's"
    assert told["quiet"].size == 0.0, "it is never ordered"
    assert "updown_fair_value is switched off by trader." in [each.what for each in holds_of(board, 0.0).holds]


async def test_an_instance_has_its_mark_outs_and_what_was_not_measured_is_null(running: Running) -> None:
    gauges = {"gain_1s:parity": 0.004, "gain_settlement:parity": -0.01, "slippage:parity": 0.002}
    other = {"gain_1s:updown_fair_value": 0.5, "edge_realised:updown_fair_value": 0.9}
    running.hub.take([(stored(telemetry("markouts", gauges={**gauges, **other})), False)])
    told = await asked(running, "api/strategies/parity")
    assert told["markouts"] == {
        "gain_1s": 0.004,
        "gain_5s": None,
        "gain_30s": None,
        "gain_settlement": -0.01,
        "slippage": 0.002,
        "edge_realised": None,
    }
    assert told["sizing"]["entries"] == "on" and told["sizing"]["size"] == 0.5


async def test_joint_caps_say_of_what_they_are(running: Running) -> None:
    gauges = {"cap_expiry": 1000.0, "expiry:1790000100": 250.0, "cap_family": 3000.0, "family:edge": 30.0}
    running.hub.take([(stored(telemetry("concentration", gauges=gauges)), False)])
    caps = {each["cap"]: each for each in (await asked(running, "api/risk"))["caps"]}
    assert caps["cap_expiry"]["subject"] == "windows ending 2026-09-21 14:15 to 14:30 UTC"
    assert (caps["cap_expiry"]["used_usd"], caps["cap_expiry"]["share"]) == (250.0, 0.25)
    assert (caps["cap_family"]["subject"], caps["cap_family"]["limit_usd"]) == ("edge", 3000.0)


async def test_changes_of_risk_are_streamed_as_the_api_has_them(running: Running) -> None:
    running.hub.take([(stored(risk_event(1)), False)])
    stream = listen_to(running.url, path="stream?topics=risk")
    (hello,) = await some(stream, 1)
    running.hub.take([(stored(risk_event(2)), False)])
    events = [hello] if hello.kind == "risk" else []
    while not events or events[-1].body["id"] != "r2":
        events += [each for each in await some(stream, 1) if each.kind == "risk"]
    assert events[-1].body == (await asked(running, "api/risk/events"))["events"][0]
    await stream.aclose()  # type: ignore[attr-defined]


async def test_breakers_of_one_kind_over_several_instances_are_one_line(running: Running) -> None:
    gauges: dict[str, Number] = {"level:feed_health:instance:solo": "stopped", "since:feed_health:instance:solo": T0}
    for number, name in enumerate(("parity", "lead_lag")):
        gauges[f"level:feed_health:instance:{name}"] = "reduced"
        gauges[f"since:feed_health:instance:{name}"] = T0 + number * 10**9
    running.hub.take([(stored(telemetry("gate.breakers", gauges=gauges)), False)])
    holds = (await asked(running, "api/holds"))["holds"]
    held = {each["subject"]: each for each in holds if each["reason"] == "feed_health"}
    assert held.keys() == {"feed_health:instance", "feed_health:instance:solo"}
    together = held["feed_health:instance"]
    assert "feed_health:instance reduces sizes of 2 (lead_lag, parity): " in together["what"]
    assert together["since"] == held["feed_health:instance:solo"]["since"]
    assert "feed_health:instance:solo stops entries: " in held["feed_health:instance:solo"]["what"]
