"""Promotions over the API: how each instance stands, what its latest decision rests on, and the decisions before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
import httpx
import msgspec
import pytest

from api.server import promotions
from api.server.board import MOST_ROWS
from models.contracts import CriterionRow, PromotionDecision
from models.promotion.promoter import Promoter
from models.promotion.sections import PromotionSettings
from models.promotion.terms import terms_of
from models.reasons import Reason, Verdict
from models.record import fields_of
from tests.api.server.records import T0, stored, telemetry
from tests.api.server.rig import Running, listen_to, serving, some

HOUR = 3_600 * 10**9
Grade = Literal["pass", "fail", "insufficient"]


def row(name: str, verdict: Grade, hours: float | None = None) -> CriterionRow:
    return CriterionRow(name, 1.0, 2.0, verdict, 0.0 if verdict == "pass" else hours, f"{name} in words")


def decision(
    number: int,
    old: str = "canary",
    new: str = "canary",
    verdict: Verdict = Verdict.HOLD,
    criteria: Sequence[CriterionRow] = (),
    **changes: Any,
) -> PromotionDecision:
    made = {
        "id": f"p{number:05d}", "journal": number, "timestamp": T0 + number, "instance": "parity",
        "strategy": "parity", "old": old, "new": new, "verdict": verdict, "reason": Reason.CRITERIA_MISSING,
        "text": f"decision {number}.", "window_start": T0, "window_end": T0 + number, "observations": number,
        "criteria": list(criteria), "e_value": 1.5, "e_threshold": 400.0, "level": 0.0025, "alpha": 0.005,
        "spent": 0.001, "trials": 2, "forecast_e_value": 1.0, "demotion_e_value": 0.5, "code": "1",
        "configuration": "c", "bands": [],
    }  # fmt: skip
    return msgspec.convert({**made, **changes}, PromotionDecision)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path) as made:
        yield made


def told(running: Running, *records: PromotionDecision) -> None:
    running.hub.take([(stored(each), False) for each in records])


async def asked(running: Running, path: str, **params: Any) -> Any:
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
        response = await client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()


async def candidate(running: Running, name: str = "parity") -> Any:
    found = (await asked(running, "api/promotions"))["candidates"]
    return next(each for each in found if each["instance"] == name)


async def test_before_the_first_decision_everything_is_insufficient(running: Running) -> None:
    whole = await asked(running, "api/promotions")
    assert whole["trials"] is None and whole["candidates"]
    assert {each["standing"] for each in whole["candidates"]} == {"insufficient"}
    assert {each["reachable_h"] for each in whole["candidates"]} == {None}
    assert (await asked(running, "api/promotions/history")) == {"decisions": [], "next": ""}


async def test_what_the_learning_flow_counts_is_told_before_it_decides(running: Running) -> None:
    gauges = {"observations:parity": 7, "e_value:parity": 1.25}
    running.hub.take([(stored(telemetry("promotion", gauges=gauges)), False)])
    found = await candidate(running)
    assert (found["observations"], found["e_value"], found["standing"]) == (7, 1.25, "insufficient")
    assert (await candidate(running, "lead_lag"))["observations"] is None


@pytest.mark.parametrize(
    ("given", "standing", "hours"),
    [
        pytest.param({"criteria": [row("a", "pass"), row("b", "insufficient", 5.0)]}, "insufficient", 5.0, id="wait"),
        pytest.param(
            {"criteria": [row("a", "fail", 9.0), row("b", "insufficient", 5.0)]}, "failing", 9.0, id="the last one"
        ),
        pytest.param({"criteria": [row("a", "fail"), row("b", "insufficient", 5.0)]}, "failing", None, id="never"),
        pytest.param({"criteria": [row("a", "pass")]}, "met", 0.0, id="met"),
        pytest.param({"criteria": []}, "insufficient", 0.0, id="nothing asked is nothing shown"),
        pytest.param({"new": "active", "verdict": Verdict.PASS}, "promoted", 0.0, id="up"),
        pytest.param({"new": "shadow", "verdict": Verdict.BLOCK}, "demoted", 0.0, id="down"),
        pytest.param({"old": "active", "new": "active", "reason": Reason.OK}, "kept", 0.0, id="kept"),
        pytest.param({"old": "disabled", "new": "disabled"}, "disabled", 0.0, id="disabled"),
    ],
)
async def test_how_an_instance_stands(
    running: Running, given: dict[str, Any], standing: str, hours: float | None
) -> None:
    told(running, decision(1, **given))
    found = await candidate(running)
    assert (found["standing"], found["reachable_h"]) == (standing, hours)
    assert found["passed"] + found["failed"] + found["insufficient"] == len(found["latest"]["criteria"])


async def test_the_latest_decision_counts_and_the_desk_says_which_state_is_in_force(running: Running) -> None:
    told(running, decision(1), decision(2, new="active", verdict=Verdict.PASS, trials=3, spent=0.002))
    assert (await candidate(running))["latest"]["id"] == "p00002"
    assert (await candidate(running))["state"] == "active"  # as configured: the desk said nothing
    running.hub.take([(stored(telemetry("gate.state", gauges={"promoted:parity": "canary"})), False)])
    assert (await candidate(running))["state"] == "canary"
    whole = await asked(running, "api/promotions")
    assert (whole["trials"], whole["spent"], whole["alpha"]) == (3, 0.002, 0.005)
    told(running, decision(3, instance="gone", strategy="old"))
    assert (await candidate(running, "gone"))["configured"] == ""


async def test_a_real_look_is_shown_with_its_criteria_in_words(running: Running) -> None:
    promoter = Promoter(terms_of(PromotionSettings()))
    promoter.register("parity", "parity", "shadow", T0)
    look = promoter.look("parity", T0 + HOUR)
    told(running, promoter.decision("parity", look, 7, T0 + HOUR, "1", "c"))
    found = await candidate(running)
    assert found["standing"] == "insufficient" and found["passed"] >= 1
    criteria = {each["name"]: each for each in found["latest"]["criteria"]}
    assert criteria["observations"]["verdict"] == "insufficient"
    assert criteria["hours in this state"]["reachable_h"] == 23.0
    assert all(each["text"] for each in criteria.values())
    assert found["latest"]["bands"] == []


async def test_history_goes_page_by_page_from_memory_into_the_audit(running: Running) -> None:
    """Of 620 decisions memory has the last 500, the audit all; each is told once."""
    count = MOST_ROWS + 120
    rows = [decision(number, criteria=[row("a", "insufficient", 3.0)]) for number in range(count)]
    rows[7] = decision(7, new="active", verdict=Verdict.PASS)
    _audit(running.state.run_dir, rows)
    told(running, *rows)
    seen: list[str] = []
    before = ""
    while True:
        page = await asked(running, "api/promotions/history", limit=200, before=before)
        seen += [each["id"] for each in page["decisions"]]
        before = page["next"]
        if not before:
            break
    assert seen == [each.id for each in reversed(rows)]
    changes = await asked(running, "api/promotions/history", changes=True)
    assert [each["id"] for each in changes["decisions"]] == ["p00007"]
    oldest = await asked(running, "api/promotions/history", before=f"{T0 + 1}:p00001")
    assert oldest["decisions"] == [msgspec.to_builtins(promotions.decided(rows[0]).model_dump())]
    assert (await asked(running, "api/promotions/history", instance="lead_lag"))["decisions"] == []


def _audit(run_dir: Path, rows: Sequence[PromotionDecision]) -> None:
    """The table as the audit flow writes it: from the same fields, lists of structs among them."""
    import polars as pl

    table = pl.DataFrame([msgspec.to_builtins(each) for each in rows], infer_schema_length=None)
    structs = pl.List(
        pl.Struct({"name": pl.String, "value": pl.Float64, "threshold": pl.Float64, "verdict": pl.String,
                   "reachable_h": pl.Float64, "text": pl.String})
    )  # fmt: skip
    table = table.with_columns(pl.col("criteria").cast(structs), pl.col("bands").cast(structs))
    assert set(table.columns) == {field.name for field in fields_of(PromotionDecision)}
    table.write_parquet(run_dir / "p.parquet")
    with duckdb.connect(str(run_dir / "audit.duckdb")) as connection:
        connection.execute("CREATE TABLE promotions AS SELECT * FROM read_parquet(?)", [str(run_dir / "p.parquet")])


async def test_promotions_come_on_the_stream_to_who_asks_for_them(running: Running) -> None:
    stream = listen_to(running.url, path="stream?topics=promotions")
    assert (await some(stream, 1))[0].kind == "hello"
    told(running, decision(1, bands=[row("drawdown", "pass")]))
    (event,) = await some(stream, 1)
    assert event.kind == "promotion" and event.body["id"] == "p00001"
    bands = event.body["bands"]
    assert isinstance(bands, list) and bands[0]["name"] == "drawdown"
