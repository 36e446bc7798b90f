"""Warnings beside a result: the usual ways in which a figure that looks good says nothing, each found by a rule.

The rules look for what a sceptic would ask first: how many trades, whether one market made the money, whether the
sign holds over time, whether the trades came all at once, whether the ratio is too good, whether only the softest
evidence of fills earns, and whether the interval of the mean excludes zero at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from flows.report.trades import ClosedTrade

LEAST_TRADES: Final = 30
ONE_MARKET: Final = 0.5  # of a positive result
FOLDS: Final = 4  # of equal time
CLUSTER_TRADES: Final = 0.5  # this share of the trades
CLUSTER_TIME: Final = 0.1  # within this share of the period
IMPLAUSIBLE_SHARPE: Final = 5.0  # a year, of days
#: The figure of a performance that a warning is about, by how the warning begins; of all others it is the net.
_ABOUT: Final = {
    "sample too small": "trades",
    "not told from zero": "expectancy",
    "trades clustered in time": "trades",
    "implausible Sharpe ratio": "sharpe_daily",
}


def warnings(
    trades: Sequence[ClosedTrade],
    sharpe_daily: float | None,
    interval: tuple[float, float] | None,
    first_ns: int,
    last_ns: int,
) -> list[str]:
    """One sentence each; none where no rule finds anything. ``interval``: of the mean net a trade, dollars;
    ``sharpe_daily``: annualised; the period is from ``first_ns`` to ``last_ns`` (Unix ns)."""
    return [*_findings(trades, sharpe_daily, interval, first_ns, last_ns)]


def doubted_figure(warning: str) -> str:
    """Name of the figure that a warning is about, which it is to stand beside.

    >>> doubted_figure("sample too small: 4 trades, 30 at least")
    'trades'
    """
    return _ABOUT.get(warning.partition(":")[0], "net")


def _findings(
    trades: Sequence[ClosedTrade],
    sharpe_daily: float | None,
    interval: tuple[float, float] | None,
    first_ns: int,
    last_ns: int,
) -> Iterator[str]:
    if len(trades) < LEAST_TRADES:
        yield f"sample too small: {len(trades)} trades, {LEAST_TRADES} at least"
    if interval is not None and interval[0] <= 0.0 <= interval[1]:
        yield "not told from zero: the interval of the mean has both signs"
    carrying = _carrying_market(trades)
    if carrying:
        yield carrying
    signs = fold_signs(trades, first_ns, last_ns)
    if "+" in signs and "-" in signs:
        yield f"sign flips between folds: {' '.join(signs)}"
    if len(trades) >= LEAST_TRADES and _is_clustered(trades, first_ns, last_ns):
        yield f"trades clustered in time: half of them within {CLUSTER_TIME:.0%} of the period"
    if sharpe_daily is not None and sharpe_daily > IMPLAUSIBLE_SHARPE:
        yield f"implausible Sharpe ratio: {sharpe_daily:.1f} a year; above {IMPLAUSIBLE_SHARPE:g} look for an error"
    soft = _sole_evidence(trades)
    if soft:
        yield soft


def _carrying_market(trades: Sequence[ClosedTrade]) -> str:
    nets: dict[str, int] = {}
    total = 0
    for trade in trades:
        nets[trade.market] = nets.get(trade.market, 0) + trade.net
        total += trade.net
    if total <= 0 or len(nets) < 2:
        return ""
    market, most = max(nets.items(), key=lambda each: (each[1], each[0]))
    share = most / total
    return f"one market carries the result: {market} made {share:.0%} of it" if share > ONE_MARKET else ""


def fold_signs(trades: Sequence[ClosedTrade], first_ns: int, last_ns: int) -> list[str]:
    """The sign of the net of each fold: ``+``, ``-``, ``0`` for nothing earned or lost."""
    length = max(last_ns - first_ns, 1)
    nets = [0] * FOLDS
    for trade in trades:
        fold = (trade.closed - first_ns) * FOLDS // length
        nets[min(max(fold, 0), FOLDS - 1)] += trade.net
    return ["+" if net > 0 else "-" if net < 0 else "0" for net in nets]


def _is_clustered(trades: Sequence[ClosedTrade], first_ns: int, last_ns: int) -> bool:
    """Whether some stretch of a tenth of the period holds half of the trades."""
    span = (last_ns - first_ns) * CLUSTER_TIME
    opened = sorted(trade.opened for trade in trades)
    count = int(len(opened) * CLUSTER_TRADES)
    return any(opened[at + count - 1] - opened[at] <= span for at in range(len(opened) - count + 1))


def _sole_evidence(trades: Sequence[ClosedTrade]) -> str:
    """Of a positive result: whether a single class of evidence makes it while others lose, or is a soft one alone."""
    nets: dict[str, int] = {}
    total = 0
    for trade in trades:
        nets[trade.evidence] = nets.get(trade.evidence, 0) + trade.net
        total += trade.net
    if total <= 0:
        return ""
    earning = [name for name, net in sorted(nets.items()) if net > 0]
    if len(earning) == 1 and (len(nets) > 1 or earning[0] in ("queue", "trade_through")):
        return f"the result lives on one evidence of fills: {earning[0]}"
    return ""
