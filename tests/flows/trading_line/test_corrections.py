"""A resolution that is changed after it was paid: the difference is posted, and money stays what it is."""

from __future__ import annotations

import msgspec
import pytest

from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Account
from models.money import DOLLAR, PIP, SHARE
from models.orders import Execution, WorkingOrder, example_order
from models.timestamps import SECOND
from tests.flows.trading_line.desk import END, Scene, settings

FAIR = "updown_fair_value"


def settled(payout: int) -> Scene:
    scene = Scene(settings())
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    scene.now = END + 20 * SECOND
    scene.resolve(payout)
    return scene


@pytest.mark.parametrize(("first", "second"), [(PIP, 0), (0, PIP), (PIP, PIP // 2), (PIP // 2, 0)])
@pytest.mark.parametrize("after_s", [1, 700, 1_700])
def test_the_account_ends_as_if_the_last_resolution_had_been_the_first(first: int, second: int, after_s: int) -> None:
    scene = settled(first)
    scene.later(after_s)
    scene.clock()
    scene.resolve(second)
    assert scene.books.accounts["cash"] == settled(second).books.accounts["cash"]
    before, after = scene.outcomes()
    assert (after.corrects, before.corrects) == (before.id, "")
    assert after.pnl == settled(second).outcomes()[0].pnl
    assert [(each.action, each.reason) for each in scene.decisions("correct")] == [("correct", "corrected")]


def test_the_same_resolution_again_changes_nothing() -> None:
    scene = settled(PIP)
    cash = scene.books.accounts["cash"]
    scene.later(1)
    scene.resolve(PIP)
    assert scene.books.accounts["cash"] == cash
    assert len(scene.outcomes()) == 1


def order(name: str, market: str, shares: int, cents: int) -> WorkingOrder:
    """A purchase of Up, with exactly its cost set aside."""
    return msgspec.structs.replace(
        example_order(), id=name, market_key=market, size=shares * SHARE, limit=cents * 100,
        reserved=shares * cents * DOLLAR // 100,
    )  # fmt: skip


def buy(account: Account, out: Outbox, bought: WorkingOrder) -> None:
    account.reserve(1, 1, out, bought)
    gross = bought.limit * bought.size // PIP
    account.bought(1, 1, out, bought, Execution(bought.limit, bought.size, gross, 0, "book_cross"), bought.id + ".0")


def test_what_cash_cannot_give_back_is_owed_and_paid_from_what_comes_next() -> None:
    """100 dollars; 100 shares at 0.50 pay 100; all of it goes into 300 shares at 0.50; then the first paid nothing."""
    account, out = Account("main", 100 * DOLLAR), Outbox("trading")
    account.open(0, 0, out)
    buy(account, out, order("a", "first", 100, 50))
    account.settle(2, 2, out, account.positions["updown_fair_value", "first", "Up"], 100 * DOLLAR)
    buy(account, out, order("b", "second", 300, 50))
    assert account.cash == 0
    account.correct(3, 3, out, "first", 0, 0)
    assert (account.cash, account.ledger.balance("owed")) == (0, -100 * DOLLAR)
    account.settle(4, 4, out, account.positions["updown_fair_value", "second", "Up"], 300 * DOLLAR)
    assert (account.cash, account.ledger.balance("owed")) == (200 * DOLLAR, 0)
    assert account.ledger.imbalance() == 0
    assert account.results == {
        "first": {"updown_fair_value": -50 * DOLLAR},
        "second": {"updown_fair_value": 150 * DOLLAR},
    }
