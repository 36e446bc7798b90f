"""Reconciliation can fail: a wrong fill price, a lost posting, a doubled one. And it is released only with a word."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Account
from flows.trading_line.reconciliation import Reconciliation
from models.contracts import Fill, Order, Outcome, Posting
from models.control import Command, Release
from models.message import Message
from models.money import DOLLAR, PIP, SHARE
from models.orders import Execution, WorkingOrder, example_order
from models.reasons import Reason, Verdict
from models.topics import FILLS, LEDGER, ORDERS, OUTCOMES

Spoil = Callable[[list[Message]], list[Message]]
MARKET = example_order().market_key
KEY = ("updown_fair_value", MARKET, "Up")


class Books:
    """An account that buys, sells and settles, and what it published; ``spoil`` changes that on its way."""

    def __init__(self, spoil: Spoil = lambda messages: messages) -> None:
        self.account, self.out = Account("main", 100 * DOLLAR), Outbox("trading")
        self.reconciliation = Reconciliation()
        self.spoil = spoil
        self.number = 0
        self.account.open(0, 0, self.out)

    def trade(self, side: str, shares: int, cents: int) -> None:
        """Shares of Up at a price, a cent of fee."""
        size, gross = shares * SHARE, shares * cents * DOLLAR // 100
        order: WorkingOrder = msgspec.structs.replace(
            example_order(), id=f"o{self.number}", side=side, size=size, reserved=gross + 10_000 if side == "buy" else 0
        )
        fill = Execution(cents * 100, size, gross, 10_000, "book_cross")
        self.number += 1
        row = Fill(
            id=f"{order.id}.0", order=order.id, decision="d", journal=1, book_journal=1, timestamp=1,
            strategy=order.instance, market_key=MARKET, outcome="Up", side=order.side, price=fill.price, size=size,
            gross=gross, fee=fill.fee,
        )  # fmt: skip
        self.out.put(FILLS, order.id, row, 1)
        if side == "buy":
            self.account.reserve(1, 1, self.out, order)
            self.account.bought(1, 1, self.out, order, fill, row.id)
        else:
            self.account.sold(1, 1, self.out, order, fill, row.id)

        done = Order(
            id=order.id, decision="d", journal=1, timestamp=1, strategy=order.instance, market_key=MARKET, token="up",
            outcome="Up", side=order.side, kind="FAK", limit=fill.price, size=size, filled=size, due=1,
            status="filled", reason=Reason.FILLED,
        )  # fmt: skip
        self.out.put(ORDERS, order.id, done, 1)

    def settle(self, pips: int) -> None:
        position = self.account.positions[KEY]
        self.account.settle(2, 2, self.out, position, position.size * pips // PIP)
        row = Outcome(
            id="o2", journal=2, timestamp=2, market_key=MARKET, payout_up=pips, payout_down=PIP - pips, source="gamma",
            pnl={},
        )  # fmt: skip
        self.out.put(OUTCOMES, MARKET, row, 2)

    def compare(self) -> tuple[str, str]:
        self.reconciliation.read(self.spoil(self.out.take()))
        step = self.reconciliation.compare({"main": self.account})
        return step.verdict, step.reason


def story(books: Books) -> tuple[str, str]:
    books.trade("buy", 40, 50)
    books.trade("buy", 20, 57)
    books.trade("sell", 13, 61)
    return books.compare()


SOUND, BROKEN = (Verdict.PASS, Reason.RECONCILED), (Verdict.BLOCK, Reason.ANOMALY)


def test_what_was_published_whole_agrees() -> None:
    books = Books()
    assert story(books) == SOUND
    for pips in (PIP, 0, 5_000):
        books = Books()
        story(books)
        books.settle(pips)
        assert books.compare() == SOUND


def a_wrong_price(messages: list[Message]) -> list[Message]:
    """A fill whose dollars are those of another price."""
    out = []
    for message in messages:
        if message.topic == FILLS and b'"o1.0"' in message.value:
            row = Fill.read(message.value)
            other = msgspec.structs.replace(row, price=row.price + 100, gross=row.gross + row.size // 100)
            message = msgspec.structs.replace(message, value=other.canonical())
        out.append(message)
    return out


def a_lost_posting(messages: list[Message]) -> list[Message]:
    last = max(number for number, message in enumerate(messages) if message.topic == LEDGER)
    return messages[:last] + messages[last + 1 :]


def a_doubled_posting(messages: list[Message]) -> list[Message]:
    last = max(number for number, message in enumerate(messages) if message.topic == LEDGER)
    return [*messages, messages[last]]


def a_lost_fill(messages: list[Message]) -> list[Message]:
    return [message for message in messages if not (message.topic == FILLS and b'"o2.0"' in message.value)]


def an_order_that_says_it_was_filled_otherwise(messages: list[Message]) -> list[Message]:
    out = []
    for message in messages:
        if message.topic == ORDERS and b'"o1"' in message.value:
            row = Order.read(message.value)
            other = msgspec.structs.replace(row, filled=row.filled - SHARE, status="cancelled")
            message = msgspec.structs.replace(message, value=other.canonical())
        out.append(message)
    return out


def money_kept_back_for_an_order_that_is_done(messages: list[Message]) -> list[Message]:
    """A reservation that came twice: the second is never given back."""
    first = next(each for each in messages if each.topic == LEDGER and b'"reserved"' in each.value)
    return [first, *messages]


@pytest.mark.parametrize(
    "spoil",
    [
        a_wrong_price,
        a_lost_posting,
        a_doubled_posting,
        a_lost_fill,
        an_order_that_says_it_was_filled_otherwise,
        money_kept_back_for_an_order_that_is_done,
    ],
)
def test_it_fails(spoil: Spoil) -> None:
    assert story(Books(spoil)) == BROKEN


@pytest.mark.parametrize("fault", ["lost", "doubled", "shares"])
def test_it_fails_where_the_ledger_itself_is_wrong(fault: str) -> None:
    """The rows are right, the books behind them are not."""
    books = Books()
    story(books)
    books.trade("buy", 10, 50)
    if fault == "lost":
        books.account.ledger.balances["cash"] += 5 * DOLLAR
        books.account.ledger.balances[f"position:{KEY[0]}:{MARKET}:Up"] -= 5 * DOLLAR
    elif fault == "doubled":
        books.account.ledger.balances["cash"] -= 5 * DOLLAR
        books.account.ledger.balances[f"position:{KEY[0]}:{MARKET}:Up"] += 5 * DOLLAR
    else:
        books.account.positions[KEY].size += SHARE
    assert books.compare() == BROKEN


def test_an_explained_difference_stands_no_more_and_a_new_one_does() -> None:
    books = Books(a_lost_posting)
    assert story(books) == BROKEN
    assert books.reconciliation.anomaly
    release = Command(id="c1", run="r", t=1, by="me", do=Release("anomaly"))
    unexplained = books.reconciliation.obey(release, 1)
    assert unexplained is not None and unexplained.step.reason == Reason.ANOMALY and books.reconciliation.anomaly
    explained = msgspec.structs.replace(release, do=Release("anomaly", "counted by hand"))
    answer = books.reconciliation.obey(explained, 2)
    assert answer is not None and answer.step.verdict == "pass"
    assert not books.reconciliation.anomaly
    books.spoil = lambda messages: messages
    assert books.compare() == SOUND
    books.trade("buy", 5, 50)
    assert books.compare() == SOUND
    books.spoil = a_doubled_posting
    books.trade("buy", 5, 50)
    assert books.compare() == BROKEN


def test_the_rows_are_posted_by_the_account_alone() -> None:
    books = Books()
    story(books)
    total = 0
    for message in books.out.take():
        if message.topic == LEDGER:
            total += Posting.read(message.value).amount
    assert total == 0
