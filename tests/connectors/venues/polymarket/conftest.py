"""The live venue on a stand-in of the exchange, by a plain client, and by the official one where it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.venues.polymarket.exchange import LiveExchange
from models.settings import LiveAccount
from tests.connectors.venues.polymarket.plain import PlainExchange
from tests.connectors.venues.polymarket.rig import Rig
from tests.connectors.venues.polymarket.standin import API_KEY, PASSPHRASE, PRIVATE_KEY, SECRET, ClobStandIn

HAS_OFFICIAL = importlib.util.find_spec("polymarket") is not None


def account_of(standin: ClobStandIn) -> LiveAccount:
    return LiveAccount.model_validate(
        {
            "private_key": PRIVATE_KEY, "wallet": standin.address, "api_key": API_KEY, "api_secret": SECRET,
            "api_passphrase": PASSPHRASE, "allow": "yes", "clob": standin.url, "user_ws": standin.user_ws,
        }
    )  # fmt: skip


@pytest.fixture
async def standin() -> AsyncIterator[ClobStandIn]:
    made = ClobStandIn()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(params=["plain", "official"])
async def exchange(request: pytest.FixtureRequest, standin: ClobStandIn) -> AsyncIterator[LiveExchange]:
    made: LiveExchange
    if request.param == "plain":
        made = PlainExchange(standin)
    elif HAS_OFFICIAL:
        from connectors.venues.polymarket.official import open_official

        made = await open_official(account_of(standin), "profit-test")
    else:
        pytest.skip("the official client is not installed: pip install -e .[live]")
    yield made
    await made.close()


@pytest.fixture
def rig(standin: ClobStandIn, exchange: LiveExchange, tmp_path: Path) -> Rig:
    return Rig(standin, exchange, tmp_path)
