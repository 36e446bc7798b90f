"""The control room as an operator uses it: the real system on the simulated exchange, in a real browser."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.browser.conftest import System, fresh_page
from tests.waiting import eventually

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
PAGES = {
    "/": "What holds trading back now",
    "/strategies": "Instances",
    "/strategies/updown_fair_value": "Instance updown_fair_value",
    "/markets/now-BTC-15m": "Fair value and mid of Up",
    "/decisions": "Decisions",
    "/funnel": "Why it did, or did not, trade in the last 10 minutes",
    "/positions": "Positions",
    "/portfolio": "Equity",
    "/risk": "Caps and their use",
    "/gates": "Release gates",
    "/validation": "Where each instance stands",
    "/reports": "Runs",
    "/quality": "Findings by feed and reason",
    "/conservation": "Evaluations = passed + waiting + refused",
    "/runs": "Runs and replays",
    "/settings": "Settings in force",
    "/docs": "Profit System API",
}


def opened(page: Any, path: str) -> Any:
    page.goto(path.removeprefix("/"))
    page.wait_for_selector(f'section[aria-label="{PAGES.get(path, "")}"]' if path in PAGES else "main section")
    return page


def becomes(page: Any, expression: str, timeout_s: float = 120.0) -> None:
    """Asked from outside: the page's own policy forbids it to evaluate text."""
    eventually(lambda: page.evaluate(expression), timeout_s, expression)


def pages_can_be_used_by_all(page: Any, system: System) -> None:
    """Every page at both widths, in both themes: it fits, and axe finds nothing serious."""
    for path in PAGES:
        for width, theme in ((1280, "dark"), (390, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            opened(page, path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            page.evaluate(AXE)
            found = page.evaluate("axe.run({resultTypes: ['violations']})")
            serious = [
                (each["id"], each["nodes"][0]["html"][:200], each["nodes"][0]["failureSummary"][:300])
                for each in found["violations"]
                if each["impact"] in ("serious", "critical")
            ]
            assert serious == [], (path, width, serious)


def the_banner_says_what_feeds_these_are_and_whether_it_trades(page: Any, system: System) -> None:
    opened(page, "/")
    page.get_by_text("SIMULATED").wait_for()
    page.get_by_text("trading on").wait_for()


def why_it_does_not_trade_is_two_clicks_from_the_overview(page: Any, system: System) -> None:
    opened(page, "/")
    refusal = page.locator("ul.holds a[href^='/decisions/']").first
    refusal.wait_for()
    refusal.click()
    page.wait_for_selector("ol.trace li.block")
    assert page.locator("p.summary").inner_text().startswith(("Refused to buy", "Kept"))


def a_refusal_is_followed_to_its_raw_frame_by_keyboard(page: Any, system: System) -> None:
    opened(page, "/decisions")
    page.get_by_label("Show refused entries").check()
    page.locator("tr[data-row] b", has_text="refuse").first.wait_for()
    assert "refusals=1" in page.url
    page.locator("main").focus()
    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.dataset.row")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.dataset.row") != first
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_selector("ol.trace")
    frame = page.locator("pre.frame").first
    frame.wait_for()
    assert frame.inner_text().startswith(("{", "["))
    page.keyboard.press("Escape")
    page.wait_for_url("**/decisions?refusals=1")


def the_first_decision_is_within_six_tabs_and_focus_survives(page: Any, system: System) -> None:
    opened(page, "/")
    page.wait_for_selector("main table [data-row]")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('tr[data-row]')"):
            break
    row = page.evaluate("document.activeElement.dataset.row")
    assert row
    before = page.evaluate("performance.now()")
    becomes(page, f"performance.now() > {before} + 5000")  # many redraws
    listed = "[...document.querySelectorAll('[data-row]')].some(each => each.dataset.row === " + json.dumps(row) + ")"
    assert page.evaluate("document.activeElement.dataset.row") == row or not page.evaluate(listed)


def a_fault_is_reported_on_quality_on_the_strategy_and_on_the_decision_it_blocked(page: Any, system: System) -> None:
    def blocked() -> bool:
        found = system.get("api/decisions?refusals=true&action=refuse&limit=200&reason=book_invalid")["decisions"]
        return any("crossed_book" in str(each["spans"]) for each in found)

    eventually(blocked, 240, "a position whose book is crossed")
    opened(page, "/quality")
    page.locator("td code", has_text="crossed_book").first.wait_for()
    opened(page, "/strategies/updown_fair_value")
    page.locator("td code", has_text="crossed_book").first.wait_for()
    opened(page, "/decisions?reason=book_invalid")
    page.locator("tr[data-row]").first.click()
    page.wait_for_selector("ol.trace li.block")
    assert "book_invalid" in page.locator("ol.trace li.block").first.inner_text()


def counters_equal_the_audit(page: Any, system: System) -> None:
    evaluated = sum(each["state"] != "off" for each in system.get("api/strategies")["strategies"])
    assert evaluated > 1

    def agree() -> bool:
        found = system.get("api/conservation")["equations"]
        return len(found) == evaluated and all(each["holds"] and each["counters_agree"] for each in found)

    eventually(agree, 120, "counters that the audit agrees with")
    for each in system.get("api/conservation")["equations"]:
        assert each["evaluations"] == each["passed"] + each["held"] + each["blocked"]
        assert each["scanned"] is None or each["not_sent"] >= 0
    opened(page, "/conservation")
    page.get_by_text("updown_fair_value").first.wait_for()
    assert "NO" not in page.locator("main table").inner_text()


def today_and_seven_days_say_of_which_runs_they_are(page: Any, system: System) -> None:
    opened(page, "/strategies")
    page.get_by_text("today and 7 days: of 1 run on the simulated exchange").wait_for()
    page.get_by_text("Which runs today and 7 days are of").click()
    row = page.locator("tr", has_text="(this one)")
    row.wait_for()
    earned = system.get("api/earnings")
    (run,) = earned["runs"]
    assert (run["name"], run["current"]) == ("room", True) and earned["left_out"] == {}
    assert sum(each["week_usd"] for each in earned["instances"]) == pytest.approx(run["week_usd"], abs=1e-5)


def the_catalogue_is_what_reports(page: Any, system: System) -> None:
    modules = system.get("api/modules")["modules"]
    assert [each["module"] for each in modules if each["status"] == "missing"] == []


def every_row_of_the_portfolio_is_in_its_csv(page: Any, system: System) -> None:
    opened(page, "/portfolio?kind=fill")
    button = page.get_by_role("button", name="CSV")
    button.wait_for()
    page.wait_for_selector("td .cell:text-is('fill')")
    with page.expect_download() as download:
        button.click()
    lines = Path(download.value.path()).read_bytes().decode().split("\r\n")
    assert lines[0].startswith("time,kind,market")
    assert len(lines) > 1
    assert all('"fill"' in line for line in lines[1:])


def no_secret_is_in_any_answer(page: Any, system: System) -> None:
    import httpx

    document = system.get("openapi.json")
    for path, verbs in document["paths"].items():
        if "get" in verbs and "{" not in path and path != "/stream":
            assert system.token not in httpx.get(system.url + path.removeprefix("/"), timeout=60).text


def an_event_is_on_the_page_within_a_second_or_so(page: Any, system: System) -> None:
    """From the record's coming at the API to the row on the page; the figures are printed (pytest -s)."""
    page.goto("decisions?refusals=1")
    page.wait_for_selector("tr[data-row]")
    page.evaluate(
        """() => {
          window.came = new Map(); window.took = [];
          const source = new EventSource('/stream?topics=decisions');
          source.addEventListener('decision', (event) => came.set(JSON.parse(event.data).id, performance.now()));
          new MutationObserver(() => {
            const row = document.querySelector('tr[data-row]');
            const at = row && came.get(row.dataset.newest);
            if (at) { took.push(performance.now() - at); came.delete(row.dataset.newest); }
          }).observe(document.querySelector('main'), {childList: true, subtree: true, attributes: true});
        }"""
    )
    becomes(page, "took.length >= 15")
    took = sorted(page.evaluate("took"))
    print(f"event to pixel: p50 {took[len(took) // 2]:.0f} ms, p99 {took[-1]:.0f} ms of {len(took)}")
    assert took[len(took) // 2] < 3_000


# --- what follows changes the run, and puts it right again


def a_flow_that_stops_turns_its_rooms_red_and_comes_back(page: Any, system: System) -> None:
    opened(page, "/")
    room = page.locator("article[data-module='integrity.polymarket']")
    page.wait_for_selector("article.room.online[data-module='integrity.polymarket']")
    flow = system.process("market")
    flow.send_signal(signal.SIGSTOP)
    page.wait_for_selector("article.room.offline[data-module='integrity.polymarket']")
    page.locator("ul.holds", has_text="has not reported").wait_for()
    flow.kill()
    page.wait_for_selector("article.room.online[data-module='integrity.polymarket']", timeout=120_000)
    assert room.count() == 1


def a_lost_connection_is_said_and_the_hole_is_filled(page: Any, system: System) -> None:
    opened(page, "/decisions?refusals=1")
    page.wait_for_selector("tr[data-row]")
    page.context.set_offline(True)
    system.process("serve").kill()
    page.get_by_text("connection lost").wait_for()
    page.context.set_offline(False)
    becomes(page, "!document.body.innerText.includes('connection lost')")

    def shown() -> bool:
        newest = system.get("api/decisions?refusals=true&limit=30")["decisions"]
        rows = page.evaluate("[...document.querySelectorAll('tr[data-row]')].map((row) => row.dataset.row)")
        return any(each["id"] in rows[:5] for each in newest[:5])

    eventually(shown, 120, "the newest decision on the page")


def sign_in(page: Any, system: System) -> None:
    page.get_by_label("Operator token").fill(system.token)
    page.get_by_role("button", name="Sign in").click()


def pause_is_acknowledged_by_the_flow(page: Any, system: System) -> None:
    opened(page, "/")
    page.get_by_role("button", name="Pause").click()
    sign_in(page, system)
    page.get_by_text("entries are paused; exits and settlement go on.").first.wait_for()
    page.get_by_text("trading paused").wait_for()
    page.locator("ul.holds", has_text="Trading is paused").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("trading on").wait_for()


def a_step_up_is_refused_with_what_is_missing_and_when_it_could_be_met(page: Any, system: System) -> None:
    opened(page, "/gates")
    row = page.locator("tr", has_text="hours at this gate").first
    row.wait_for()
    assert "in about" in row.inner_text()
    page.get_by_role("button", name="Go up to PAPER_CANARY").click()
    sign_in(page, system)
    said = page.locator("p.said", has_text="PAPER_CANARY needs more: hours at this gate").first
    said.wait_for()
    assert "needs 1: about" in said.inner_text()
    assert system.get("api/gates")["gate"] == "DEV"


def arming_is_refused_with_the_reason(page: Any, system: System) -> None:
    opened(page, "/gates")
    page.get_by_role("button", name="Ask to arm").click()
    sign_in(page, system)
    page.get_by_text("arming begins at LIVE_DRY_RUN, and the gate is DEV.").first.wait_for()
    assert page.get_by_role("button", name="Confirm and arm").is_disabled()
    page.get_by_label("Phrase").fill("arm-0000-0000")
    page.get_by_role("button", name="Confirm and arm").click()
    page.get_by_text("nothing waits to be confirmed: ask to arm again.").first.wait_for()
    assert system.get("api/gates")["gate"] == "DEV"


def a_breaker_is_seen_on_the_overview_and_released_on_risk(page: Any, system: System) -> None:
    """It comes down by itself at a new peak, and trips again at the next cent: so it is waited for."""
    opened(page, "/")
    page.locator("ul.holds a[href='/risk']", has_text="drawdown:portfolio:main reduces sizes").wait_for()
    opened(page, "/risk")
    page.locator("table", has=page.locator("caption", has_text="breakers")).get_by_text("reduced").first.wait_for()
    page.get_by_role("button", name="Release drawdown:portfolio:main").click()
    page.get_by_role("button", name="Release drawdown:portfolio:main").click()
    sign_in(page, system)

    def released() -> bool:
        told = system.get("api/answers")["answers"]
        if any(each["what"] == "release" and each["verdict"] == "pass" for each in told):
            return True
        button = page.get_by_role("button", name="Release drawdown:portfolio:main")
        if button.count() and "waiting" not in page.locator("main p.said").inner_text():
            button.click()
        return False

    eventually(released, 60, "the breaker's release")
    page.get_by_text("the breaker drawdown:portfolio:main is released, its measure begins anew.").first.wait_for()

    def told() -> bool:
        events = system.get("api/risk/events?limit=100")["events"]
        return any(each["subject"] == "drawdown" and each["numbers"].get("by") for each in events)

    eventually(told, 60, "the release among the changes of risk")


def an_instance_is_switched_off_and_its_decisions_say_so(page: Any, system: System) -> None:
    opened(page, "/strategies/updown_fair_value")
    page.get_by_role("button", name="Switch entries off").click()
    sign_in(page, system)
    page.get_by_role("button", name="Switch entries on").wait_for()
    page.get_by_text("off, by ").first.wait_for()
    refused = "api/decisions?refusals=true&action=refuse&limit=50&reason=disabled"
    eventually(lambda: system.get(refused)["decisions"], 120, "an entry that the switch refuses")
    page.locator("td code", has_text="disabled").first.wait_for()
    page.get_by_role("button", name="Switch entries on").click()
    page.get_by_role("button", name="Switch entries off").wait_for()
    page.get_by_label("Size, %").fill("80")
    page.get_by_role("button", name="Set size").click()
    page.get_by_text("updown_fair_value is on at 80% of its size now").first.wait_for()
    eventually(lambda: system.get("api/strategies/updown_fair_value")["sizing"]["operator"] == 0.8, 60, "the size")
    page.get_by_label("Size, %").fill("100")
    page.get_by_role("button", name="Set size").click()
    page.get_by_text("updown_fair_value is on at 100% of its size now").first.wait_for()


#: The browser's own class, which also remembers what it was made for.
REMEMBER = """
  window.raised = [];
  window.Notification = class extends Notification {
    constructor(title, options) { super(title, options); window.raised.push(`${title}: ${options.body}`); }
  };
"""


def a_kill_raises_a_notification_for_who_asked_for_them(page: Any, system: System) -> None:
    page.context.grant_permissions(["notifications"])
    page.add_init_script(REMEMBER)
    opened(page, "/")
    page.get_by_role("button", name="Notify me").click()
    page.get_by_role("button", name="Notifications on").wait_for()
    try:
        assert system.control(do="kill")["verdict"] == "pass"
        eventually(lambda: page.evaluate("window.raised.some((text) => /kill/i.test(text))"), 60, "a notification")
    finally:
        system.control(do="release", what="kill")
        system.control(do="resume")
    raised = page.evaluate("window.raised")
    assert len([text for text in raised if re.search("kill", text, re.IGNORECASE)]) == 1, raised
    page.get_by_role("button", name="Notifications on").click()
    page.get_by_role("button", name="Notify me").wait_for()
    before = len(raised)
    system.control(do="pause")
    page.get_by_text("trading paused").wait_for()
    page.wait_for_timeout(2_000)
    assert page.evaluate("window.raised.length") == before
    system.control(do="resume")
    page.get_by_text("trading on").wait_for()


def a_long_table_is_drawn_in_parts(page: Any, system: System) -> None:
    opened(page, "/portfolio")
    moves = page.locator("section", has=page.locator("caption", has_text="moves"))
    more = moves.get_by_role("button", name=re.compile(r"more of \d+ rows"))
    more.wait_for()
    rows = moves.locator("tbody tr")
    assert rows.count() == 50
    more.click()
    eventually(lambda: rows.count() > 50, 60, "more rows")


def kill_takes_a_held_button_and_stands_over_a_restart(page: Any, system: System) -> None:
    system.control(do="close", market="btc-updown-5m-1")  # a long answer beside the buttons takes nothing of them
    opened(page, "/")
    page.locator("p.said", has_text="there is no market").first.wait_for()
    kill = page.get_by_role("button", name="Hold to kill")
    assert page.evaluate("(each => each.scrollWidth <= each.clientWidth)(document.querySelector('button.kill'))")
    kill.click()  # not held: nothing happens
    page.wait_for_timeout(300)
    assert system.get("api/run")["trading"] == "on"
    box = kill.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.wait_for_selector("dialog[open], .trading.killed")
    page.mouse.up()
    if page.locator("dialog[open]").count():
        sign_in(page, system)
    page.get_by_text("trading killed").wait_for()
    killed = next(each for each in system.get("api/answers")["answers"] if each["what"] == "kill")
    _no_order_since(system, killed["time"], 3.0)
    flow = system.process("trading")
    flow.kill()
    eventually(lambda: _other(system, flow.pid), 120, "the trading flow again")
    beat = _beat(system)
    eventually(lambda: _beat(system) > beat, 180, "a beat of the flow that came again")
    assert system.get("api/run")["trading"] == "killed"
    _no_order_since(system, killed["time"], 3.0)
    assert (system.data / "operator.kill").is_file()
    page.get_by_role("button", name="Release kill").click()
    page.get_by_text("trading paused").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("trading on").wait_for()
    assert not (system.data / "operator.kill").exists()


def _beat(system: System) -> str:
    """Event time of the trading flow's newest telemetry."""
    modules = system.get("api/modules")["modules"]
    return str(next(each["time"] for each in modules if each["module"] == "portfolio"))


def _other(system: System, pid: int) -> bool:
    try:
        return system.process("trading").pid != pid
    except (AssertionError, psutil.Error):
        return False


def _no_order_since(system: System, since: str, for_s: float) -> None:
    """While the strategies go on being asked, no order is sent."""
    began = time.monotonic()
    newest = system.get("api/scans")["scans"][-1]["time"]
    while time.monotonic() - began < for_s:
        assert [each for each in system.orders_sent() if each["time"] > since] == []
        time.sleep(0.5)
    eventually(lambda: max(each["time"] for each in system.get("api/scans")["scans"]) > newest, 120, "evaluations")


#: In this order: the last ones change the run, and put it right again.
SCENARIOS: tuple[Callable[[Any, System], None], ...] = (
    pages_can_be_used_by_all,
    the_banner_says_what_feeds_these_are_and_whether_it_trades,
    why_it_does_not_trade_is_two_clicks_from_the_overview,
    a_refusal_is_followed_to_its_raw_frame_by_keyboard,
    the_first_decision_is_within_six_tabs_and_focus_survives,
    a_fault_is_reported_on_quality_on_the_strategy_and_on_the_decision_it_blocked,
    counters_equal_the_audit,
    today_and_seven_days_say_of_which_runs_they_are,
    the_catalogue_is_what_reports,
    every_row_of_the_portfolio_is_in_its_csv,
    no_secret_is_in_any_answer,
    an_event_is_on_the_page_within_a_second_or_so,
    a_flow_that_stops_turns_its_rooms_red_and_comes_back,
    a_lost_connection_is_said_and_the_hole_is_filled,
    a_long_table_is_drawn_in_parts,
    a_step_up_is_refused_with_what_is_missing_and_when_it_could_be_met,
    arming_is_refused_with_the_reason,
    a_breaker_is_seen_on_the_overview_and_released_on_risk,
    an_instance_is_switched_off_and_its_decisions_say_so,
    pause_is_acknowledged_by_the_flow,
    a_kill_raises_a_notification_for_who_asked_for_them,
    kill_takes_a_held_button_and_stands_over_a_restart,
)


def test_the_control_room(system: System, browser: Any, subtests: pytest.Subtests) -> None:
    """One test, for all of it happens on one run: among several workers each would start its own."""
    for scenario in SCENARIOS:
        with subtests.test(scenario.__name__), fresh_page(browser, system) as page:
            scenario(page, system)
