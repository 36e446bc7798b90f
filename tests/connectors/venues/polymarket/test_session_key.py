"""A session key that signs for a deposit wallet, as the official client does it.

Which wallet a key is for, the client asks at the chain when it signs in: that is left out here, and what follows is the
client's own way from there.
"""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import Any

import pytest

from connectors.venues.polymarket.exchange import LiveOrder, OrderRefused
from models.contracts import VenueCommand
from tests.connectors.venues.polymarket.conftest import HAS_OFFICIAL
from tests.connectors.venues.polymarket.standin import (
    API_KEY,
    CONDITION,
    PASSPHRASE,
    PRIVATE_KEY,
    SECRET,
    UP,
    ClobStandIn,
)

WALLET = "0x" + "c0ffee" * 6 + "abcd"
pytestmark = pytest.mark.skipif(not HAS_OFFICIAL, reason="the official client is not installed: pip install -e .[live]")


def order() -> LiveOrder:
    command = VenueCommand(
        "v1", 1, 1_796_000_000_123_456_789, "send", "LIVE_ARMED", "main-7", CONDITION, UP, "buy", "FAK", 5_200, 10**7
    )
    return LiveOrder.of(command, "evening")


def signed_in(standin: ClobStandIn, private_key: str) -> Any:
    """An exchange whose client signs with a session key for ``WALLET``."""
    from connectors.venues.polymarket.official import OfficialExchange

    polymarket: Any = import_module("polymarket")
    environments: Any = import_module("polymarket.environments")
    account: Any = import_module("eth_account").Account
    production = environments.PRODUCTION._config
    config = dataclasses.replace(production, clob_url=standin.url, clob_user_ws_url=standin.user_ws)
    client = polymarket.AsyncSecureClient._construct_for_wallet(
        signer=account.from_key(private_key),
        wallet=WALLET,
        wallet_type="DEPOSIT_WALLET",
        signer_type="SESSION_KEY",
        environment=environments._create_environment(name="test", config=config),
        config=config,
        credentials=polymarket.ApiKeyCreds(apiKey=API_KEY, secret=SECRET, passphrase=PASSPHRASE),
        api_key=None,
        logger=None,
        on_rate_limit_update=None,
    )
    return OfficialExchange(client, standin.url, "profit-test")


async def test_the_session_key_signs_for_the_wallet_and_the_order_has_the_id_that_we_say(standin: ClobStandIn) -> None:
    exchange = signed_in(standin, PRIVATE_KEY)
    try:
        built = await exchange.build(order())
        taken = await exchange.post(built)
    finally:
        await exchange.close()
    (said,) = standin.posts
    assert int(said["order"]["signatureType"]) == 3
    assert said["order"]["maker"].lower() == WALLET
    assert standin.refused == []
    assert taken.venue_id == built.venue_id == next(iter(standin.orders))


async def test_the_signature_of_another_key_is_refused(standin: ClobStandIn) -> None:
    """So the stand-in looks at all: that key signs its requests as it should, and the order as who it is not."""
    exchange = signed_in(standin, "0x" + "22" * 32)
    standin._is_signed = lambda *_: True  # type: ignore[method-assign]
    try:
        with pytest.raises(OrderRefused):
            await exchange.post(await exchange.build(order()))
    finally:
        await exchange.close()
    assert standin.refused == ["POST /order: signature"]
    assert standin.posts == []
