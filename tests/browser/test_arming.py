"""Arming for real orders on the page, with the typed phrase, and disarming.

The simulated exchange stands in the place of the live feeds, and the stand-in of the CLOB in the place of the account.
Both speak on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.browser.conftest import System, end_group, fresh_page
from tests.conftest import ROOT
from tests.connectors.venues.polymarket.standin import API_KEY, PASSPHRASE, PRIVATE_KEY, SECRET, ClobStandIn
from tests.eager import EAGER
from tests.waiting import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        importlib.util.find_spec("polymarket") is None,
        reason="the official client is not installed: pip install -e .[live]",
    ),
]

#: The bars of the gates, as low as they go: a settled round and a cent of profit are still asked for at each.
LOW = {
    "PROFIT_RELEASE_CANARY_H": "0", "PROFIT_RELEASE_FULL_H": "0", "PROFIT_RELEASE_FULL_ROUNDS": "1",
    "PROFIT_RELEASE_DRY_H": "0", "PROFIT_RELEASE_DRY_ROUNDS": "1", "PROFIT_RELEASE_ARMED_H": "0",
    "PROFIT_RELEASE_ARMED_ORDERS": "1",
}  # fmt: skip
FEEDS = ("polymarket_ws", "clob_rest", "gamma_rest", "coinbase_ws")


class Account(ClobStandIn):
    """The stand-in, which knows the markets of the simulated exchange whose CLOB is at ``rest``."""

    def __init__(self, rest: str) -> None:
        super().__init__()
        self._rest = rest

    def _public(self, path: str) -> Any:
        kind, _, name = path.lstrip("/").partition("/")
        if kind == "markets-by-token":
            return {"condition_id": httpx.get(f"{self._rest}/book", params={"token_id": name}).json()["market"]}
        if kind == "clob-markets":
            tokens = httpx.get(f"{self._rest}/markets/{name}").json()["tokens"]
            # Near the ends of a window the simulated exchange has the finer tick.
            named = [{"t": each["token_id"], "o": each["outcome"]} for each in tokens]
            return super()._public(path) | {"t": named, "mts": 0.001}
        return super()._public(path)


@dataclass
class Desk:
    system: System
    account: Account


@contextlib.contextmanager
def served(account: Account) -> Iterator[None]:
    """The stand-in in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(account.start(), loop).result(30)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(account.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


@contextlib.contextmanager
def process(*words: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", *words],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield made
    finally:
        end_group(made)


@pytest.fixture(scope="module")
def desk(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    data = tmp_path_factory.mktemp("armed")
    ports, address = data / "exchange.json", data / "runs" / "armed" / "api.json"
    given = EAGER | {"PROFIT_DATA_DIR": str(data)}
    with contextlib.ExitStack() as stack:
        stack.enter_context(process("simulate", "--port-file", str(ports), **given))
        eventually(ports.is_file, 60, "the simulated exchange")
        places = json.loads(ports.read_text())
        account = Account(places["clob_rest"])
        stack.enter_context(served(account))
        live = {
            "PRIVATE_KEY": PRIVATE_KEY, "WALLET": account.address, "API_KEY": API_KEY, "API_SECRET": SECRET,
            "API_PASSPHRASE": PASSPHRASE, "ALLOW": "yes", "CLOB": account.url, "USER_WS": account.user_ws,
        }  # fmt: skip
        given |= LOW | {f"PROFIT_LIVE_ACCOUNT_{key}": value for key, value in live.items()}
        given |= {f"PROFIT_FEEDS_{each.upper()}": places[each] for each in FEEDS}
        given |= {"PROFIT_LIVE_ENABLED": "true", "PROFIT_FEEDS_GEOBLOCK": f"{account.url}/api/geoblock"}
        up = stack.enter_context(process("up", "--feeds", "live", "--run", "armed", **given))
        eventually(lambda: address.is_file() or up.poll() is not None, 120, "the address")
        yield Desk(System(json.loads(address.read_text())["url"], data, up.pid), account)


def climb(system: System, gate: str) -> None:
    """Ask until the criteria are met: what is earned at a gate is up to the exchange's chance."""

    def there() -> bool:
        with contextlib.suppress(httpx.HTTPError, ValueError):
            if system.get("api/gates")["gate"] != gate:
                system.control(do="gate", subject=gate)
            return bool(system.get("api/gates")["gate"] == gate)
        return False

    eventually(there, 900, gate)


def unmet(system: System) -> list[str]:
    following = next(each for each in system.get("api/gates")["gates"] if each["state"] == "next")
    return [each["text"] for each in following["criteria"] if not each["met"]]


def test_arming_takes_the_typed_phrase_and_is_ended_by_disarm(desk: Desk, browser: Any) -> None:
    system, account = desk.system, desk.account
    for gate in ("PAPER_CANARY", "PAPER_FULL", "LIVE_DRY_RUN"):
        climb(system, gate)
    eventually(lambda: not unmet(system), 300, "an order of the dry run, and none refused")
    assert account.posts == [] and account.heartbeats == 0, "nothing goes out before it is armed"
    with fresh_page(browser, system) as page:
        page.goto("gates")
        page.get_by_text("everything is met").wait_for()
        ask, confirm = page.get_by_role("button", name="Ask to arm"), page.get_by_role("button", name="Confirm and arm")
        said = page.locator("main p.said")
        ask.click()
        page.get_by_label("Operator token").fill(system.token)
        page.get_by_role("button", name="Sign in").click()
        said.get_by_text(re.compile("arm-")).wait_for()
        assert confirm.is_disabled(), "the phrase is typed"
        page.get_by_label("Phrase").fill("arm-0000-0000")
        confirm.click()  # one try a phrase
        said.get_by_text(re.compile("phrase")).wait_for()
        assert system.get("api/gates")["gate"] == "LIVE_DRY_RUN"
        ask.click()
        eventually(lambda: re.search(r"arm-[0-9a-f]{4}-[0-9a-f]{4}", said.inner_text()), 60, "a new phrase")
        found = re.search(r"arm-[0-9a-f]{4}-[0-9a-f]{4}", said.inner_text())
        assert found is not None
        cancelled = account.cancel_alls
        page.get_by_label("Phrase").fill(found.group())
        confirm.click()
        page.get_by_text("gate LIVE_ARMED").wait_for()
        page.get_by_text("Real orders go out.").first.wait_for()
        page.locator("ol.gates li[aria-current='step']", has_text="LIVE_ARMED").wait_for()
        assert system.get("api/gates")["armed_until"]
        eventually(lambda: account.heartbeats > 0, 60, "the exchange's dead-man switch is kept from firing")
        page.get_by_role("button", name="Disarm").click()
        page.get_by_text("gate LIVE_DRY_RUN").wait_for()
        page.get_by_role("button", name="Ask to arm").wait_for()
        eventually(lambda: account.cancel_alls > cancelled, 60, "what works at the exchange is cancelled")
        history = page.locator("section[aria-label='History'] tbody")
        history.locator("tr", has_text="LIVE_ARMED").nth(1).wait_for()
    assert account.refused == [], "every request was signed as the exchange asks"
