"""The double-entry ledger, in micro-dollars.

Accounts: ``cash``, ``reserved`` (set aside for orders under way), ``position:<instance>:<market>:<outcome>`` (shares at
cost), ``fees:<instance>``, ``pnl:<instance>``, ``owed`` (payouts to be given back that cash could not cover) and
``capital``. Assets and expenses carry their own sign; ``capital``, ``owed`` and ``pnl`` the opposite one, so that the
sum over all accounts is zero after every transaction.

>>> ledger = Ledger()
>>> legs = ledger.post((Leg("cash", 5), Leg("capital", -5)))
>>> ledger.balance("cash"), ledger.imbalance()
(5, 0)
"""

from __future__ import annotations

import msgspec


class Leg(msgspec.Struct, frozen=True, gc=False):
    account: str
    amount: int


class Unbalanced(AssertionError):
    """A transaction whose legs do not add up to zero: a defect of the program, never of the input."""


class Ledger:
    """Balances by account. ``post`` refuses what does not balance."""

    __slots__ = ("balances",)

    def __init__(self) -> None:
        self.balances: dict[str, int] = {}

    def post(self, legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
        """Book a transaction; returns its non-zero legs. Raises Unbalanced."""
        total = 0
        for leg in legs:
            total += leg.amount
        if total:
            raise Unbalanced(f"legs {legs} add up to {total}")
        stored = tuple(leg for leg in legs if leg.amount)
        for leg in stored:
            self.balances[leg.account] = self.balances.get(leg.account, 0) + leg.amount
            if self.balances[leg.account] == 0 and leg.account.startswith("position:"):
                del self.balances[leg.account]
        return stored

    def balance(self, account: str) -> int:
        return self.balances.get(account, 0)

    def imbalance(self) -> int:
        """Sum over all accounts: zero, or the ledger is broken."""
        total = 0
        for amount in self.balances.values():
            total += amount
        return total

    def total(self, prefix: str) -> int:
        """Sum of the accounts whose name starts with ``prefix``."""
        total = 0
        for account, amount in self.balances.items():
            if account.startswith(prefix):
                total += amount
        return total
