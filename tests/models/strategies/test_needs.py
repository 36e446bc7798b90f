"""Needs are data: every bound is a number or an existing setting, and what contradicts itself is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models.money import SHARE
from models.reasons import Reason
from models.settings import Execution, FairValue, Portfolio, Settings
from models.strategies.needs import BOOK_FAULTS, SPOT_FAULTS, Needs, limits
from models.strategies.registry import STRATEGIES, active, limits_of
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET

PLAIN = Needs(
    strategy="plain",
    feeds=frozenset({FEED_POLYMARKET}),
    books="either",
    book_age_s=1.5,
    max_spread=0.02,
    min_depth=7.0,
    depth_within=0.01,
)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_strategy_declares_needs_that_hold_together(name: str) -> None:
    needs = STRATEGIES[name].needs
    assert needs.strategy == name
    assert limits(needs, Settings()).module == f"data_gate.{name}"


def test_a_number_is_taken_as_it_is_and_a_name_is_read_from_the_settings() -> None:
    plain = limits(PLAIN, Settings())
    assert (plain.book_age, plain.max_spread, plain.min_depth, plain.depth_within) == (
        3 * SECOND // 2,
        200,
        7 * SHARE,
        100,
    )
    named = msgspec.structs.replace(PLAIN, book_age_s="portfolio.stale_s", depth_within="execution.slippage")
    settings = Settings(portfolio=Portfolio(stale_s=2.5), execution=Execution(slippage=0.03))
    assert (limits(named, settings).book_age, limits(named, settings).depth_within) == (5 * SECOND // 2, 300)


def test_the_fair_values_bounds_follow_its_settings() -> None:
    settings = Settings(
        portfolio=Portfolio(stale_s=3, max_spread=0.04), fair_value=FairValue(warm_up_s=12, strike_max_gap_s=60)
    )
    fair = limits_of(settings)["updown_fair_value"]
    assert (fair.book_age, fair.spot_age, fair.max_spread) == (3 * SECOND, 3 * SECOND, 400)
    assert (fair.warm_up_s, fair.min_returns, fair.strike_max_gap_s) == (12, 10, 60)
    assert (fair.spot, fair.strike, fair.rule, fair.both) == (True, True, True, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"feeds": frozenset({FEED_COINBASE})},
        {"strike": True},
        {"rule": True},
        {"warm_up_s": 10.0, "feeds": frozenset({FEED_POLYMARKET, FEED_MARKETS})},
        {"min_returns": 1},
    ],
)
def test_needs_that_contradict_themselves_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"plain: .*need"):
        limits(msgspec.structs.replace(PLAIN, **changes), Settings())


def test_a_bound_that_names_no_setting_is_refused() -> None:
    with pytest.raises(AttributeError):
        limits(msgspec.structs.replace(PLAIN, book_age_s="portfolio.patience_s"), Settings())


def test_only_enabled_strategies_are_active_and_all_have_limits() -> None:
    settings = Settings(fair_value=FairValue(enabled=False))
    assert [each.strategy.name for each in active(settings)] == ["parity"]
    assert set(limits_of(settings)) == set(STRATEGIES)


def test_no_fault_is_none() -> None:
    assert Reason.OK not in BOOK_FAULTS
    assert SPOT_FAULTS < BOOK_FAULTS
