"""The cooldown: no second order while one works, a pause after every entry and exit, no return after a risk exit.
Quotes know no pause, and may stand on both outcomes.

After a sale nothing is bought for the length of the pause, so that no instance buys back what it has just sold.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from flows.trading_line.blotter import Blotter
from flows.trading_line.known import opposite
from flows.trading_line.members import Entry, Member
from flows.trading_line.positions import Account
from models.happenings import Filled, Happening, Submitted
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.timestamps import SECOND
from models.trace import Step

MODULE = "gate.cooldown"
#: Exits by risk and not by worth: what was left for one of them is not entered again.
RISK_EXITS = frozenset({Reason.STOP_LOSS, Reason.TIME_EXIT, Reason.LEG_BROKEN})
_OK = Step(MODULE, Verdict.PASS, Reason.OK)


class _Last(msgspec.Struct):
    """Unix ns of the last order that bought, and of the last sale by outcome: when sent, and when last filled."""

    entry: int = 0
    exit: int = 0
    exits: dict[str, int] = {}
    left: str = ""  # the risk exit that was taken


class Cooldown(Member):
    """Looks at the instance's own orders and positions in the market, and at no other instance's."""

    module = MODULE

    def __init__(self, settings: Settings, blotter: Blotter, accounts: dict[str, Account]) -> None:
        self.configure(settings)
        self._blotter = blotter
        self._accounts = accounts
        self._last: dict[str, dict[str, _Last]] = {}  # market -> instance

    def configure(self, settings: Settings) -> None:
        self._pause = int(settings.portfolio.cooldown_s * SECOND)
        self._reentry = settings.portfolio.reentry_after_stop

    def on(self, happening: Happening) -> Iterable[Step]:
        if isinstance(happening, Submitted):
            order = happening.order
            last = self._of(order.market_key, order.instance)
            if order.side == "buy":
                last.entry = happening.t
            else:
                last.exit = last.exits[order.outcome] = happening.t
                if order.reason in RISK_EXITS:
                    last.left = order.reason
        elif isinstance(happening, Filled) and happening.order.side == "sell":
            last = self._of(happening.order.market_key, happening.order.instance)
            last.exit = last.exits[happening.order.outcome] = happening.t
        return ()

    def gates(self, entry: Entry) -> Iterable[Step]:
        return (self._judge(entry),)

    def _judge(self, entry: Entry) -> Step:
        instance, market = entry.instance.id, entry.known.market.key
        if not entry.intent.post_only and self._blotter.of(instance, market):
            return Step(MODULE, Verdict.BLOCK, Reason.ORDER_PENDING)
        last = self._last.get(market, {}).get(instance)
        if last is not None and last.left and not self._reentry:
            return Step(MODULE, Verdict.BLOCK, Reason.STOPPED_OUT, {"left_by": last.left})
        if entry.instance.strategy.quotes:
            return _OK  # both sides stand, again and again: pauses are its own brake's
        if entry.legs == 1 and self._holds(instance, market, opposite(entry.intent.outcome)):
            return Step(MODULE, Verdict.BLOCK, Reason.POSITION_OPEN)
        if last is not None:
            since = entry.t - max(last.entry, last.exit)
            if since < self._pause:
                left = (self._pause - since) / SECOND
                return Step(MODULE, Verdict.BLOCK, Reason.COOLDOWN, {"left_s": left, "bound_s": self._pause / SECOND})
        return _OK

    def may_leave(self, instance: str, market: str, outcome: str, t: int) -> bool:
        """Whether the instance's last sale of the outcome is long enough ago for another."""
        last = self._last.get(market, {}).get(instance)
        return last is None or t - last.exits.get(outcome, 0) >= self._pause or outcome not in last.exits

    def stopped(self, instance: str, market: str) -> bool:
        """Whether the instance's stop-loss went off in the market."""
        last = self._last.get(market, {}).get(instance)
        return last is not None and last.left == Reason.STOP_LOSS

    def forget(self, market: str) -> None:
        self._last.pop(market, None)

    def _of(self, market: str, instance: str) -> _Last:
        return self._last.setdefault(market, {}).setdefault(instance, _Last())

    def _holds(self, instance: str, market: str, outcome: str) -> bool:
        return any((instance, market, outcome) in account.positions for account in self._accounts.values())
