"""Positions and the money behind them: reservations, fills, settlements, as balanced postings."""

from __future__ import annotations

import msgspec

from connectors.venues.paper import Execution, Pending
from flows.trading_line.outbox import Outbox
from models.contracts import Posting
from models.ledger import Ledger, Leg
from models.topics import LEDGER


class Position(msgspec.Struct):
    """Shares of one outcome held by one strategy. ``basis``: micro-dollars paid for the shares, without fees."""

    strategy: str
    market_key: str
    outcome: str
    token: str
    size: int = 0
    basis: int = 0
    fees: int = 0
    opened: int = 0
    decision: str = ""


class Flow(msgspec.Struct):
    """What the fills of a market say, kept apart from the ledger to be compared with it."""

    cash: int = 0
    shares: dict[str, int] = {}  # "strategy|outcome" -> micro-shares
    gross: dict[str, int] = {}  # strategy -> micro-dollars before fees
    fees: dict[str, int] = {}


class Money:
    """The portfolio's money. Every method posts balanced transactions and returns nothing it did not post."""

    def __init__(self, capital: int) -> None:
        self.ledger = Ledger()
        self.positions: dict[tuple[str, str, str], Position] = {}  # (strategy, market, outcome)
        self.flows: dict[str, Flow] = {}
        self._capital = capital
        self._postings = 0

    def open(self, seq: int, t: int, out: Outbox) -> None:
        """Pay the capital in, once, before anything else."""
        if not self.ledger.balances:
            legs = (Leg("cash", self._capital), Leg("capital", -self._capital))
            self._post(seq, t, out, "capital", legs, "capital", "")

    def reserve(self, seq: int, t: int, out: Outbox, order: Pending) -> None:
        legs = (Leg("reserved", order.reserved), Leg("cash", -order.reserved))
        self._post(seq, t, out, "reserve", legs, order.id, order.market_key)

    def release(self, seq: int, t: int, out: Outbox, order: Pending) -> None:
        """Give back what an order reserved and did not spend."""
        if order.reserved:
            legs = (Leg("cash", order.reserved), Leg("reserved", -order.reserved))
            self._post(seq, t, out, "release", legs, order.id, order.market_key)
            order.reserved = 0

    def bought(self, seq: int, t: int, out: Outbox, order: Pending, fill: Execution, ref: str) -> None:
        key = (order.strategy, order.market_key, order.outcome)
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
            Leg(f"fees:{order.strategy}", fill.fee),
        )
        self._post(seq, t, out, "buy", legs, ref, order.market_key)
        self._note(order, -spent, fill.size, -fill.gross, fill.fee)

    def sold(self, seq: int, t: int, out: Outbox, order: Pending, fill: Execution, ref: str) -> None:
        key = (order.strategy, order.market_key, order.outcome)
        position = self.positions[key]
        basis = position.basis * fill.size // position.size
        position.size -= fill.size
        position.basis -= basis
        position.fees += fill.fee
        legs = (
            Leg("cash", fill.gross - fill.fee),
            Leg(f"fees:{order.strategy}", fill.fee),
            Leg(_account(position), -basis),
            Leg(f"pnl:{order.strategy}", basis - fill.gross),
        )
        self._post(seq, t, out, "sell", legs, ref, order.market_key)
        self._note(order, fill.gross - fill.fee, -fill.size, fill.gross, fill.fee)
        if position.size == 0:
            del self.positions[key]

    def settled(self, seq: int, t: int, out: Outbox, position: Position, payout: int) -> None:
        """Close a position at ``payout`` micro-dollars for all its shares."""
        legs = (
            Leg("cash", payout),
            Leg(_account(position), -position.basis),
            Leg(f"pnl:{position.strategy}", position.basis - payout),
        )
        self._post(seq, t, out, "settle", legs, position.market_key, position.market_key)
        flow = self.flows[position.market_key]
        flow.gross[position.strategy] = flow.gross.get(position.strategy, 0) + payout
        del self.positions[(position.strategy, position.market_key, position.outcome)]

    def reconcile(self, market: str, payouts: dict[str, int]) -> int:
        """Cash by the ledger minus cash by the fills and the official payouts (pips by outcome): or an anomaly."""
        flow = self.flows.pop(market, None)
        by_ledger = self.ledger.cash_of.pop(market, 0)
        if flow is None:
            return by_ledger
        by_fills = flow.cash
        for key, shares in flow.shares.items():
            by_fills += payouts[key.rpartition("|")[2]] * shares // 10_000
        return by_ledger - by_fills

    @property
    def committed(self) -> int:
        """Micro-dollars at cost in positions and reservations."""
        return self.ledger.total("position:") + self.ledger.balance("reserved")

    def committed_to(self, strategy: str, market: str, pending: list[Pending]) -> tuple[int, int]:
        """(by the strategy, in the market): micro-dollars at cost in positions and in orders under way."""
        by_strategy, in_market = 0, 0
        for position in self.positions.values():
            by_strategy += position.basis if position.strategy == strategy else 0
            in_market += position.basis if position.market_key == market else 0
        for order in pending:
            by_strategy += order.reserved if order.strategy == strategy else 0
            in_market += order.reserved if order.market_key == market else 0
        return by_strategy, in_market

    def _note(self, order: Pending, cash: int, shares: int, gross: int, fee: int) -> None:
        flow = self.flows.get(order.market_key)
        if flow is None:
            flow = self.flows[order.market_key] = Flow(0, {}, {}, {})
        flow.cash += cash
        key = f"{order.strategy}|{order.outcome}"
        flow.shares[key] = flow.shares.get(key, 0) + shares
        flow.gross[order.strategy] = flow.gross.get(order.strategy, 0) + gross
        flow.fees[order.strategy] = flow.fees.get(order.strategy, 0) + fee

    def _post(self, seq: int, t: int, out: Outbox, kind: str, legs: tuple[Leg, ...], ref: str, market: str) -> None:
        transaction = f"t{self._postings}"
        self._postings += 1
        for number, leg in enumerate(self.ledger.post(legs, market)):
            posting = Posting(
                id=f"{transaction}.{number}",
                transaction=transaction,
                journal=seq,
                timestamp=t,
                kind=kind,
                account=leg.account,
                amount=leg.amount,
                ref=ref,
            )
            out.put(LEDGER, leg.account, posting, t)


def _account(position: Position) -> str:
    return f"position:{position.strategy}:{position.market_key}:{position.outcome}"
