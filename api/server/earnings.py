"""What instances made today and in seven days, over every run of the data folder that may be added up.

Runs on live feeds are added to runs on live feeds, runs on the simulated exchange to their like. A replay and a run on
a played recording stand alone: they trade the same hours again. Each answer names the runs that are in it, with what
each gave, and how many are left out. Real money is in none of these sums: it has an account of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from pydantic import BaseModel, Field

from api.run_table import Kind, kind_of
from api.runs import runs_in
from api.server import audit
from api.server.accounts import Accounts
from api.server.formats import usd
from api.server.run_list import marks
from api.server.views.units import Usd
from models.accounts import LIVE, MAIN
from models.timestamps import SECOND

_DAY_NS: Final = 86_400 * SECOND
_WEEK: Final = 7
_MOST: Final = 200
#: Kinds of runs whose money is added up.
ADDED: Final[frozenset[Kind]] = frozenset({"live", "sim"})
_POSTED: Final = f"""
SELECT account, timestamp // {_DAY_NS} AS day, -sum(amount)::BIGINT FROM ledger
WHERE contains(account, 'pnl:') OR contains(account, 'fees:') GROUP BY ALL"""
_REAL: Final = "SELECT count(*) FROM fills WHERE evidence = 'exchange'"

ByDay = Mapping[int, int]  # micro-dollars after fees, by day since the epoch


class InstanceEarnings(BaseModel):
    """Of one instance, whatever its settings were in each run."""

    id: str
    today_usd: Usd = Field(description="dollars since 00:00 UTC, after fees, of all runs in ``runs``")
    week_usd: Usd = Field(description="dollars of seven days, today being the last")
    runs: int = Field(description="runs in which it made or lost something in the seven days")


class RunEarnings(BaseModel):
    """What one run gives to the sums."""

    name: str
    current: bool = Field(description="the run that is served")
    real: bool = Field(description="it has fills of real orders, whose money is not in these sums")
    today_usd: Usd
    week_usd: Usd


class Earnings(BaseModel):
    """Today and seven days; days are those of event time in UTC, and today is that of the served run's newest event."""

    kind: str = Field(description="of which runs these are the sums: live, sim; recorded and replay: this one alone")
    today: str = Field(description="the day in UTC; empty until something came")
    complete: bool = Field(description="false while the other runs are being read")
    instances: list[InstanceEarnings]
    runs: list[RunEarnings] = Field(description="runs in the sums that made or lost something; of which the served one")
    quiet: int = Field(description="runs of the same kind that made and lost nothing in the seven days")
    left_out: dict[str, int] = Field(description="runs that are not in the sums, by kind")
    unread: dict[str, str] = Field(description="runs of the same kind that cannot be read, and why")


class _Kept(msgspec.Struct):
    kind: Kind
    mark: tuple[int, ...] = ()
    made: dict[str, dict[int, int]] = {}
    real: bool = False
    why: str = ""


class OtherRuns:
    """``read`` now and then, in a thread; ``earnings`` at any time."""

    def __init__(self, data_dir: Path, run_dir: Path) -> None:
        self._data_dir, self._own = data_dir, run_dir.resolve()
        self._kept: dict[Path, _Kept] = {}
        self._complete = False

    def read(self) -> None:
        """The runs beside the served one. Reads files: not for the event loop. A run that did not change is not read
        again."""
        found: dict[Path, _Kept] = {}
        folders = list(runs_in(self._data_dir))[:_MOST] if self._data_dir.is_dir() else []
        own = kind_of(self._own)
        for folder in folders:
            if folder.resolve() == self._own:
                continue
            mark, before = marks(folder), self._kept.get(folder)
            if before is not None and before.mark == mark and not before.why:
                found[folder] = before
                continue
            kind = kind_of(folder)
            found[folder] = _read(folder, kind, mark) if kind == own and kind in ADDED else _Kept(kind, mark)
        self._kept, self._complete = found, True

    def earnings(self, kind: Kind, name: str, accounts: Accounts, now_ns: int) -> Earnings:
        """``kind``, ``name``, ``accounts``: of the served run; ``now_ns``: event time of its newest event."""
        today = now_ns // _DAY_NS
        own = {each: made.by_day for each, made in (accounts.paper | accounts.made).items()}
        sources: list[tuple[str, bool, bool, Mapping[str, ByDay]]] = [(name, True, accounts.real, own)]
        left_out: Counter[str] = Counter()
        unread: dict[str, str] = {}
        for folder, each in self._kept.items():
            if each.kind != kind or kind not in ADDED:
                left_out[each.kind] += 1
            elif each.why:
                unread[folder.name] = each.why
            else:
                sources.append((folder.name, False, each.real, each.made))
        day, week, runs = Counter[str](), Counter[str](), Counter[str]()
        told: list[RunEarnings] = []
        for title, current, real, made in sources:
            in_day = {id: _sum(by_day, today, today) for id, by_day in made.items()}
            in_week = {id: _sum(by_day, today - _WEEK + 1, today) for id, by_day in made.items()}
            moved = {id for id, by_day in made.items() if any(today - _WEEK < each <= today for each in by_day)}
            day.update(in_day)
            week.update(in_week)
            runs.update(moved)
            if current or moved:
                both = usd(sum(in_day.values())), usd(sum(in_week.values()))
                told.append(RunEarnings(name=title, current=current, real=real, today_usd=both[0], week_usd=both[1]))
        return Earnings(
            kind=kind,
            today="" if not now_ns else _date(today),
            complete=self._complete,
            instances=[
                InstanceEarnings(id=id, today_usd=usd(day[id]), week_usd=usd(week[id]), runs=runs[id])
                for id in sorted(week)
            ],
            runs=told,
            quiet=len(sources) - len(told),
            left_out=dict(left_out),
            unread=unread,
        )


def _read(folder: Path, kind: Kind, mark: tuple[int, ...]) -> _Kept:
    kept = _Kept(kind, mark)
    try:
        rows = audit.ask(folder, _POSTED)
        kept.real = bool(audit.ask(folder, _REAL)[0][0])
    except audit.NoAudit as cause:
        kept.why = cause.cause
        return kept
    by_owner: dict[tuple[bool, str], dict[int, int]] = {}
    for account, day, amount in rows:
        owner, _, own = str(account).rpartition("/")
        kind_of_account, _, instance = own.partition(":")
        if kind_of_account in ("pnl", "fees") and instance and owner != LIVE:
            days = by_owner.setdefault(((owner or MAIN) == MAIN, instance), {})
            days[int(day)] = days.get(int(day), 0) + int(amount)
    # A paper twin has an account of its own; where a name has both, the portfolio's goes before.
    for (_, instance), days in sorted(by_owner.items()):
        kept.made[instance] = days
    return kept


def _sum(by_day: ByDay, first: int, last: int) -> int:
    return sum(amount for day, amount in by_day.items() if first <= day <= last)


def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"
