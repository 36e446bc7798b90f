"""Needs are data: every bound is a number, a setting or a parameter, and what contradicts itself is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models.money import SHARE
from models.reasons import BLOCKING, Reason
from models.settings import ExecutionSettings, FairValue, Portfolio, Settings
from models.strategies.instance import all_instances
from models.strategies.needs import SPOT_FAULTS, Limits, Needs, limits
from models.strategies.registry import STRATEGIES
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET

PLAIN = Needs(
    feeds=frozenset({FEED_POLYMARKET}),
    wakes=frozenset({"book"}),
    books="either",
    book_age_s=1.5,
    max_spread=0.02,
    min_depth=7.0,
    depth_within=0.01,
)


def bounds(needs: Needs, settings: Settings | None = None, parameters: FairValue | None = None) -> Limits:
    return limits("plain", needs, parameters or FairValue(), settings or Settings())


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_strategy_declares_needs_that_hold_together(name: str) -> None:
    strategy = STRATEGIES[name]
    assert strategy.name == name
    assert limits("other", strategy.needs, strategy.parameters(), Settings()).module == "data_gate.other"


def test_a_number_is_taken_as_it_is_and_a_name_is_read_from_settings_or_parameters() -> None:
    plain = bounds(PLAIN)
    assert (plain.book_age, plain.max_spread, plain.min_depth, plain.depth_within) == (
        3 * SECOND // 2,
        200,
        7 * SHARE,
        100,
    )
    named = msgspec.structs.replace(PLAIN, book_age_s="portfolio.stale_s", depth_within="execution.slippage")
    settings = Settings(portfolio=Portfolio(stale_s=2.5), execution=ExecutionSettings(slippage=0.03))
    assert (bounds(named, settings).book_age, bounds(named, settings).depth_within) == (5 * SECOND // 2, 300)
    own = msgspec.structs.replace(PLAIN, max_spread="parameters.stop_loss")
    assert bounds(own, parameters=FairValue(stop_loss=0.07)).max_spread == 700


def test_the_fair_values_bounds_follow_its_settings() -> None:
    settings = Settings(
        portfolio=Portfolio(stale_s=3, max_spread=0.04), fair_value=FairValue(warm_up_s=12, strike_max_gap_s=60)
    )
    fair = all_instances(settings)["updown_fair_value"].limits
    assert (fair.book_age, fair.spot_age, fair.max_spread) == (3 * SECOND, 3 * SECOND, 400)
    assert (fair.warm_up_s, fair.min_returns, fair.strike_max_gap_s) == (12, 10, 60)
    assert (fair.spot, fair.strike, fair.rule, fair.both) == (True, True, True, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"feeds": frozenset({FEED_COINBASE})},
        {"strike": True},
        {"strike": True, "feeds": frozenset({FEED_POLYMARKET, FEED_MARKETS})},
        {"rule": True},
        {"warm_up_s": 10.0, "feeds": frozenset({FEED_POLYMARKET, FEED_MARKETS})},
        {"min_returns": 1},
        {"min_returns": 1, "feeds": frozenset({FEED_POLYMARKET, FEED_COINBASE})},
        {"wakes": frozenset({"spot"})},
        {"wakes": frozenset()},
    ],
)
def test_needs_that_contradict_themselves_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"plain: .*need"):
        bounds(msgspec.structs.replace(PLAIN, **changes))


def test_a_bound_that_names_no_setting_is_refused() -> None:
    for name in ("portfolio.patience_s", "parameters.patience_s"):
        with pytest.raises(AttributeError):
            bounds(msgspec.structs.replace(PLAIN, book_age_s=name))


def test_a_feature_that_does_not_exist_is_refused_and_those_that_do_are_named() -> None:
    with pytest.raises(ValueError, match=r"colour: there is no such feature.*strike"):
        bounds(msgspec.structs.replace(PLAIN, features=("colour",)))


def test_no_fault_is_none() -> None:
    assert Reason.OK not in BLOCKING
    assert SPOT_FAULTS < BLOCKING
