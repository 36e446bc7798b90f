"""Reports over the API: as they stand in the folders, made on demand beside the server, and compared."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from api.report.making import PAGE
from api.report.page import page
from api.server.report_making import ReportMaker
from api.server.reports import thinned
from api.server.routes.reports import Dimension
from api.server.views.reports import CurvePoint
from connectors.archive.writer import ArchiveWriter
from flows.report.performance import DAY, DIMENSIONS, equity, performances
from flows.report.run_report import CostFit, RunReport, keep
from flows.report.trades import ClosedTrade
from models.costs import CostSplit
from models.failures import Failure
from models.money import DOLLAR, SHARE
from models.timestamps import SECOND
from tests.api.server.records import fill, message
from tests.api.server.rig import Running, serving
from tests.waiting import eventually

T0 = 20_000 * DAY
NETS = [3.0, -1.0, 2.0, -4.0, 1.0]


def trade(number: int, net: float, instance: str) -> ClosedTrade:
    """Gross is a dollar above net: the fee."""
    amount = round(net * DOLLAR)
    closed = T0 + 600 * (number + 1) * SECOND
    return ClosedTrade(
        instance=instance, family="edge", market=f"m{number}", asset="BTC", horizon="5m" if number % 2 else "15m",
        outcome="Up", opened=closed - 60 * SECOND, closed=closed, shares=10 * SHARE, stake=5 * DOLLAR,
        costs=CostSplit(gross=amount + DOLLAR, fees=DOLLAR, booked=amount), capital=0, predicted=None,
        evidence="book_cross", exit="settlement", regime="normal", account="main", fills=1,
    )  # fmt: skip


def write(folder: Path, nets: list[float], instance: str = "one") -> None:
    """A run with a report of trades of these nets."""
    (folder / "archive" / "topic=fills").mkdir(parents=True)
    trades = [trade(number, net, instance) for number, net in enumerate(nets)]
    rows = performances(trades, T0, T0 + DAY)
    curves = {instance: [(t // SECOND, dollars) for t, dollars in equity(trades)]} if trades else {}
    report = RunReport(folder.name, T0, T0 + DAY, 2, rows, curves, [CostFit(instance, None, 0.001)])
    target = keep(report, trades, folder)
    (target / PAGE).write_text(page(report))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    runs = tmp_path / "runs"
    write(runs / "first", NETS)
    write(runs / "second", [*NETS, 10.0])
    write(runs / "idle", [])
    (runs / "bare" / "archive" / "topic=fills").mkdir(parents=True)
    async with serving(tmp_path) as made:
        yield made
        made.state.reports.close()


async def asked(running: Running, path: str, code: int = 200, **params: Any) -> Any:
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
        response = await client.get(path, params=params)
        assert response.status_code == code, response.text
        return response.json()


async def test_runs_are_listed_with_and_without_a_report(running: Running) -> None:
    rows = {each["name"]: each for each in (await asked(running, "api/reports"))["reports"]}
    assert rows.keys() == {"first", "second", "idle", "bare"}
    assert rows["first"]["made"] and rows["first"]["page"] == "/api/reports/first/page"
    assert (rows["bare"]["made"], rows["bare"]["page"], rows["bare"]["making"]) == ("", "", "")
    bare = await asked(running, "api/reports/bare")
    assert bare["report"] is None and bare["state"] == rows["bare"]
    assert (await asked(running, "api/reports/nope", 404))["cure"]


async def test_a_report_has_its_doubts_beside_the_figures_and_its_curve_below_the_highest(running: Running) -> None:
    told = (await asked(running, "api/reports/first"))["report"]
    assert told["open"] == 2 and told["first"].startswith("2024-10-04T00:00:00")
    (row,) = told["instances"]
    assert (row["trades"], row["net_usd"], row["drawdown_usd"]) == (5, 1.0, 4.0)
    assert row["gross_usd"] - sum(row["costs_usd"].values()) == row["net_usd"]
    assert {each["figure"] for each in row["doubts"]} <= set(row)
    assert ("trades", "sample too small: 5 trades, 30 at least") in [(d["figure"], d["text"]) for d in row["doubts"]]
    (curve,) = told["curves"]
    assert [each["net_usd"] for each in curve["points"]] == [3.0, 2.0, 4.0, 0.0, 1.0]
    assert [each["drawdown_usd"] for each in curve["points"]] == [0.0, -1.0, 0.0, -4.0, -3.0]
    assert told["fits"] == [{"instance": "one", "latency_usd": None, "adverse_selection_usd": 0.001}]
    idle = (await asked(running, "api/reports/idle"))["report"]
    assert idle["instances"] == [] and idle["curves"] == []
    assert (await asked(running, "api/reports/idle/trades"))["trades"] == []


async def test_groups_are_of_one_dimension_and_add_up(running: Running) -> None:
    for by in DIMENSIONS:
        told = await asked(running, "api/reports/first/groups", by=by, instance="one")
        assert told["of"] == len(told["groups"])
        assert sum(each["net_usd"] for each in told["groups"]) == pytest.approx(1.0)
    most = await asked(running, "api/reports/first/groups", by="market", limit=2)
    assert most["of"] == 5 and [each["net_usd"] for each in most["groups"]] == [-4.0, 3.0]
    assert (await asked(running, "api/reports/first/groups", by="hour", instance="parity"))["groups"] == []
    assert "one" in (await asked(running, "api/reports/first/groups", 404, by="hour", instance="other"))["cause"]
    await asked(running, "api/reports/first/groups", 422, by="weather")
    assert set(get_args(Dimension)) == set(DIMENSIONS)


async def test_pages_of_trades_hold_each_of_them_once_the_last_closed_first(running: Running) -> None:
    nets: list[float] = []
    at: int | None = 0
    while at is not None:
        told = await asked(running, "api/reports/first/trades", limit=2, at=at)
        assert told["of"] == 5
        nets += [each["net_usd"] for each in told["trades"]]
        at = told["next"]
    assert nets == NETS[::-1]
    first = (await asked(running, "api/reports/first/trades", limit=1))["trades"][0]
    assert (first["gross_usd"], first["costs_usd"]["fees"], first["size_shares"]) == (2.0, 1.0, 10.0)
    assert (await asked(running, "api/reports/first/trades", instance="parity"))["of"] == 0
    assert "one" in (await asked(running, "api/reports/first/trades", 404, instance="other"))["cause"]


async def test_a_comparison_has_what_differs(running: Running) -> None:
    told = await asked(running, "api/comparison", run=["first", "second"])
    assert told["runs"] == ["first", "second"] and told["settings"] == []
    figures = {each["name"]: each for each in told["figures"]}
    assert figures["net"] == {
        "instance": "one", "name": "net", "unit": "usd", "values": [1.0, 11.0], "spread": 10.0
    }  # fmt: skip
    assert figures["trades"]["values"] == [5, 6] and figures["trades"]["unit"] == ""
    assert "drawdown" not in figures and told["equal"] >= 1
    assert told["doubts"] == [
        "first has 5 trades, 30 at least: what differs may be chance",
        "second has 6 trades, 30 at least: what differs may be chance",
    ]
    spreads = [each["spread"] for each in told["figures"] if each["unit"] == "usd"]
    assert spreads == sorted(spreads, reverse=True)
    assert "twice" in (await asked(running, "api/comparison", 409, run=["first", "first"]))["cause"]
    assert "no report" in (await asked(running, "api/comparison", 409, run=["first", "bare"]))["cause"]
    await asked(running, "api/comparison", 404, run=["first", "nope"])
    await asked(running, "api/comparison", 422, run=["first"])


async def test_the_page_may_run_nothing_and_be_framed_by_nobody(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
        answer = await client.get("api/reports/first/page")
        assert answer.status_code == 200 and answer.text.startswith("<!doctype html>")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and policy.endswith("sandbox")
        assert "script" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert (await client.get("api/reports/bare/page")).status_code == 409
        assert (await client.get("api/reports/..%2ffirst/page")).status_code in (404, 422)


@pytest.mark.takes(10)
async def test_a_report_is_made_on_demand_while_the_server_answers(running: Running, tmp_path: Path) -> None:
    """The fill is never settled, so nothing is closed: the report says so. What recorded no fill fails by name."""
    with ArchiveWriter(tmp_path / "runs" / "real" / "archive") as writer:
        writer.append_message(message(fill(1), 0))
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
        asked_for = await client.post("api/reports/real")
        assert asked_for.status_code == 202 and asked_for.json()["making"] in ("making", "waiting")
        again = await client.post("api/reports/real")  # is the same one
        assert again.status_code == 202
        async with asyncio.timeout(120):
            while (told := (await client.get("api/reports/real")).json())["state"]["making"]:
                assert (await client.get("api/run")).status_code == 200
                await asyncio.sleep(0.1)
        assert told["state"]["failed"] == ""
        assert told["report"]["instances"] == [] and told["report"]["open"] == 1
        assert (await client.get(told["state"]["page"])).status_code == 200
        assert (await client.post("api/reports/nope")).status_code == 404


def run_folder(data: Path, name: str) -> Path:
    folder = data / "runs" / name
    with ArchiveWriter(folder / "archive") as writer:
        writer.append_message(message(fill(1), 0))
    return folder


def test_what_takes_too_long_is_given_up_and_too_many_are_refused(tmp_path: Path) -> None:
    maker = ReportMaker(tmp_path, limit_s=0.01)
    folder = run_folder(tmp_path, "slow")
    maker.ask(folder)
    eventually(lambda: not maker.stage(folder), 60, "the end of the making")
    assert "given up" in maker.failed(folder)
    maker = ReportMaker(tmp_path)
    folders = [run_folder(tmp_path, f"r{number}") for number in range(10)]
    for each in folders[:9]:
        maker.ask(each)
    assert [maker.stage(each) for each in folders[:3]] == ["making", "waiting", "waiting"]
    with pytest.raises(Failure, match="wait to be made"):
        maker.ask(folders[9])
    maker.close()
    eventually(lambda: not maker.stage(folders[0]), 60, "the end of the making")
    assert not any(maker.stage(each) for each in folders)


def test_a_run_that_cannot_be_reported_on_says_why(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "damaged")
    (folder / "plan.json").write_text("{")
    maker = ReportMaker(tmp_path)
    maker.ask(folder)
    eventually(lambda: not maker.stage(folder), 60, "the end of the making")
    assert "plan.json" in maker.failed(folder)


@pytest.mark.parametrize("length", [5, 100, 101, 999])
def test_a_thinned_curve_keeps_its_end_and_its_depth(length: int) -> None:
    curve = [
        CurvePoint(time_s=at, net_usd=0.0, drawdown_usd=-1.0 if at == length // 3 else 0.0) for at in range(length)
    ]
    thin = thinned(curve, 100)
    assert len(thin) <= 100
    assert thin[-1] == curve[-1]
    assert min(each.drawdown_usd for each in thin) == -1.0
    assert [each.time_s for each in thin] == sorted(each.time_s for each in thin)


async def test_a_report_that_is_older_than_what_the_run_did_says_so(running: Running, tmp_path: Path) -> None:
    assert not (await asked(running, "api/reports/first"))["state"]["older"]
    booked = tmp_path / "runs" / "first" / "archive" / "topic=ledger" / "hour=1" / "part.parquet"
    booked.parent.mkdir(parents=True)
    booked.touch()
    made = (tmp_path / "runs" / "first" / "report" / "report.json").stat().st_mtime
    os.utime(booked, (made + 5, made + 5))
    rows = {each["name"]: each for each in (await asked(running, "api/reports"))["reports"]}
    assert rows["first"]["older"] and not rows["second"]["older"]
