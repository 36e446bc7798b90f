"""Settlement: a market that resolved pays every position; one that resolves otherwise later is put right.

It waits while an order of the market is ``unknown``, or a real one has no end yet: what became of it decides what is
owned. A venue that says nothing for ``ANSWER_WITHIN_NS`` after the resolution is not waited for any longer: the desk
gives the order up, which is an anomaly, and what the books hold is paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from flows.trading_line.blotter import Blotter
from flows.trading_line.known import KnownMarket
from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Account, payout_of, suffix_of
from flows.trading_line.records import Choice, Records
from models.accounts import LIVE
from models.contracts import Number
from models.happenings import Corrected, Settled
from models.journal import AnyEvent, Market
from models.money import DOLLAR, SHARE
from models.orders import WorkingOrder
from models.reasons import Reason, Verdict
from models.strategies.instance import Instance
from models.timestamps import SECOND
from models.trace import Step

MODULE = "settlement"
#: From a resolution on. A venue that restarts answers queries again within one or two minutes.
ANSWER_WITHIN_NS: Final = 300 * SECOND


def payouts_of(event: Market) -> dict[str, int]:
    """What a resolved market pays by outcome, pips a share: the correction where one stands, else what was reported
    first."""
    up, down = event.payout_up, event.payout_down
    if event.corrected_up is not None and event.corrected_down is not None:
        up, down = event.corrected_up, event.corrected_down
    assert up is not None and down is not None
    return {"Up": up, "Down": down}


class _Waiting(msgspec.Struct):
    """A resolution that is not paid yet, as it was reported last, and until when (Unix ns) it waits for the venue."""

    resolved: Market
    until: int


class Settlement:
    """Pays and corrects. What was paid is kept until its market is forgotten, so that a changed resolution finds it.

    ``blotter`` says whether a resolution has to ``wait``; ``ready`` and ``late`` find what waited."""

    def __init__(self, accounts: Mapping[str, Account], blotter: Blotter, records: Records, out: Outbox) -> None:
        self._accounts = accounts
        self._blotter = blotter
        self._records = records
        self._out = out
        self._outcomes: dict[str, str] = {}  # market -> id of its last outcome row
        self._waiting: dict[str, _Waiting] = {}  # by market
        self.settled = 0
        self.corrected = 0

    def wait(self, resolved: Market) -> Step | None:
        """Put the resolution off while an order of its market is unknown: the span that says so, else None."""
        unanswered = self._blotter.unanswered(resolved.key)
        if not unanswered:
            self._waiting.pop(resolved.key, None)
            return None
        waiting = self._waiting.get(resolved.key)
        until = resolved.t + ANSWER_WITHIN_NS if waiting is None else waiting.until
        self._waiting[resolved.key] = _Waiting(resolved, until)
        return Step(MODULE, Verdict.HOLD, Reason.UNANSWERED, {"orders": len(unanswered)})

    def late(self, t: int) -> list[WorkingOrder]:
        """The orders that a resolution has waited for long enough at ``t`` (Unix ns), to be given up."""
        late: list[WorkingOrder] = []
        for key, waiting in self._waiting.items():
            if t >= waiting.until:
                late.extend(self._blotter.unanswered(key))
        return late

    def ready(self) -> list[Market]:
        """The resolutions that waited and need not any longer, to be paid now."""
        if not self._waiting:
            return []
        ready = [key for key in self._waiting if not self._blotter.unanswered(key)]
        return [self._waiting.pop(key).resolved for key in ready]

    def pay(
        self, event: AnyEvent, resolved: Market, known: KnownMarket, instances: Mapping[str, Instance]
    ) -> tuple[list[Settled | Corrected], list[Step]]:
        """Pay the market as ``resolved`` says, or put right what was paid otherwise; what happened, and the spans.
        ``event``: at which it is paid, later than the resolution where that had to wait."""
        payouts = payouts_of(resolved)
        happenings: list[Settled | Corrected] = []
        steps: list[Step] = []
        first = not known.payouts
        if not first and known.payouts == payouts:
            return happenings, steps
        known.payouts = payouts
        for account in self._accounts.values():
            if not first:
                self._correct(event, known, account, instances, happenings, steps)
            self._settle(event, known, account, instances, happenings, steps)
        pnl = {
            f"{LIVE}/{instance}" if account.name == LIVE else instance: result
            for account in self._accounts.values()
            for instance, result in sorted(account.results.get(resolved.key, {}).items())
        }
        corrects = "" if first else self._outcomes.get(resolved.key, "")
        self._outcomes[resolved.key] = self._records.outcome(event, resolved, payouts, pnl, corrects)
        if first:
            self.settled += 1
        else:
            self.corrected += 1
        return happenings, steps

    def forget(self, market: str) -> None:
        """The market's resolution is not changed any more."""
        self._outcomes.pop(market, None)
        self._waiting.pop(market, None)
        for account in self._accounts.values():
            account.forget(market)

    def _settle(
        self,
        event: AnyEvent,
        known: KnownMarket,
        account: Account,
        instances: Mapping[str, Instance],
        happenings: list[Settled | Corrected],
        steps: list[Step],
    ) -> None:
        for key in sorted(key for key in account.positions if key[1] == known.market.key):
            position = account.positions[key]
            pips = known.payouts[position.outcome]
            payout = payout_of(position.size, pips)
            numbers: dict[str, Number] = {
                "shares": position.size / SHARE,
                "payout": payout / DOLLAR,
                "paid": position.basis / DOLLAR,
            }
            step = Step(MODULE, Verdict.PASS, Reason.SETTLED, numbers)
            steps.append(step)
            choice = Choice(
                instances[position.instance],
                known,
                position.outcome,
                "settle",
                (step,),
                pips,
                position.size,
                suffix=suffix_of(account.name),
            )
            self._records.decision(event, choice)
            paid = position.size, position.basis, payout
            happenings.append(Settled(*key[:2], position.outcome, *paid, event.t, account.name))
            account.settle(event.seq, event.t, self._out, position, payout)

    def _correct(
        self,
        event: AnyEvent,
        known: KnownMarket,
        account: Account,
        instances: Mapping[str, Instance],
        happenings: list[Settled | Corrected],
        steps: list[Step],
    ) -> None:
        market = known.market.key
        for index, paid in enumerate(account.paid.get(market, [])):
            pips = known.payouts[paid.outcome]
            payout = payout_of(paid.size, pips)
            if payout == paid.payout:
                continue
            account.correct(event.seq, event.t, self._out, market, index, payout)
            numbers: dict[str, Number] = {
                "shares": paid.size / SHARE,
                "paid": paid.payout / DOLLAR,
                "payout": payout / DOLLAR,
            }
            step = Step(MODULE, Verdict.PASS, Reason.CORRECTED, numbers)
            steps.append(step)
            instance, suffix = instances[paid.instance], suffix_of(account.name)
            choice = Choice(instance, known, paid.outcome, "correct", (step,), pips, paid.size, suffix=suffix)
            self._records.decision(event, choice)
            change = paid.size, paid.payout, payout
            happenings.append(Corrected(paid.instance, market, paid.outcome, *change, event.t, account.name))
