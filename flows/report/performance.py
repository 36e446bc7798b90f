"""What trades came to: one row a group, after all costs, with how sure one may be of it.

Groups are whole instances and, within each, families, market types, hours of the day (UTC), spot regimes, evidence of
the fills, reasons of the exit, days and markets. Money is dollars here: nothing is booked by these figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from flows.report.credibility import warnings
from flows.report.trades import ClosedTrade
from models.costs import PARTS, CostSplit
from models.money import DOLLAR, SHARE
from models.statistics.bootstrap import mean_interval
from models.statistics.sharpe import moments, probabilistic_sharpe, sortino
from models.statistics.tails import expected_shortfall, maximum_drawdown, profit_factor
from models.timestamps import SECOND, utc

DAY: Final = 24 * 3600 * SECOND
_YEARLY: Final = math.sqrt(365.0)
LEAST_DAYS: Final = 5  # of which a daily ratio is stated
#: Costs as they were, times this, on the same trades.
STRESSES: Final = (0.5, 1.0, 1.5, 2.0)


class GroupPerformance(msgspec.Struct, kw_only=True):
    """A group of an instance's trades. Dollars, unless said otherwise; None where a figure cannot be had.

    ``net`` is after all costs, ``booked`` what the ledger has of it, ``gross`` from mid to mid, ``costs`` the parts
    between. ``expectancy``: mean net a trade, with its 95% interval by the stationary bootstrap; ``per_share``: net a
    share bought; ``deviation``: of net, a trade. ``sharpe_trade``, ``sortino_trade``: of net a trade, not annualised;
    ``sharpe_daily``, ``sortino_daily``: of net a day, annualised by 365 days; ``probabilistic_sharpe``: probability
    that the true Sharpe ratio a trade is above zero, from the trades' own skewness and kurtosis. ``tail_loss``: mean of
    the worst 5% of trades; ``drawdown``: of the sum of nets from its highest; ``under_water_s``: the longest time below
    it. ``turnover``: paid for shares; ``exposure``: mean stake over the whole period. ``capacity``: stake a trade at
    which the slippage, if it grows with size as what was seen, takes the whole edge; None where no slippage was seen.
    ``edge_realised``: net over what the entries had expected, of trades that said so. ``stressed``: net of the same
    trades with costs times 0.5, 1.5, 2, and with the price running away twice as far (``latency x2``, where any of
    them shows that it ran away at all)."""

    instance: str
    dimension: str
    value: str
    trades: int
    markets: int
    won: int
    first_ns: int
    last_ns: int
    net: float
    booked: float
    gross: float
    costs: dict[str, float]
    expectancy: float
    expectancy_low: float | None
    expectancy_high: float | None
    per_share: float
    deviation: float | None
    sharpe_trade: float | None
    sortino_trade: float | None
    sharpe_daily: float | None
    sortino_daily: float | None
    probabilistic_sharpe: float | None
    profit_factor: float | None
    hit_rate: float
    tail_loss: float
    drawdown: float
    under_water_s: float
    turnover: float
    exposure: float
    capacity: float | None
    edge_realised: float | None
    stressed: dict[str, float]
    warnings: list[str]


Key = Callable[[ClosedTrade], str]
#: What trades are grouped by, with the value of a trade.
DIMENSIONS: Final[dict[str, Key]] = {
    "family": lambda trade: trade.family,
    "market type": lambda trade: f"{trade.asset} {trade.horizon}",
    "hour": lambda trade: f"{trade.opened // (3600 * SECOND) % 24:02d}",
    "regime": lambda trade: trade.regime,
    "evidence": lambda trade: trade.evidence,
    "exit": lambda trade: trade.exit,
    "day": lambda trade: day_of(trade.closed),
    "market": lambda trade: trade.market,
}
WHOLE: Final = "instance"


def performances(trades: Sequence[ClosedTrade], first_ns: int, last_ns: int) -> list[GroupPerformance]:
    """The rows of all instances: whole first, then by each dimension. ``first_ns``, ``last_ns``: the period that the
    trades are of, Unix ns."""
    rows: list[GroupPerformance] = []
    for instance in sorted({trade.instance for trade in trades}):
        own = [trade for trade in trades if trade.instance == instance]
        rows.append(performance(own, WHOLE, instance, first_ns, last_ns))
        for dimension, key in DIMENSIONS.items():
            groups: dict[str, list[ClosedTrade]] = {}
            for trade in own:
                groups.setdefault(key(trade), []).append(trade)
            rows += [performance(each, dimension, name, first_ns, last_ns) for name, each in sorted(groups.items())]
    return rows


def performance(
    trades: Sequence[ClosedTrade], dimension: str, value: str, first_ns: int, last_ns: int
) -> GroupPerformance:
    """The figures of one group, which holds at least one trade."""
    nets = [trade.net / DOLLAR for trade in trades]
    days = daily(trades, first_ns, last_ns)
    costs = CostSplit()
    shares = turnover = capital = 0
    exposed = 0.0
    for trade in trades:
        costs.add(trade.costs)
        shares += trade.shares
        turnover += trade.stake
        capital += trade.capital
        exposed += trade.stake / DOLLAR * (trade.closed - trade.opened) / SECOND
    net = math.fsum(nets)
    interval = _interval(nets)
    sample = moments(nets) if len(nets) > 1 else None
    yearly_sharpe = _ratio(moments(days).sharpe, _YEARLY) if len(days) >= LEAST_DAYS else None
    stressed = {f"costs x{factor:g}": (costs.gross - factor * costs.total - capital) / DOLLAR for factor in STRESSES}
    del stressed["costs x1"]
    if any(trade.costs.latency for trade in trades):
        stressed["latency x2"] = (costs.booked - capital - costs.latency) / DOLLAR
    return GroupPerformance(
        instance=trades[0].instance,
        dimension=dimension,
        value=value,
        trades=len(trades),
        markets=len({trade.market for trade in trades}),
        won=len([each for each in nets if each > 0]),
        first_ns=first_ns,
        last_ns=last_ns,
        net=_cents(net),
        booked=costs.booked / DOLLAR,
        gross=costs.gross / DOLLAR,
        costs={**{part: getattr(costs, part) / DOLLAR for part in PARTS}, "capital": capital / DOLLAR},
        expectancy=_cents(net / len(nets)),
        expectancy_low=None if interval is None else _cents(interval[0]),
        expectancy_high=None if interval is None else _cents(interval[1]),
        per_share=round(net / (shares / SHARE), 6) if shares else 0.0,
        deviation=_cents(sample.deviation) if sample is not None else None,
        sharpe_trade=_ratio(sample.sharpe) if sample is not None else None,
        sortino_trade=_ratio(sortino(nets)) if sample is not None else None,
        sharpe_daily=yearly_sharpe,
        sortino_daily=_ratio(sortino(days), _YEARLY) if yearly_sharpe is not None else None,
        probabilistic_sharpe=_ratio(probabilistic_sharpe(sample)) if sample is not None else None,
        profit_factor=_ratio(profit_factor(nets)),
        hit_rate=round(len([each for each in nets if each > 0]) / len(nets), 4),
        tail_loss=_cents(expected_shortfall(nets)),
        drawdown=_cents(maximum_drawdown(nets)),
        under_water_s=round(under_water(trades, last_ns), 3),
        turnover=turnover / DOLLAR,
        exposure=_cents(exposed / max((last_ns - first_ns) / SECOND, 1.0)),
        capacity=capacity(costs, net, turnover / DOLLAR / len(trades)),
        edge_realised=_realised(trades),
        stressed={name: _cents(each) for name, each in stressed.items()},
        warnings=warnings(trades, yearly_sharpe, interval, first_ns, last_ns),
    )


def equity(trades: Iterable[ClosedTrade]) -> list[tuple[int, float]]:
    """(Unix ns, dollars): the sum of nets after each trade, in the order in which they closed."""
    total, points = 0, []
    for trade in sorted(trades, key=lambda each: each.closed):
        total += trade.net
        points.append((trade.closed, total / DOLLAR))
    return points


def under_water(trades: Iterable[ClosedTrade], last_ns: int) -> float:
    """The longest time, in seconds, that the sum of nets stood below its highest, to the end of the period at most."""
    highest, longest = 0.0, 0
    since: int | None = None
    for t, level in equity(trades):
        if level < highest:
            since = t if since is None else since
            continue
        if since is not None:
            longest = max(longest, t - since)
        highest, since = level, None
    if since is not None:
        longest = max(longest, last_ns - since)
    return longest / SECOND


def daily(trades: Iterable[ClosedTrade], first_ns: int, last_ns: int) -> list[float]:
    """Dollars of each day (UTC) of the period, those without a trade too."""
    days = dict.fromkeys(range(first_ns // DAY, last_ns // DAY + 1), 0)
    for trade in trades:
        days[trade.closed // DAY] = days.get(trade.closed // DAY, 0) + trade.net
    return [net / DOLLAR for _, net in sorted(days.items())]


def day_of(t: int) -> str:
    """The day of ``t`` (Unix ns), UTC."""
    return utc(t, "day")


def capacity(costs: CostSplit, net: float, stake: float) -> float | None:
    """Dollars a trade up to which an edge is left, if slippage a share grows in proportion to the size: ``stake * (1 +
    net / slippage)``. None where none was seen, 0 where there is no edge."""
    if net <= 0.0:
        return 0.0
    slippage = costs.slippage / DOLLAR
    return None if slippage <= 0.0 else round(stake * (1.0 + net / slippage), 2)


def _interval(nets: Sequence[float]) -> tuple[float, float] | None:
    """Of the mean; None where there are too few for one."""
    low, high = mean_interval(nets)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _realised(trades: Iterable[ClosedTrade]) -> float | None:
    predicted = net = 0
    for trade in trades:
        if trade.predicted is not None:
            predicted += trade.predicted
            net += trade.net
    return round(net / predicted, 4) if predicted > 0 else None


def _cents(dollars: float) -> float:
    return round(dollars, 6)


def _ratio(value: float | None, times: float = 1.0) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value * times, 4)
