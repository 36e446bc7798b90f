"""A report in the terminal: what each instance came to, what is to be doubted of it, and its groups."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from api.report.page import factor, interval
from flows.report.performance import WHOLE, GroupPerformance
from flows.report.run_report import RunReport


def show_performance(report: RunReport, console: Console) -> None:
    """A row an instance, then its warnings."""
    whole = report.whole()
    if not whole:
        console.print("no position was closed: nothing to judge a strategy by")
        return
    console.print(table_of(whole, "instance", "what each instance came to, after all costs"))
    for each in whole:
        for warning in each.warnings:
            console.print(f"to doubt: {each.value}: {warning}", style="yellow", markup=False, soft_wrap=True)


def show_groups(report: RunReport, dimension: str, console: Console) -> None:
    """The groups of each instance in one dimension."""
    if not report.whole():
        console.print("no position was closed: there are no groups")
    for each in report.whole():
        rows = [row for row in report.performances if row.instance == each.instance and row.dimension == dimension]
        console.print(table_of(rows, dimension, f"{each.instance} by {dimension}"))


def table_of(rows: list[GroupPerformance], name: str, title: str) -> Table:
    """Performances as a backtest table."""
    table = Table(title=title, title_justify="left")
    table.add_column(name, overflow="fold")
    is_whole = all(row.dimension == WHOLE for row in rows)
    headings = ["trades", "won", "net $", "$ a trade", "95% interval", "PSR", "profit factor", "drawdown $"]
    for heading in (*headings, *(("mean exposure $",) if is_whole else ())):
        table.add_column(heading, justify="right", overflow="fold")
    for row in rows:
        table.add_row(
            row.value,
            f"{row.trades:,}",
            f"{row.hit_rate:.0%}",
            f"{row.net:+,.2f}",
            f"{row.expectancy:+,.2f}",
            interval(row),
            "" if row.probabilistic_sharpe is None else f"{row.probabilistic_sharpe:.2f}",
            factor(row),
            f"{0.0 - row.drawdown:,.2f}",
            *((f"{row.exposure:,.2f}",) if is_whole else ()),
        )
    return table
