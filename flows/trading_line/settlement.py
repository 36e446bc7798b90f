"""Settlement: a market that resolved pays every position; one that resolves otherwise later is put right."""

from __future__ import annotations

from collections.abc import Mapping

from flows.trading_line.known import KnownMarket
from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Account, payout_of
from flows.trading_line.records import Choice, Records
from models.contracts import Number
from models.happenings import Corrected, Settled
from models.journal import Market
from models.money import DOLLAR, SHARE
from models.reasons import Reason, Verdict
from models.strategies.instance import Instance
from models.trace import Step

MODULE = "settlement"


def payouts_of(event: Market) -> dict[str, int]:
    """What a resolved market pays by outcome, pips a share: the correction where one stands, else what was reported
    first."""
    up, down = event.payout_up, event.payout_down
    if event.corrected_up is not None and event.corrected_down is not None:
        up, down = event.corrected_up, event.corrected_down
    assert up is not None and down is not None
    return {"Up": up, "Down": down}


class Settlement:
    """Pays and corrects. What was paid is kept until its market is forgotten, so that a changed resolution finds it."""

    def __init__(self, accounts: Mapping[str, Account], records: Records, out: Outbox) -> None:
        self._accounts = accounts
        self._records = records
        self._out = out
        self._outcomes: dict[str, str] = {}  # market -> id of its last outcome row
        self.settled = 0
        self.corrected = 0

    def take(
        self, event: Market, known: KnownMarket, instances: Mapping[str, Instance]
    ) -> tuple[list[Settled | Corrected], list[Step]]:
        """Pay the market where it resolved now, or put right what was paid otherwise; what happened, and the spans."""
        payouts = payouts_of(event)
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
            instance: result
            for account in self._accounts.values()
            for instance, result in sorted(account.results.get(event.key, {}).items())
        }
        corrects = "" if first else self._outcomes.get(event.key, "")
        self._outcomes[event.key] = self._records.outcome(event, payouts, pnl, corrects)
        if first:
            self.settled += 1
        else:
            self.corrected += 1
        return happenings, steps

    def forget(self, market: str) -> None:
        """The market's resolution is not changed any more."""
        self._outcomes.pop(market, None)
        for account in self._accounts.values():
            account.forget(market)

    def _settle(
        self,
        event: Market,
        known: KnownMarket,
        account: Account,
        instances: Mapping[str, Instance],
        happenings: list[Settled | Corrected],
        steps: list[Step],
    ) -> None:
        for key in sorted(key for key in account.positions if key[1] == event.key):
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
                instances[position.instance], known, position.outcome, "settle", (step,), pips, position.size
            )
            self._records.decision(event, choice)
            happenings.append(Settled(*key[:2], position.outcome, position.size, position.basis, payout, event.t))
            account.settle(event.seq, event.t, self._out, position, payout)

    def _correct(
        self,
        event: Market,
        known: KnownMarket,
        account: Account,
        instances: Mapping[str, Instance],
        happenings: list[Settled | Corrected],
        steps: list[Step],
    ) -> None:
        for index, paid in enumerate(account.paid.get(event.key, [])):
            pips = known.payouts[paid.outcome]
            payout = payout_of(paid.size, pips)
            if payout == paid.payout:
                continue
            account.correct(event.seq, event.t, self._out, event.key, index, payout)
            numbers: dict[str, Number] = {
                "shares": paid.size / SHARE,
                "paid": paid.payout / DOLLAR,
                "payout": payout / DOLLAR,
            }
            step = Step(MODULE, Verdict.PASS, Reason.CORRECTED, numbers)
            steps.append(step)
            choice = Choice(instances[paid.instance], known, paid.outcome, "correct", (step,), pips, paid.size)
            self._records.decision(event, choice)
            corrected = Corrected(paid.instance, event.key, paid.outcome, paid.size, paid.payout, payout, event.t)
            happenings.append(corrected)
