"""Reconciliation: positions and cash derived again from what was published, against the ledger and the positions.

It reads the bytes of the rows on ``orders``, ``fills``, ``outcomes`` and ``ledger`` and shares nothing else with the
desk. Four loops: the ledger against the fills, the fills against the orders, positions against settlements, and cash
against the postings. A fill at a price that the ledger did not book, a posting that was lost, one that was booked
twice, money kept back for an order that is done: each shows as a difference.
The tolerance is zero. A difference blocks entries until the operator releases it with its explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flows.trading_line.members import Entry, Member
from flows.trading_line.positions import Account
from flows.trading_line.reply import Reply, done, refused
from models.contracts import Number
from models.control import Command, Release
from models.message import Message
from models.money import PIP
from models.orders import FINAL
from models.reasons import Reason, Verdict
from models.topics import FILLS, LEDGER, ORDERS, OUTCOMES
from models.trace import Step

MODULE = "reconciliation"
_CASH = ("cash", "reserved", "owed")


class _FillRow(msgspec.Struct):
    strategy: str
    market_key: str
    outcome: str
    side: str
    size: int
    gross: int
    fee: int
    order: str
    account: str = "main"


class _OrderRow(msgspec.Struct):
    id: str
    filled: int
    status: str


class _OutcomeRow(msgspec.Struct):
    market_key: str
    payout_up: int
    payout_down: int


class _LedgerRow(msgspec.Struct):
    account: str
    amount: int
    kind: str
    ref: str


class _Shares(msgspec.Struct):
    size: int = 0
    basis: int = 0


class DerivedAccount(msgspec.Struct):
    """An account as the published rows tell it. Micro-dollars and micro-shares."""

    cash: int = 0  # in minus out, the capital apart
    fees: int = 0
    shares: dict[str, _Shares] = {}  # "instance|market|outcome"
    paid: dict[str, dict[str, tuple[int, int]]] = {}  # market -> "instance|outcome" -> (size, payout)


_read_fill: msgspec.json.Decoder[_FillRow] = msgspec.json.Decoder(_FillRow)
_read_order: msgspec.json.Decoder[_OrderRow] = msgspec.json.Decoder(_OrderRow)
_read_outcome: msgspec.json.Decoder[_OutcomeRow] = msgspec.json.Decoder(_OutcomeRow)
_read_posting: msgspec.json.Decoder[_LedgerRow] = msgspec.json.Decoder(_LedgerRow)


class Reconciliation(Member):
    """Reads every message of the desk with ``read``; ``compare`` says what differs."""

    module = MODULE

    def __init__(self) -> None:
        self._derived: dict[str, DerivedAccount] = {}
        self._balances: dict[str, int] = {}  # of the ledger topic
        self._filled: dict[str, int] = {}  # micro-shares by working order, as the fills say
        self._orders: dict[str, int] = {}  # the same, as its last row says
        self._reserved: dict[str, int] = {}  # micro-dollars that the ledger keeps back for an order
        self._final: set[str] = set()
        self._explained: dict[str, int] = {}  # differences that the operator released
        self._noted: dict[str, int] = {}
        self.differences: dict[str, int] = {}
        self.changed = False

    @property
    def anomaly(self) -> bool:
        """Whether a difference stands that was not explained."""
        return bool(self.differences)

    def note_anomaly(self, what: str) -> None:
        """An anomaly that no comparison would show: it stands until it is released."""
        self._noted[what] = self._noted.get(what, 0) + 1
        self.differences[what] = self._noted[what]

    def read(self, messages: Iterable[Message]) -> None:
        """Take the desk's rows in, as any reader of the topics would."""
        for message in messages:
            topic = message.topic
            if topic == LEDGER:
                posting = _read_posting.decode(message.value)
                self._balances[posting.account] = self._balances.get(posting.account, 0) + posting.amount
                self._reserve(posting)
                self.changed = True
            elif topic == ORDERS:
                order = _read_order.decode(message.value)
                self._orders[order.id] = order.filled
                if order.status in FINAL:
                    self._final.add(order.id)
                self.changed = True
            elif topic == FILLS:
                self._fill(_read_fill.decode(message.value))
                self.changed = True
            elif topic == OUTCOMES:
                self._outcome(_read_outcome.decode(message.value))
                self.changed = True

    def compare(self, accounts: Mapping[str, Account]) -> Step:
        """Hold ledger and positions against the rows; the span says whether they agree."""
        self.changed = False
        found: dict[str, int] = dict(self._noted)
        for name, account in accounts.items():
            self._compare(name, account, found)
        self._compare_orders(found)
        standing = {key: value for key, value in found.items() if value != self._explained.get(key, 0)}
        self.differences = standing
        if not standing:
            return Step(MODULE, Verdict.PASS, Reason.RECONCILED)
        first = sorted(standing)[0]
        numbers: dict[str, Number] = {"differences": len(standing), "first": first, "amount": standing[first]}
        return Step(MODULE, Verdict.BLOCK, Reason.ANOMALY, numbers)

    def obey(self, command: Command, t: int) -> Reply | None:
        do = command.do
        if not isinstance(do, Release) or do.what != "anomaly":
            return None
        if not self.differences:
            return refused(MODULE, command, Reason.NOTHING_TO_DO, "there is no anomaly to release.")
        if not do.why.strip():
            return refused(MODULE, command, Reason.ANOMALY, "an anomaly is released only with its explanation (--why).")
        self._explained.update(self.differences)
        self.differences = {}
        return done(MODULE, command, f"the anomaly is released: {do.why.strip()}")

    def gates(self, entry: Entry) -> Iterable[Step]:
        if not self.differences:
            return (_SOUND,)
        first = sorted(self.differences)[0]
        numbers: dict[str, Number] = {"first": first, "amount": self.differences[first]}
        return (Step(_SOUND.module, Verdict.BLOCK, Reason.ANOMALY, numbers),)

    def forget(self, market: str) -> None:
        for derived in self._derived.values():
            derived.paid.pop(market, None)

    def _reserve(self, row: _LedgerRow) -> None:
        """What is kept back, by order: a purchase names its fill, the rest the order itself."""
        if not row.account.endswith("reserved"):
            return
        order = row.ref.rpartition(".")[0] if row.kind == "buy" else row.ref
        self._reserved[order] = self._reserved.get(order, 0) + row.amount

    def _compare_orders(self, found: dict[str, int]) -> None:
        """Fills against orders, and no money kept back for an order that is done; those that agree are let go."""
        for order in sorted(self._orders):
            difference = self._filled.get(order, 0) - self._orders[order]
            if difference:
                found[f"fills of order {order}"] = difference
            if order not in self._final:
                continue
            kept = self._reserved.get(order, 0)
            if kept:
                found[f"reserved for order {order}, which is done"] = kept
            if not (kept or difference):
                self._final.discard(order)
                for each in (self._orders, self._filled, self._reserved):
                    each.pop(order, None)

    def _fill(self, row: _FillRow) -> None:
        self._filled[row.order] = self._filled.get(row.order, 0) + row.size
        derived = self._derived.setdefault(row.account, DerivedAccount())
        key = f"{row.strategy}|{row.market_key}|{row.outcome}"
        shares = derived.shares.setdefault(key, _Shares())
        derived.fees += row.fee
        if row.side == "buy":
            derived.cash -= row.gross + row.fee
            shares.size += row.size
            shares.basis += row.gross
            return
        derived.cash += row.gross - row.fee
        shares.basis -= shares.basis * row.size // shares.size if shares.size else 0
        shares.size -= row.size
        if shares.size == 0:
            del derived.shares[key]

    def _outcome(self, row: _OutcomeRow) -> None:
        """Pay what is held of the market; of what was paid before, only the difference."""
        pips = {"Up": row.payout_up, "Down": row.payout_down}
        for derived in self._derived.values():
            paid = derived.paid.setdefault(row.market_key, {})
            for name, (size, before) in paid.items():
                payout = pips[name.rpartition("|")[2]] * size // PIP
                derived.cash += payout - before
                paid[name] = (size, payout)
            for key in [key for key in derived.shares if key.split("|")[1] == row.market_key]:
                instance, _, outcome = key.split("|")
                size = derived.shares.pop(key).size
                payout = pips[outcome] * size // PIP
                derived.cash += payout
                paid[f"{instance}|{outcome}"] = (size, payout)

    def _compare(self, name: str, account: Account, found: dict[str, int]) -> None:
        derived = self._derived.get(name, DerivedAccount())
        ledger = account.ledger
        prefix = "" if name == "main" else f"{name}/"

        def note(what: str, difference: int) -> None:
            if difference:
                found[f"{name}: {what}"] = difference

        cash = 0
        for each in _CASH:
            cash += ledger.balance(each)
        note("cash by the fills", cash - account.capital - derived.cash)
        note("fees by the fills", ledger.total("fees:") - derived.fees)
        owned = {f"{p.instance}|{p.market_key}|{p.outcome}": p for p in account.positions.values()}
        for key in sorted(owned.keys() | derived.shares.keys()):
            position, shares = owned.get(key), derived.shares.get(key, _Shares())
            note(f"shares of {key}", (position.size if position else 0) - shares.size)
            booked = ledger.balance("position:" + key.replace("|", ":"))
            note(f"cost of {key}", booked - shares.basis)
        note("sum of all accounts", ledger.imbalance())
        for each, amount in ledger.balances.items():
            note(f"{each} on the topic", amount - self._balances.get(prefix + each, 0))


_SOUND = Step("gate.ledger", Verdict.PASS, Reason.OK)
