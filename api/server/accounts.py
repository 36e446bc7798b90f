"""What is held and what was made, added up from fills, postings and outcomes alone.

A pure class: it is given every record of the run once, in order. Averages go by cost, as the desk's own books do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

from models.accounts import LIVE, MAIN
from models.contracts import Fill, Number, Outcome, Posting
from models.money import DOLLAR
from models.timestamps import SECOND

_DAY_NS: Final = 86_400 * SECOND
_WEEK: Final = 7
#: Points of the equity curve; beyond it every second one goes, so that a long run keeps its shape.
_POINTS: Final = 2_048


class Held(msgspec.Struct):
    """Shares of one outcome: micro-shares, micro-dollars at cost, fees, and when it was opened (Unix ns)."""

    size: int = 0
    basis: int = 0
    fees: int = 0
    opened: int = 0


class Made(msgspec.Struct):
    """Of one strategy: micro-dollars by day since the epoch, after fees, and the fees; positions that ended
    (``trades``), and micro-shares that were ``bought``."""

    by_day: dict[int, int] = {}
    fees: int = 0
    fills: int = 0
    trades: int = 0
    bought: int = 0

    def since(self, day: int) -> int:
        return sum(amount for each, amount in self.by_day.items() if each >= day)


class Equity(msgspec.Struct, frozen=True):
    """The portfolio's gauges at ``t`` (Unix ns), dollars."""

    t: int
    equity: float
    cash: float
    reserved: float
    realised: float
    unrealised: float


class Accounts:
    """``fill``, ``posting``, ``outcome``, ``pulse``: one record each."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str, str, str], Held] = {}  # account, strategy, market, outcome
        self.made: dict[str, Made] = {}
        self.live: dict[str, Made] = {}  # with real money
        self.paper: dict[str, Made] = {}  # of twins, whose money is not the portfolio's
        self.balances: dict[str, int] = {}
        self.curve: deque[Equity] = deque()
        self.highest = 0.0
        self.deepest = 0.0
        self.real = False  # whether an exchange confirmed a fill
        self._every = SECOND
        self.results: dict[str, int] = {}  # market -> micro-dollars

    def fill(self, fill: Fill) -> None:
        key = (fill.account, fill.strategy, fill.market_key, fill.outcome)
        made = self._of(fill.strategy, fill.account)
        made.fills += 1
        self.real = self.real or fill.evidence == "exchange"
        if fill.side == "buy":
            made.bought += fill.size
            held = self.held.setdefault(key, Held(opened=fill.timestamp))
            held.size += fill.size
            held.basis += fill.gross
            held.fees += fill.fee
        else:
            known = self.held.get(key)
            if known is not None and known.size > 0:
                known.basis -= known.basis * min(fill.size, known.size) // known.size
                known.size -= fill.size
                known.fees += fill.fee
                if known.size <= 0:
                    del self.held[key]
                    made.trades += 1

    def posting(self, posting: Posting) -> None:
        account = posting.account
        self.balances[account] = self.balances.get(account, 0) + posting.amount
        owner, _, own = account.rpartition("/")
        kind, _, strategy = own.partition(":")
        if kind in ("pnl", "fees") and strategy:
            made = self._of(strategy, owner or MAIN)
            day = posting.timestamp // _DAY_NS
            made.by_day[day] = made.by_day.get(day, 0) - posting.amount
            if kind == "fees":
                made.fees += posting.amount
            while len(made.by_day) > _WEEK + 1:
                first, second = sorted(made.by_day)[:2]
                made.by_day[second] += made.by_day.pop(first)
        elif kind == "position" and not self.balances[account]:
            del self.balances[account]

    def outcome(self, outcome: Outcome) -> None:
        for key in [key for key in self.held if key[2] == outcome.market_key]:
            del self.held[key]
            self._of(key[1], key[0]).trades += 1
        self.results[outcome.market_key] = sum(outcome.pnl.values())
        while len(self.results) > 500:
            del self.results[next(iter(self.results))]

    def pulse(self, t: int, gauges: Mapping[str, Number]) -> None:
        """The portfolio's telemetry, for the curve."""
        numbers = [gauges.get(name) for name in ("equity", "cash", "reserved", "realised", "unrealised")]
        if not all(isinstance(each, int | float) for each in numbers):
            return
        point = Equity(t, *(float(each or 0.0) for each in numbers))
        self.highest = max(self.highest, point.equity)
        self.deepest = max(self.deepest, self.highest - point.equity)
        if self.curve and point.t - self.curve[-1].t < self._every:
            return
        self.curve.append(point)
        if len(self.curve) > _POINTS:
            self.curve = deque(list(self.curve)[::2])
            self._every *= 2

    @property
    def imbalance(self) -> int:
        """Micro-dollars: zero, or the ledger is wrong (or its beginning was not read)."""
        return sum(self.balances.values())

    def committed(self) -> int:
        """Micro-dollars at cost in positions of the portfolio, and what is reserved."""
        cost = sum(held.basis for (account, *_), held in self.held.items() if account == MAIN)
        return cost + self.balances.get("reserved", 0)

    def realised(self, strategy: str, days: int | None, now_ns: int) -> float:
        """Dollars made after fees in the last ``days`` days in UTC, today being the first; None for all."""
        made = self.of(strategy)
        first = -1 if days is None else now_ns // _DAY_NS - days + 1
        return made.since(first) / DOLLAR

    def of(self, strategy: str) -> Made:
        """What a strategy made on paper, or a paper twin."""
        return self.made.get(strategy) or self.paper.get(strategy) or Made()

    def _of(self, strategy: str, account: str) -> Made:
        return {MAIN: self.made, LIVE: self.live}.get(account, self.paper).setdefault(strategy, Made())
