"""The live venue's check of itself: each thing that must hold, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.venues.polymarket.exchange import LiveExchange
from connectors.venues.polymarket.preflight import preflight
from models.settings import Settings
from tests.connectors.venues.polymarket.standin import ClobStandIn

Spoil = Callable[[ClobStandIn], None]


def settings(standin: ClobStandIn, key: str = "ab" * 32) -> Settings:
    return Settings.model_validate(
        {
            "operator": {"public_key": key},
            "feeds": {"geoblock": f"{standin.url}/api/geoblock"},
            "live": {"cap_order": 10},
        }
    )


async def test_it_passes_where_all_is_well(standin: ClobStandIn, exchange: LiveExchange) -> None:
    found = await preflight(exchange, settings(standin))
    assert found.passed, found.checks
    assert set(found.checks) == {"clock", "place", "account", "money", "operator"}


def poor(standin: ClobStandIn) -> None:
    standin.balance = 9_000_000


def closing(standin: ClobStandIn) -> None:
    standin.closed_only = True


def late(standin: ClobStandIn) -> None:
    standin.skew_s = 8


@pytest.mark.parametrize("spoil, check", [(poor, "money"), (closing, "account"), (late, "clock")])
async def test_what_is_wrong_is_named(standin: ClobStandIn, exchange: LiveExchange, spoil: Spoil, check: str) -> None:
    spoil(standin)
    found = await preflight(exchange, settings(standin))
    assert not found.passed
    assert [name for name, text in found.checks.items() if text.startswith("failed: ")] == [check]


async def test_an_exchange_that_does_not_answer_and_an_unknown_operator_fail(
    standin: ClobStandIn, exchange: LiveExchange
) -> None:
    standin.is_down = True
    found = await preflight(exchange, settings(standin, key=""))
    failed = [name for name, text in found.checks.items() if text.startswith("failed: ")]
    assert failed == ["clock", "place", "account", "money", "operator"]
