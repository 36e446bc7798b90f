"""Validation, the paper twin and the report of a finished run: decisions by the promoter itself, from the archive."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from api.runs import RESEARCH
from connectors.archive.writer import ArchiveWriter
from connectors.listening import listen_for_page, url_of
from connectors.registry.trials import Trial, TrialJournal
from flows.research.kept import keep_validation
from models.contracts import Outcome, PromotionDecision
from models.money import DOLLAR, SHARE
from models.promotion.candidate import Bought
from models.promotion.promoter import Promoter
from models.promotion.sections import PromotionSettings
from models.promotion.states import TWIN
from models.promotion.terms import terms_of
from models.record import Record
from tests.api.server.records import T0, fill, message, telemetry
from tests.browser.conftest import System, fresh_page
from tests.conftest import ROOT
from tests.flows.research.examples import example_validation
from tests.waiting import eventually

pytestmark = pytest.mark.browser

HOUR = 3_600 * 10**9
HOURS = 200
BEGUN = T0 - HOURS * HOUR


def decisions() -> list[PromotionDecision]:
    """Of ``parity``, which wins three lots of four for 150 hours, and none after that: it goes up and comes down. Of
    ``lead_lag``, which does nothing: it cannot be judged."""
    promoter = Promoter(terms_of(PromotionSettings()))
    for name in ("parity", "lead_lag"):
        promoter.register(name, name, "shadow", BEGUN, ("BTC",))
    made = []
    for hour in range(HOURS):
        t = BEGUN + hour * HOUR
        candidate = promoter.candidates["parity"]
        holder = "parity" if candidate.state != "shadow" else "parity" + TWIN
        for number in range(4):
            market = f"m{hour}-{number}"
            regime = "calm" if hour % 2 else "wild"
            bought = Bought(t + number, holder, market, "Up", "BTC", 10 * SHARE, 5 * DOLLAR, "book_cross", regime)
            candidate.bought(bought)
            won = hour < 150 and number != hour % 4
            candidate.settled(t + 10 + number, market, 10_000 if won else 0, 0 if won else 10_000)
        for name in ("parity", "lead_lag"):
            look = promoter.look(name, t + HOUR)
            made.append(promoter.decision(name, look, hour, t + HOUR, "1", "c"))
    return made


def traded() -> list[Record]:
    """Ten shares of the instance and forty of its twin that pay a dollar each, for half a dollar."""
    rows: list[Record] = []
    for number, (name, account, size) in enumerate((("parity", "main", 10), ("parity-twin", "parity-twin", 40))):
        changes = {"strategy": name, "account": account, "size": size * SHARE, "gross": size * DOLLAR // 2}
        rows.append(msgspec.structs.replace(fill(number + 1), **changes))
    outcome = {
        "id": "o1", "journal": 9, "timestamp": T0 + 9, "market_key": "m", "payout_up": 10_000, "payout_down": 0,
        "source": "exchange", "pnl": {},
    }  # fmt: skip
    return [*rows, msgspec.convert(outcome, Outcome), telemetry("journal", 0, pass__ok=7)]


@pytest.fixture(scope="module")
def finished(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    data = tmp_path_factory.mktemp("judged")
    with ArchiveWriter(data / "runs" / "judged" / "archive") as writer:
        for number, record in enumerate([*decisions(), *traded()]):
            writer.append_message(message(record, number))
    research = data / RESEARCH
    keep_validation(research, "archive", "d1", "2026-11-30T10:00:00", False, [example_validation()])
    changes = ("parity.min_edge=0.001",)
    TrialJournal(research).add([Trial("parity", changes, "d1", "sweep", "2026-11-30T09:00:00", 5.0)])
    listening = listen_for_page("127.0.0.1", 0)
    url, port = url_of(listening), listening.getsockname()[1]
    listening.close()
    given = {
        "PROFIT_DATA_DIR": str(data), "PROFIT_API_PORT": str(port),
        "PROFIT_INSTANCES": '[{"id": "parity-twin", "strategy": "parity", "state": "twin"}]',
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "serve", "judged"],
        cwd=ROOT,
        env=os.environ | given,
        stdout=subprocess.DEVNULL,
    )
    made = System(url, data, process.pid)
    try:
        eventually(lambda: process.poll() is not None or _shows(made), 60, "the decisions at the server")
        yield made
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def _shows(system: System) -> bool:
    with contextlib.suppress(Exception):
        return bool(system.get("api/promotions")["trials"] and system.get("api/outcomes")["outcomes"])
    return False


def table(page: Any, panel: str) -> Any:
    return page.locator(f"section[aria-label='{panel}'] tbody")


def test_an_instance_is_followed_from_where_it_stands_to_what_it_rests_on(finished: System, browser: Any) -> None:
    steps = [(each.old, each.new) for each in decisions() if each.old != each.new]
    assert steps[:2] == [("shadow", "canary"), ("canary", "active")] and steps[-1][1] in ("reduced", "disabled")
    with fresh_page(browser, finished) as page:
        page.goto("validation")
        standing = table(page, "Where each instance stands")
        row = standing.locator("tr", has_text="lead_lag")
        row.get_by_text("insufficient data").first.wait_for()
        assert row.locator(".good, .bad").count() == 0
        history = table(page, "Decisions")
        eventually(lambda: history.locator("tr").count() == len(steps), 30, "the steps")
        page.get_by_label("Those that changed nothing, too").check()
        eventually(lambda: history.locator("tr").count() >= 50, 30, "those that changed nothing")
        assert "holds=1" in page.url

        standing.locator("tr[data-row='parity']").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/validation/parity*")
        table(page, "Criteria").get_by_text("evidence of a gain").first.wait_for()
        page.goto("validation/parity")
        fall = table(page, "Decisions").locator("tr", has_text="active → reduced").first
        fall.focus()
        page.keyboard.press("Enter")
        rests = page.locator("section[aria-label^='What decision']")
        rests.get_by_text("losing run").first.wait_for()
        assert "decision=" in page.url
        assert rests.get_by_text("left it").count() >= 1 or "it loses" in rests.inner_text()


def test_a_walk_is_told_window_by_window_and_every_trial_counts(finished: System, browser: Any) -> None:
    with fresh_page(browser, finished) as page:
        page.goto("validation")
        verdict = table(page, "Walk forward").locator("tr", has_text="parity")
        verdict.get_by_text("insufficient data").first.wait_for()
        assert verdict.locator(".mark.good").count() == 0
        windows = page.locator("section[aria-label='Windows of parity'] > .scroll tbody tr")
        eventually(lambda: windows.count() == 2, 30, "both windows")
        assert "parity.min_edge=0.001" in windows.first.inner_text()
        chart = page.locator("section[aria-label='Windows of parity'] figure.chart")
        chart.locator("canvas").wait_for()
        chart.locator("summary").click()
        told = [each.inner_text() for each in chart.locator("tbody td[data-label='so far, $']").all()]
        assert told == ["0.00", "1.00", "-2.00"]  # two trades made a dollar, and the third lost three
        page.locator("section[aria-label='Trial journal'] select").select_option("parity")
        table(page, "Trial journal").get_by_text("sweep").wait_for()
        assert "subject=parity" in page.url


def test_what_is_over_is_said_to_be_over(finished: System, browser: Any) -> None:
    """Nothing of a finished run will be met, waited for or commanded, and nothing is added to a recording's money."""
    with fresh_page(browser, finished) as page:
        page.goto("gates")
        page.get_by_text("nothing will be any more").wait_for()
        assert "in about" not in page.locator("main").inner_text()
        assert page.locator("main button:not(.sort)").count() == 0
        page.goto("")
        page.get_by_text("the run is over").wait_for()
        assert page.locator("ul.holds .act").count() == 0
        page.goto("strategies")
        page.get_by_text("today and 7 days: this run alone").wait_for()
        answered = page.goto("nopage")
        assert answered is not None and answered.status == 404
        page.get_by_text("There is no page at /nopage.").wait_for()
        page.goto("overview")
        page.wait_for_url(finished.url)


def test_an_instance_stands_beside_its_twin(finished: System, browser: Any) -> None:
    with fresh_page(browser, finished) as page:
        for path in ("strategies/parity", "validation/parity"):
            page.goto(path)
            panel = page.locator("section[aria-label='Beside its paper twin']")
            panel.wait_for()
            assert "parity-twin" in panel.inner_text()
        page.goto("strategies/parity")
        shares = table(page, "Beside its paper twin").locator("tr", has_text="Shares bought")
        shares.wait_for()
        assert [each.inner_text() for each in shares.locator("td").all()][1:] == ["10.0", "40.0", "-30.0"]
        page.goto("strategies/parity-twin")
        page.locator("header a[href='/strategies/parity']").wait_for()


def test_a_report_is_made_on_demand_read_and_compared(finished: System, browser: Any) -> None:
    """The other run is its copy, whose first instance has a dollar more."""
    with fresh_page(browser, finished) as page:
        page.goto("reports")
        button = page.locator("section[aria-label='Report of judged'] button:not(.sort)").first
        rows = page.locator("section[aria-label='Report of judged'] tbody tr")

        def made() -> bool:
            if rows.count():
                return True
            if button.count() and button.is_enabled():
                button.click()
            page.wait_for_timeout(2_000)
            return False

        eventually(made, 300, "a report with an instance")
        (first, *_) = finished.get("api/reports/judged")["report"]["instances"]
        assert first["instance"] in rows.first.inner_text()
        page.get_by_label("Groups").select_option("hour")
        assert "by=hour" in page.url
        page.locator("section[aria-label$='by hour'] tbody tr").first.wait_for()
        page.locator("section[aria-label='Trades'] tbody tr").first.wait_for()
        with page.expect_response("**/api/reports/judged/page") as answered:
            page.get_by_role("link", name="The report as a page of its own").click()
        assert answered.value.headers["content-security-policy"].startswith("default-src 'none'")
        page.get_by_role("heading", name="Run judged").wait_for()

        copied = finished.data / "runs" / "copy"
        shutil.copytree(finished.data / "runs" / "judged" / "report", copied / "report")
        (copied / "archive" / "topic=fills").mkdir(parents=True)
        told = json.loads((copied / "report" / "report.json").read_text())
        next(each for each in told["performances"] if each["dimension"] == "instance")["net"] += 1.0
        (copied / "report" / "report.json").write_text(json.dumps(told))
        page.goto("reports")
        page.get_by_label("Choose copy").check()
        figures = page.locator("section[aria-label='Figures that differ']")
        figures.locator("tbody tr", has_text="net").wait_for()
        assert "runs=judged%2Ccopy" in page.url
        assert figures.locator("tbody tr").count() == 1
        assert "$1.00" in figures.inner_text()
