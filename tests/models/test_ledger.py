"""The ledger: balanced or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ledger import Ledger, Leg, Unbalanced

ACCOUNTS = ("cash", "reserved", "capital", "fees:a", "pnl:a", "position:a:m:Up", "position:a:m:Down")
amounts = st.integers(-(10**15), 10**15)


@st.composite
def transactions(draw: st.DrawFn) -> tuple[Leg, ...]:
    legs = [Leg(draw(st.sampled_from(ACCOUNTS)), draw(amounts)) for _ in range(draw(st.integers(1, 4)))]
    rest = 0
    for leg in legs:
        rest += leg.amount
    return (*legs, Leg(draw(st.sampled_from(ACCOUNTS)), -rest))


@given(several=st.lists(transactions(), max_size=20))
def test_balanced_transactions_keep_the_sum_at_zero(several: list[tuple[Leg, ...]]) -> None:
    ledger = Ledger()
    naive = dict.fromkeys(ACCOUNTS, 0)
    for legs in several:
        stored = ledger.post(legs)
        assert all(leg.amount for leg in stored)
        for leg in legs:
            naive[leg.account] += leg.amount
        assert ledger.imbalance() == 0
    assert {account: ledger.balance(account) for account in ACCOUNTS} == naive
    assert ledger.total("position:") == naive["position:a:m:Up"] + naive["position:a:m:Down"]


@given(legs=transactions(), error=st.integers(-1000, 1000).filter(bool))
def test_an_unbalanced_transaction_is_refused_and_changes_nothing(legs: tuple[Leg, ...], error: int) -> None:
    ledger = Ledger()
    ledger.post((Leg("cash", 5), Leg("capital", -5)))
    before = dict(ledger.balances)
    with pytest.raises(Unbalanced, match="add up to"):
        ledger.post((*legs, Leg("cash", error)))
    assert ledger.balances == before


def test_a_closed_position_leaves_no_account_behind() -> None:
    ledger = Ledger()
    ledger.post((Leg("cash", -5), Leg("position:a:m:Up", 5)))
    assert "position:a:m:Up" in ledger.balances
    ledger.post((Leg("cash", 6), Leg("position:a:m:Up", -5), Leg("pnl:a", -1)))
    assert "position:a:m:Up" not in ledger.balances
    assert ledger.imbalance() == 0
