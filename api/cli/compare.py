"""`profit replay --compare`: what is printed of a run and its replay side by side."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from api.cli.why import shorten
from api.runs import is_running
from flows.replay.again import compare_again
from flows.replay.comparison import ALL, FirstDifference, ReplayComparison, TradeDifference
from models.money import DOLLAR
from models.timestamps import utc

_SHOWN: Final = 300  # characters of a record
_FIELDS: Final = 8


def compare(archive: Path, named: Path, as_json: bool) -> bool:
    """Repeat the run that wrote ``archive``, print how it compares, and return whether it is identical. Raises
    Failure."""
    with Console(stderr=True, quiet=as_json).status("replaying the run"):
        result = compare_again(archive, is_running(archive.parent), os.getpid())
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        _show(result, named)
    return result.identical


def _show(result: ReplayComparison, named: Path) -> None:
    for each in result.lacking:
        print(f"note: {each}", file=sys.stderr)
    where = "" if result.journal == ALL else f", up to journal event {result.journal:,}"
    word = "identical" if result.identical else "DIFFERENT"
    print(f"{word}: {named}, {result.identical_decisions:,} of {result.decisions:,} decisions alike{where}")
    if result.first is not None:
        _show_first(result.first)
    _show_trades(result)


def _show_first(first: FirstDifference) -> None:
    where = first.where
    print(f"first divergence: {where.topic} at offset {where.offset}, of journal event {first.journal:,}")
    for name, text in (("recorded", where.recorded), ("replayed", where.replayed)):
        print(f"  {name}: {shorten(text, _SHOWN) if text else 'nothing'}")
    for each in where.differences[:_FIELDS]:
        print(f"    {each.field}: recorded {each.recorded}, replayed {each.replayed}")
    if first.inputs:
        print("  its inputs differ:")
        for each in first.inputs[:_FIELDS]:
            print(f"    {each.field}: recorded {each.recorded}, replayed {each.replayed}")
    elif first.recorded_event:
        print(f"  its input is the same in both: {shorten(first.recorded_event, _SHOWN)}")
    for span in first.spans:
        print(f"  span {span.module} of {first.decision}:")
        print(f"    recorded {span.recorded or 'none'}\n    replayed {span.replayed or 'none'}")


def _show_trades(result: ReplayComparison) -> None:
    alike = result.round_trips - len([each for each in result.trades if each.live is not None])
    print(f"round trips with the same result in both: {alike:,}")
    if result.trades:
        table = Table("opened", "strategy", "market", "outcome", "live $", "replay $", "difference µ$")
        for column in table.columns[4:]:
            column.justify = "right"
        for trade in result.trades:
            table.add_row(*_row(trade))
        Console().print(table)
    difference = result.replay_net - result.live_net
    print(
        f"net, what is open counted as spent: live {_dollars(result.live_net)}, "
        f"replay {_dollars(result.replay_net)}, difference {difference:,} micro-dollars"
    )


def _row(trade: TradeDifference) -> tuple[str, ...]:
    opened = utc(trade.opened).partition("-")[2]
    nets = ("none" if net is None else _dollars(net) for net in (trade.live, trade.replay))
    return (opened, trade.strategy, trade.market, trade.outcome, *nets, f"{trade.difference:,}")


def _dollars(micro: int) -> str:
    return f"{micro / DOLLAR:,.6f}"
