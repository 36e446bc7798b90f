"""What the portfolio is worth, and the gauges that say so."""

from __future__ import annotations

from flows.trading_line.known import Known
from flows.trading_line.positions import Money, Position
from models.contracts import Number
from models.money import DOLLAR, PIP


def equity(money: Money, known: Known) -> int:
    """Cash, reservations, and positions at the bid (at cost where no valid bid is known), micro-dollars."""
    total = money.ledger.balance("cash") + money.ledger.balance("reserved")
    for position in money.positions.values():
        total += _mark(position, known)
    return total


def gauges(money: Money, known: Known) -> dict[str, Number]:
    """Equity, cash, reserved, realised and unrealised, in dollars; ``ledger_imbalance`` in micro-dollars."""
    ledger = money.ledger
    basis = 0
    for position in money.positions.values():
        basis += position.basis
    worth = equity(money, known)
    cash, reserved = ledger.balance("cash"), ledger.balance("reserved")
    return {
        "equity": worth / DOLLAR,
        "cash": cash / DOLLAR,
        "reserved": reserved / DOLLAR,
        "realised": (-ledger.total("pnl:") - ledger.total("fees:")) / DOLLAR,
        "unrealised": (worth - cash - reserved - basis) / DOLLAR,
        "positions": len(money.positions),
        "ledger_imbalance": ledger.imbalance(),
    }


def _mark(position: Position, known: Known) -> int:
    held = known.markets.get(position.market_key)
    token = held.token(position.outcome) if held is not None else None
    if token is None or not token.ok or not token.bids:
        return position.basis
    return token.bids[0][0] * position.size // PIP
