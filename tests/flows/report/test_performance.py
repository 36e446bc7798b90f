"""What trades came to, against figures worked out by hand and against the ledger."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.report.credibility import doubted_figure, fold_signs, warnings
from flows.report.performance import (
    DAY,
    WHOLE,
    GroupPerformance,
    capacity,
    daily,
    performance,
    performances,
    under_water,
)
from flows.report.trades import ClosedTrade
from models.costs import CostSplit
from models.money import DOLLAR, SHARE
from models.timestamps import SECOND

T0 = 20_000 * DAY


def trade(net: float, at_s: float = 0, **changes: object) -> ClosedTrade:
    """A trade that closed ``at_s`` after the first day began, a minute after it was opened, without costs."""
    amount = round(net * DOLLAR)
    fields: dict[str, object] = {
        "instance": "one", "family": "edge", "market": "m", "asset": "BTC", "horizon": "5m", "outcome": "Up",
        "opened": T0 + round((at_s - 60) * SECOND), "closed": T0 + round(at_s * SECOND), "shares": 10 * SHARE,
        "stake": 5 * DOLLAR, "costs": CostSplit(gross=amount, booked=amount), "capital": 0, "predicted": None,
        "evidence": "book_cross", "exit": "settlement", "regime": "normal", "account": "main", "fills": 1,
    }  # fmt: skip
    return ClosedTrade(**{**fields, **changes})  # type: ignore[arg-type]


def whole(trades: list[ClosedTrade], days: int = 1) -> object:
    return performance(trades, WHOLE, "one", T0, T0 + days * DAY)


def test_figures_worked_out_by_hand() -> None:
    """Nets 3, -1, 2, -4, 1: sum 1; highest 4 after three, lowest after it 0: drawdown 4. Won 6, lost 5."""
    nets = [3.0, -1.0, 2.0, -4.0, 1.0]
    row = performance([trade(net, 600 * (at + 1)) for at, net in enumerate(nets)], WHOLE, "one", T0, T0 + DAY)
    assert (row.trades, row.won, row.net, row.expectancy) == (5, 3, 1.0, 0.2)
    assert row.profit_factor == 1.2
    assert row.drawdown == 4.0
    assert row.hit_rate == 0.6
    assert row.tail_loss == -4.0  # the worst 5% of five is a part of the worst one
    assert row.per_share == pytest.approx(1.0 / 50)
    assert row.turnover == 25.0
    assert row.exposure == pytest.approx(25.0 * 60 / 86_400, abs=1e-6)
    deviation = math.sqrt(sum((net - 0.2) ** 2 for net in nets) / 4)
    assert row.deviation == pytest.approx(deviation, abs=1e-6)
    assert row.sharpe_trade == pytest.approx(0.2 / deviation, abs=1e-4)
    assert row.sharpe_daily is None  # a day is no sample
    assert row.expectancy_low is None  # nor are five trades


def test_time_under_water_is_the_longest_below_the_highest() -> None:
    """Highest at 10 min, below it to 40 min; again below from 50 min to the end at 100 min."""
    trades = [trade(5, 600), trade(-2, 1_200), trade(3, 2_400), trade(-1, 3_000)]
    assert under_water(trades, T0 + 6_000 * SECOND) == 3_000.0
    assert under_water(trades[:3], T0 + 6_000 * SECOND) == 1_200.0
    assert under_water([trade(1, 600)], T0 + 6_000 * SECOND) == 0.0


def test_days_without_a_trade_count() -> None:
    trades = [trade(2, 10), trade(-1, 2 * 86_400 + 5)]
    assert daily(trades, T0, T0 + 4 * DAY) == [2.0, 0.0, -1.0, 0.0, 0.0]


def test_costs_are_stressed_on_the_same_trades() -> None:
    parts = CostSplit(gross=10 * DOLLAR, spread=2 * DOLLAR, latency=DOLLAR, fees=3 * DOLLAR, booked=4 * DOLLAR)
    row = performance([trade(0, 60, costs=parts)], WHOLE, "one", T0, T0 + DAY)
    assert row.stressed == {"costs x0.5": 7.0, "costs x1.5": 1.0, "costs x2": -2.0, "latency x2": 3.0}


def test_capacity_is_where_slippage_takes_the_edge() -> None:
    """Edge of 6 dollars, slippage of 2 at stakes of 10 each: at four times the size slippage a share is four times as
    much, 8 on the same shares, which is edge and slippage together."""
    assert capacity(CostSplit(slippage=2 * DOLLAR), 6.0, 10.0) == 40.0
    assert capacity(CostSplit(), 6.0, 10.0) is None
    assert capacity(CostSplit(slippage=2 * DOLLAR), -1.0, 10.0) == 0.0


@given(st.lists(st.tuples(st.integers(-50, 50), st.sampled_from(["m1", "m2"]), st.integers(0, 80_000)), min_size=1))
def test_groups_of_a_dimension_add_up_to_the_whole(rows: list[tuple[int, str, int]]) -> None:
    trades = [trade(net, at, market=market) for net, market, at in rows]
    found = performances(trades, T0, T0 + DAY)
    first = found[0]
    assert first.dimension == WHOLE
    for dimension in {row.dimension for row in found} - {WHOLE}:
        own = [row for row in found if row.dimension == dimension]
        assert sum(row.trades for row in own) == first.trades
        assert math.isclose(sum(row.net for row in own), first.net, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("trades", "words"),
    [
        pytest.param([trade(1, 60)], "sample too small: 1 trades", id="one trade"),
        pytest.param(
            [trade(10, 60, market="big"), *(trade(0.1, 60 * at, market="small") for at in range(2, 40))],
            "one market carries the result: big",
            id="one market",
        ),
        pytest.param(
            [trade(3, 1_000), trade(-1, 30_000), trade(1, 50_000)], "sign flips between folds: + - + 0", id="signs"
        ),
        pytest.param(
            [*(trade(1, 100 + at) for at in range(20)), *(trade(1, 4_000 * at + 1_000) for at in range(20))],
            "trades clustered in time",
            id="clustered",
        ),
        pytest.param(
            [trade(3, 100, evidence="queue"), trade(-1, 200, evidence="book_cross")],
            "the result lives on one evidence of fills: queue",
            id="evidence",
        ),
        pytest.param([trade(3, 100, evidence="queue")], "one evidence of fills: queue", id="soft evidence alone"),
    ],
)
def test_each_rule_speaks(trades: list[ClosedTrade], words: str) -> None:
    assert any(words in each for each in warnings(trades, None, None, T0, T0 + DAY))


def test_each_warning_is_about_a_figure_of_the_performance() -> None:
    found = warnings([trade(3, 100, evidence="queue"), trade(-1, 50_000)], 12.0, (-0.5, 1.5), T0, T0 + DAY)
    found += warnings([trade(1, 100 + at) for at in range(40)], None, None, T0, T0 + DAY)
    about = {each.partition(":")[0]: doubted_figure(each) for each in found}
    assert about["implausible Sharpe ratio"] == "sharpe_daily"
    assert about["not told from zero"] == "expectancy"
    assert about["trades clustered in time"] == about["sample too small"] == "trades"
    assert about["sign flips between folds"] == "net"
    assert set(about.values()) <= set(GroupPerformance.__struct_fields__)


def test_a_broad_even_result_is_not_doubted() -> None:
    trades = [trade(1, 200 + 430 * at, market=f"m{at}") for at in range(200)]
    assert warnings(trades, 2.0, (0.5, 1.5), T0, T0 + DAY) == []
    assert "implausible" in warnings(trades, 12.0, (0.5, 1.5), T0, T0 + DAY)[0]
    assert "not told from zero" in warnings(trades, 2.0, (-0.5, 1.5), T0, T0 + DAY)[0]


def test_folds_are_of_equal_time() -> None:
    assert fold_signs([trade(1, 0), trade(-1, 86_400)], T0, T0 + DAY) == ["+", "0", "0", "-"]
