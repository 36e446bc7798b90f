"""A run's figures as a person reads them: when, how much, on what, what was refused, and whether it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.server.telling import duration
from models.reasons import MEANING, Reason
from models.timestamps import SECOND, utc

if TYPE_CHECKING:
    from flows.replay.summary import ClosingBalance, RunSummary

_FILES = ("archive", "audit.duckdb", "summary.json", "logs")


def show_summary(summary: RunSummary, folder: Path) -> None:
    """Print a run's figures; ``folder`` is its own."""
    console = Console(highlight=False)
    console.print(f"run {folder.name}: {_when(summary)}", style="bold", markup=False)
    for each in summary.unfinished:
        console.print(f"unfinished: {each}.", style="yellow", markup=False)
    _show_counts(summary, console)
    _show_account(summary.account, console)
    _show_money(summary, console)
    _show_open(summary, console)
    _show_reasons("refused, by reason (each time counted)", summary.blocks, console)
    _show_reasons("what the integrity checks found", summary.quality, console)
    there = [name + ("/" if (folder / name).is_dir() else "") for name in _FILES if (folder / name).exists()]
    console.print(f"in {folder}: {', '.join(there)}", markup=False, soft_wrap=True)


def _when(summary: RunSummary) -> str:
    if not summary.first_ns:
        return "no journal event yet"
    span = duration((summary.last_ns - summary.first_ns) / SECOND)
    return f"{utc(summary.first_ns)} to {utc(summary.last_ns)} UTC ({span})"


def _show_counts(summary: RunSummary, console: Console) -> None:
    table = Table(show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name in ("feed_events", "journal_events", "markets_settled", "decisions", "orders", "fills"):
        table.add_row(name.replace("_", " "), f"{getattr(summary, name):,}")
    table.add_row("ledger imbalance, µ$", f"{summary.ledger_imbalance:,}")
    if summary.seconds_in_all > summary.seconds:
        table.add_row("seconds in the flows", f"{summary.seconds:,.1f}")
        table.add_row("seconds in all", f"{summary.seconds_in_all:,.1f}")
    elif summary.seconds:
        table.add_row("seconds", f"{summary.seconds:,.1f}")
    worst = summary.lag_worst_s
    too_slow = summary.blocks.get(Reason.TOO_SLOW, 0)
    table.add_row(
        "worst lag, receipt to decision",
        "not measured" if worst is None else f"{worst:,.3f} s, entries refused as too_slow: {too_slow:,}",
    )
    rate = summary.events_per_second
    table.add_row("events per second", f"{rate:,.0f}" if rate else "not known: not run in one go")
    table.add_row("digest", summary.digest)
    console.print(table)


def _show_account(account: ClosingBalance, console: Console) -> None:
    if not account.capital:
        console.print("no money was paid in yet")
        return
    gain = account.at_cost if account.equity is None else account.equity
    gain -= account.capital
    marked = (
        f"at cost ${account.at_cost:,.2f}; the bid is not known"
        if account.equity is None
        else f"${account.equity:,.2f} with positions at the bid as of {utc(account.equity_ns)} "
        f"(at cost ${account.at_cost:,.2f})"
    )
    console.print(
        f"end equity {marked}: {gain:+,.2f} on ${account.capital:,.2f}\n"
        f"  cash ${account.cash:,.2f}, reserved for orders ${account.reserved:,.2f}",
        markup=False,
        soft_wrap=True,
    )


def _show_money(summary: RunSummary, console: Console) -> None:
    table = Table(title="closed PnL and all fees paid", title_justify="left")
    for heading in ("strategy", "fills", "round trips", "won", "before fees $", "fees $", "net $"):
        is_name = heading == "strategy"  # a name broken in two is none
        table.add_column(heading, justify="left" if is_name else "right", overflow="fold", no_wrap=is_name)
    for name, result in summary.strategies.items():
        counts = (result.trades, result.round_trips, result.won)
        money = (f"{each:,.2f}" for each in (result.gross, result.fees, result.net))
        table.add_row(name, *(f"{count:,}" for count in counts), *money)
    console.print(table)


def _show_open(summary: RunSummary, console: Console) -> None:
    if not summary.open_positions:
        console.print("no position is open")
        return
    table = Table(title="open positions, at cost", title_justify="left")
    for heading in ("since, UTC", "strategy", "market", "outcome", "shares", "cost $", "fees so far $"):
        numeric = heading in ("shares", "cost $", "fees so far $")
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for each in summary.open_positions:
        numbers = (f"{number:,.2f}" for number in (each.shares, each.cost, each.fees))
        table.add_row(utc(each.opened_ns), each.strategy, each.market, each.outcome, *numbers)
    console.print(table)


def _show_reasons(title: str, counts: dict[str, int], console: Console) -> None:
    if not counts:
        return
    table = Table("reason", "count", "meaning", title=title, title_justify="left")
    table.columns[1].justify = "right"
    for reason, count in counts.items():
        table.add_row(reason, f"{count:,}", escape(MEANING[Reason(reason)]) if reason in set(Reason) else "")
    console.print(table)
