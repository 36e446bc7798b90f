"""A run's report as one HTML page that needs nothing else: no script, no font, no address."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from api.report.plots import bars, lines, waterfall
from api.report.reliability_plot import diagram
from flows.report.credibility import LEAST_TRADES
from flows.report.performance import DIMENSIONS, GroupPerformance
from flows.report.run_report import RunReport
from models.timestamps import utc

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #fff; --soft: #666; --rule: #ddd; --up: #17803d;
  --down: #b3261e; --warn: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #161618; --soft: #aaa; --rule: #3a3a3c;
  --up: #57c67d; --down: #ff8a80; --warn: #f0b64a } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1100px;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0 }
.wide { overflow-x: auto }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--rule); white-space: nowrap }
th:first-child, td:first-child { text-align: left } th { color: var(--soft); font-weight: 600 }
.warn { color: var(--warn) } .soft { color: var(--soft) }
svg { max-width: 100%; height: auto } svg text { fill: var(--ink) } .grid { stroke: var(--rule) }
.zero { stroke: var(--soft) } .line { fill: none; stroke-width: 1.8 }
.up { fill: var(--up) } .down { fill: var(--down) }
.s0 { stroke: #2f7ed8 } .s1 { stroke: #d9822b } .s2 { stroke: #17803d } .s3 { stroke: #b3261e }
.s4 { stroke: #8250df } .s5 { stroke: #0a8a8a } .s6 { stroke: #c23d8a } .s7 { stroke: #7a7a7a }
"""
_WHAT = {
    "family": "By family",
    "market type": "By market type",
    "hour": "By hour of the day, UTC",
    "regime": "By regime: spot's volatility at the entry (calm below 35% a year, wild from 80% on)",
    "evidence": "By evidence of the fills",
    "exit": "By reason of the exit",
    "day": "By day, UTC",
    "market": "By market: the best and the worst",
}
_MOST_MARKETS = 5  # of each end


def page(report: RunReport) -> str:
    """The whole page."""
    whole = report.whole()
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>Report of {escape(report.run)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>Run {escape(report.run)}</h1>",
        f"<p>{utc(report.first_ns, 'minute')} to {utc(report.last_ns, 'minute')} UTC. All results are after costs. "
        f"{report.open} positions were open at the end and are not in it.</p>",
    ]
    if not whole:
        return "".join((*parts, "<p>No position was closed: there is nothing to report on.</p></body></html>"))
    parts += [
        "<h2>What each instance came to</h2>",
        _first_table(whole),
        *(_warnings(each) for each in whole),
        "<h2>Net result after each trade</h2>",
        lines(report.curves, "$"),
        "<h2>Drawdown of closed trades</h2>",
        lines({name: _falls(curve) for name, curve in report.curves.items()}, "$"),
        "<h2>How sure: ratios and tails</h2>",
        _ratios(whole),
        '<p class="soft">Ratios a trade are not annualised; ratios a day are, by 365 days. The probabilistic Sharpe '
        "ratio is the probability that the true ratio a trade is above zero. Tail loss: mean of the worst 5% of "
        "trades.</p>",
        "<h2>The same trades under other costs</h2>",
        _stresses(whole),
        "<h2>From mid to mid to what was booked</h2>",
    ]
    for each in whole:
        steps = [(name, -value) for name, value in each.costs.items() if value]
        parts += [f"<h3>{escape(each.value)}</h3>", waterfall(("mid to mid", each.gross), steps, "net", "$")]
    parts += ["<h2>What the fills say that trading costs</h2>", _fits(report)]
    if report.reliability:
        parts += [
            "<h2>Reliability of the fair value</h2>",
            diagram(report.reliability, {name: f"{name} s left" for name in report.reliability}),
        ]
    parts += ["<h2>Net by regime</h2>"]
    for each in whole:
        nets = [(row.value, row.net) for row in report.performances if _is(row, each.instance, "regime")]
        parts += [f"<h3>{escape(each.value)}</h3>", bars(nets, "$")]
    for dimension in DIMENSIONS:
        parts += [f"<h2>{escape(_WHAT[dimension])}</h2>"]
        for each in whole:
            rows = [row for row in report.performances if _is(row, each.instance, dimension)]
            parts += [f"<h3>{escape(each.value)}</h3>", _groups(rows, dimension)]
    return "".join((*parts, "</body></html>\n"))


def _is(row: GroupPerformance, instance: str, dimension: str) -> bool:
    return row.instance == instance and row.dimension == dimension


def _first_table(rows: list[GroupPerformance]) -> str:
    head = (
        "instance", "trades", "markets", "won", "net $", "$ a trade", "95% interval", "PSR", "profit factor",
        "drawdown $", "under water", "turnover $", "mean exposure $",
    )  # fmt: skip
    body = [
        (
            row.value, f"{row.trades:,}", f"{row.markets:,}", f"{row.hit_rate:.0%}", _money(row.net),
            _money(row.expectancy), interval(row), _number(row.probabilistic_sharpe), factor(row),
            _money(0.0 - row.drawdown), _hours(row.under_water_s), f"{row.turnover:,.0f}", f"{row.exposure:,.2f}",
        )
        for row in rows
    ]  # fmt: skip
    return _table(head, body)


def _ratios(rows: list[GroupPerformance]) -> str:
    head = (
        "instance", "deviation $", "Sharpe a trade", "Sortino a trade", "Sharpe a day", "Sortino a day", "tail loss $",
        "capacity $ a trade", "edge realised",
    )  # fmt: skip
    body = [
        (
            row.value, _number(row.deviation), _number(row.sharpe_trade), _number(row.sortino_trade),
            _number(row.sharpe_daily), _number(row.sortino_daily), _money(row.tail_loss),
            "no slippage seen" if row.capacity is None else f"{row.capacity:,.0f}",
            "not stated" if row.edge_realised is None else f"{row.edge_realised:.0%}",
        )
        for row in rows
    ]  # fmt: skip
    return _table(head, body)


def _stresses(rows: list[GroupPerformance]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row.stressed))
    body = [
        (row.value, _money(row.net), *(_money(row.stressed[n]) if n in row.stressed else "not known" for n in names))
        for row in rows
    ]
    return _table(("instance", "as it was $", *(f"{name} $" for name in names)), body)


def _fits(report: RunReport) -> str:
    body = [
        (
            each.instance,
            "not shown" if each.latency is None else f"{each.latency:+.4f}",
            "not shown" if each.adverse_selection is None else f"{each.adverse_selection:+.4f}",
        )
        for each in report.fits
    ]
    return _table(("instance", "costs.latency, $ a share", "costs.adverse_selection, $ a share"), body)


def _groups(rows: list[GroupPerformance], dimension: str) -> str:
    if dimension == "market" and len(rows) > 2 * _MOST_MARKETS:
        rows = sorted(rows, key=lambda row: -row.net)
        rows = [*rows[:_MOST_MARKETS], *rows[-_MOST_MARKETS:]]
    head = (dimension, "trades", "won", "net $", "$ a trade", "95% interval", "profit factor", "drawdown $", "to doubt")
    body = [
        (
            row.value, f"{row.trades:,}", f"{row.hit_rate:.0%}", _money(row.net), _money(row.expectancy),
            interval(row), factor(row), _money(0.0 - row.drawdown),
            "too few" if row.trades < LEAST_TRADES else "; ".join(each.partition(":")[0] for each in row.warnings),
        )
        for row in rows
    ]  # fmt: skip
    return _table(head, body)


def _warnings(row: GroupPerformance) -> str:
    if not row.warnings:
        return ""
    items = "".join(f"<li>{escape(each)}</li>" for each in row.warnings)
    return f'<div class="warn"><b>{escape(row.value)}</b>: to doubt<ul>{items}</ul></div>'


def _table(head: tuple[str, ...], body: Sequence[tuple[str, ...]]) -> str:
    top = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    rows = "".join("<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in body)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table></div>'


def interval(row: GroupPerformance) -> str:
    """The interval of the mean net a trade, in words for people."""
    if row.expectancy_low is None or row.expectancy_high is None:
        return "too few"
    return f"{row.expectancy_low:+,.2f} to {row.expectancy_high:+,.2f}"


def factor(row: GroupPerformance) -> str:
    """Won over lost, for people."""
    return "no loss" if row.profit_factor is None else f"{row.profit_factor:,.3f}"


def _falls(curve: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """How far below its highest the curve stood."""
    highest = 0.0
    falls: list[tuple[float, float]] = []
    for t, level in curve:
        highest = max(highest, level)
        falls.append((t, level - highest))
    return falls


def _money(dollars: float) -> str:
    return f"{dollars:+,.2f}"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.3f}"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h"
