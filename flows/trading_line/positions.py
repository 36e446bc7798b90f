"""One account's positions and the money behind them: reservations, fills, settlements, as balanced postings."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from flows.trading_line.outbox import Outbox
from models.accounts import LIVE, MAIN
from models.contracts import Posting, PostingKind
from models.ledger import Ledger, Leg
from models.money import PIP
from models.orders import Execution, WorkingOrder
from models.topics import LEDGER


class Position(msgspec.Struct):
    """Shares of one outcome held by one instance. ``basis``: micro-dollars paid for the shares, without fees."""

    instance: str
    market_key: str
    outcome: str
    token: str
    size: int = 0
    basis: int = 0
    fees: int = 0
    opened: int = 0
    decision: str = ""


class Paid(msgspec.Struct, frozen=True):
    """A position that was settled: kept while its resolution may still be changed."""

    instance: str
    outcome: str
    size: int
    basis: int
    payout: int


class Account:
    """The money of one portfolio on paper, its real money, or that of one paper twin. Every method posts balanced
    transactions.

    ``results``: by market and instance, micro-dollars that came in minus those that went out: the profit or loss after
    costs, once nothing is held."""

    def __init__(self, name: str, capital: int) -> None:
        self.name = name
        self.ledger = Ledger()
        self.positions: dict[tuple[str, str, str], Position] = {}  # (instance, market, outcome)
        self.paid: dict[str, list[Paid]] = {}  # by market
        self.results: dict[str, dict[str, int]] = {}  # market -> instance -> cash in minus cash out
        self.capital = capital
        self._prefix = "" if name == MAIN else f"{name}/"
        self._postings = 0
        self.moved = 0  # Unix ns of the last posting

    def open(self, seq: int, t: int, out: Outbox) -> None:
        """Pay the capital in, once, before anything else."""
        if not self.ledger.balances:
            legs = (Leg("cash", self.capital), Leg("capital", -self.capital))
            self._post(seq, t, out, "capital", legs, "capital")

    def state(self, seq: int, t: int, out: Outbox, balance: int) -> int:
        """Hold what somebody else says the account has in money (micro-dollars, reservations included); the change,
        which is capital paid in, or out where negative."""
        ledger = self.ledger
        change = balance - ledger.balance("cash") - ledger.balance("reserved")
        change = max(change, -ledger.balance("cash"))  # what is reserved is spent already: it comes back first
        if change:
            self.capital += change
            self._post(seq, t, out, "capital", (Leg("cash", change), Leg("capital", -change)), "stated by the exchange")
        return change

    def reserve(self, seq: int, t: int, out: Outbox, order: WorkingOrder) -> None:
        if order.reserved:
            legs = (Leg("reserved", order.reserved), Leg("cash", -order.reserved))
            self._post(seq, t, out, "reserve", legs, order.id)

    def release(self, seq: int, t: int, out: Outbox, order: WorkingOrder) -> None:
        """Give back what an order reserved and did not spend."""
        if order.reserved:
            legs = (Leg("cash", order.reserved), Leg("reserved", -order.reserved))
            self._post(seq, t, out, "release", legs, order.id)
            order.reserved = 0

    def bought(self, seq: int, t: int, out: Outbox, order: WorkingOrder, fill: Execution, ref: str) -> None:
        key = (order.instance, order.market_key, order.outcome)
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = Position(*key, order.token, opened=t, decision=order.decision)
        spent = fill.gross + fill.fee
        order.reserved -= spent
        position.size += fill.size
        position.basis += fill.gross
        position.fees += fill.fee
        legs = (
            Leg("reserved", -spent),
            Leg(_account(position), fill.gross),
            Leg(f"fees:{order.instance}", fill.fee),
        )
        self._post(seq, t, out, "buy", legs, ref)
        self._note(order.market_key, order.instance, -spent)

    def sold(self, seq: int, t: int, out: Outbox, order: WorkingOrder, fill: Execution, ref: str) -> None:
        key = (order.instance, order.market_key, order.outcome)
        position = self.positions[key]
        basis = position.basis * fill.size // position.size
        position.size -= fill.size
        position.basis -= basis
        position.fees += fill.fee
        legs = (
            Leg("cash", fill.gross - fill.fee),
            Leg(f"fees:{order.instance}", fill.fee),
            Leg(_account(position), -basis),
            Leg(f"pnl:{order.instance}", basis - fill.gross),
        )
        self._post(seq, t, out, "sell", legs, ref)
        self._note(order.market_key, order.instance, fill.gross - fill.fee)
        self._repay(seq, t, out, ref)
        if position.size == 0:
            del self.positions[key]

    def settle(self, seq: int, t: int, out: Outbox, position: Position, payout: int) -> None:
        """Close a position at ``payout`` micro-dollars for all its shares, and remember it."""
        legs = (
            Leg("cash", payout),
            Leg(_account(position), -position.basis),
            Leg(f"pnl:{position.instance}", position.basis - payout),
        )
        self._post(seq, t, out, "settle", legs, position.market_key)
        self._note(position.market_key, position.instance, payout)
        self._repay(seq, t, out, position.market_key)
        paid = Paid(position.instance, position.outcome, position.size, position.basis, payout)
        self.paid.setdefault(position.market_key, []).append(paid)
        del self.positions[(position.instance, position.market_key, position.outcome)]

    def correct(self, seq: int, t: int, out: Outbox, market: str, index: int, payout: int) -> Paid:
        """Put the payout of a settled position right; what it was before. What cash cannot give back is owed."""
        before = self.paid[market][index]
        change = payout - before.payout
        short = max(-change - self.ledger.balance("cash"), 0)
        legs = (
            Leg("cash", change + short),
            Leg("owed", -short),
            Leg(f"pnl:{before.instance}", -change),
        )
        self._post(seq, t, out, "correct", legs, market)
        self._note(market, before.instance, change)
        self.paid[market][index] = msgspec.structs.replace(before, payout=payout)
        self._repay(seq, t, out, market)
        return before

    def forget(self, market: str) -> None:
        self.paid.pop(market, None)
        self.results.pop(market, None)

    @property
    def committed(self) -> int:
        """Micro-dollars at cost in positions and reservations."""
        return self.ledger.total("position:") + self.ledger.balance("reserved")

    @property
    def cash(self) -> int:
        """Free micro-dollars."""
        return self.ledger.balance("cash")

    def _repay(self, seq: int, t: int, out: Outbox, ref: str) -> None:
        owed = -self.ledger.balance("owed")
        amount = min(owed, self.ledger.balance("cash"))
        if amount > 0:
            self._post(seq, t, out, "repay", (Leg("owed", amount), Leg("cash", -amount)), ref)

    def _note(self, market: str, instance: str, cash: int) -> None:
        results = self.results.setdefault(market, {})
        results[instance] = results.get(instance, 0) + cash

    def _post(self, seq: int, t: int, out: Outbox, kind: PostingKind, legs: tuple[Leg, ...], ref: str) -> None:
        transaction = f"t{self._postings}" if not self._prefix else f"{self._prefix}t{self._postings}"
        self._postings += 1
        self.moved = t
        for number, leg in enumerate(self.ledger.post(legs)):
            posting = Posting(
                id=f"{transaction}.{number}",
                transaction=transaction,
                journal=seq,
                timestamp=t,
                kind=kind,
                account=self._prefix + leg.account,
                amount=leg.amount,
                ref=ref,
            )
            out.put(LEDGER, posting.account, posting, t)


def account_of(accounts: Mapping[str, Account], instance: str) -> Account:
    """The account that an instance trades on while nothing is armed: a paper twin's own, else the portfolio's."""
    return accounts.get(instance, accounts[MAIN])


def suffix_of(account: str) -> str:
    """What ids of the account's own decisions and orders end with: an instance may hold the same shares on paper and
    with real money."""
    return f"-{LIVE}" if account == LIVE else ""


def payout_of(size: int, pips: int) -> int:
    """Micro-dollars for ``size`` micro-shares at ``pips`` a share, rounded down."""
    return pips * size // PIP


def _account(position: Position) -> str:
    return f"position:{position.instance}:{position.market_key}:{position.outcome}"
